// A fork of the template that is not let go yet: it is given an identity of its own by calls that
// it makes itself, and then what it is to do. What goes wrong ends it.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "supervisor/warm/template_process.hpp"

namespace yett {

// What one instance is to do.
struct InstanceProgram {
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::array<UniqueFd, 3> descriptors;  // standard input, output and error; invalid: /dev/null
};

// To the socket of an instance that is prepared, for its run(). Whoever asked for the instance can
// have files that are slow to close: no process that others need may hold them.
[[nodiscard]] Status send_descriptors(BorrowedFd line, InstanceProgram& program);

class InstanceProcess {
 public:
  [[nodiscard]] static Result<InstanceProcess> make(Newborn newborn,
                                                    const TemplateProcess& made_of);

  [[nodiscard]] int pid() const { return process_.pid(); }
  [[nodiscard]] int inner() const { return inner_; }

  // Into the v1 cgroup of this `tasks` file: by itself, which takes no wait for all processors.
  [[nodiscard]] Status join_cgroup(BorrowedFd task_file);
  // Once its cgroup, its root and its ids are there: session, cgroup namespace, working directory,
  // and no capability any more.
  [[nodiscard]] Status take_identity();
  // Where its descriptors are to be sent.
  [[nodiscard]] BorrowedFd line() const { return line_.borrow(); }
  // Its YETT_READY returns: the instance runs. Precondition: take_identity(); the program's
  // descriptors have been sent.
  [[nodiscard]] Status run(const InstanceProgram& program);

 private:
  InstanceProcess(Newborn newborn, const TemplateProcess& made_of)
      : process_(std::move(newborn.process)),
        inner_(newborn.inner),
        scratch_(made_of.scratch()),
        argument_(made_of.argument()),
        directory_(made_of.directory()),
        robust_list_(made_of.robust_list()) {}
  [[nodiscard]] Status open_line();
  // What has been sent to its line: its numbers of them.
  [[nodiscard]] Result<std::vector<int>> take_descriptors(std::size_t count);
  [[nodiscard]] Status change_directory();
  [[nodiscard]] Status drop_capabilities();
  [[nodiscard]] Status tell(const InstanceProgram& program);

  HeldProcess process_;
  int inner_ = 0;
  std::uint64_t scratch_ = 0;
  std::uint64_t argument_ = 0;  // the address of its struct yett_ready
  std::string directory_;
  std::array<std::uint64_t, 2> robust_list_{};
  UniqueFd line_;  // ours, of a socket pair with it
  int their_line_ = -1;
};

}  // namespace yett
