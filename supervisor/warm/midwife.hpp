// The process that holds a template and makes its forks instances. It traces them until they run;
// it is root of the host and reads nothing of theirs but numbers that the kernel gives.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/guard/rootfs_child.hpp"
#include "sandbox/plan/sandbox_plan.hpp"
#include "supervisor/warm/birth_message.hpp"
#include "supervisor/warm/instance_process.hpp"

namespace yett {

struct MidwifeInputs {
  const SandboxPlan* plan = nullptr;
  std::string staging_directory;
  UniqueFd image_mount;  // as they are mounted for the template; invalid: none
  UniqueFd truth_mount;
  UniqueFd desk;                // ReadyDesk's other end
  UniqueFd births;              // an end of an instance's line comes with each message
  std::function<void()> ready;  // a template is held
};

class Midwife {
 public:
  explicit Midwife(MidwifeInputs inputs) : inputs_(std::move(inputs)) {}
  // Until nobody is there who could ask.
  void serve();

 private:
  struct Instance {
    UniqueFd keeper;  // invalid: it has gone, and the instance is to end
    UniqueFd pidfd;
    std::optional<InstanceProcess> held;  // until it runs
    int inner = 0;
  };
  [[nodiscard]] Status serve_once();
  [[nodiscard]] Status on_ready();
  [[nodiscard]] Status on_birth();
  [[nodiscard]] Status bear(UniqueFd keeper);
  [[nodiscard]] Status prepare(Instance& instance);
  [[nodiscard]] Status build_root(const Instance& instance);
  void on_keeper(Instance& instance);
  // Its end comes later, if somebody holds it up: nobody waits for it.
  static void end(Instance& instance);
  void tell_end(Instance& instance);

  MidwifeInputs inputs_;
  std::optional<TemplateProcess> template_;
  UniqueFd template_pidfd_;
  std::vector<std::unique_ptr<Instance>> instances_;
};

}  // namespace yett
