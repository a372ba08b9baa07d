// A fixture whose yettd runs for each test, and has left nothing when it has ended.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/support/daemon_client.hpp"
#include "tests/support/require.hpp"

namespace yett::test {

inline std::vector<int> children_of(int pid) {
  const std::string name = std::to_string(pid);
  std::ifstream list("/proc/" + name + "/task/" + name + "/children");
  std::vector<int> children;
  for (int child = 0; list >> child;) children.push_back(child);
  return children;
}

class DaemonFixture : public HostUnchanged {
 protected:
  [[nodiscard]] virtual std::string config() const = 0;
  // What it needs to be there.
  virtual void prepare() {}

  void SetUp() override {
    HostUnchanged::SetUp();
    YETT_REQUIRE(::getuid() == 0, "needs root");
    prepare();
    daemon_.emplace(work(), config());
    ASSERT_TRUE(daemon_->ready());
  }
  void TearDown() override {
    const bool runs = daemon_ && daemon_->running();
    const RunResult stopped = runs ? daemon_->stop() : RunResult{};
    if (runs) {
      EXPECT_EQ(stopped.exit_status, 0) << stopped.text();
    }
    daemon_.reset();
    EXPECT_TRUE(sandboxes_gone_within(20'000)) << living_sandbox_processes();
    for (const char* name : {"notify", "yettd.toml"}) std::filesystem::remove(work() + "/" + name);
    HostUnchanged::TearDown();
  }
  [[nodiscard]] bool is_pool_full(const std::string& name, int size) const {
    return daemon_->wait_for_metric("yettd_pool_ready{template=\"" + name + "\"}", size);
  }

  std::optional<RunningDaemon> daemon_;
};

}  // namespace yett::test
