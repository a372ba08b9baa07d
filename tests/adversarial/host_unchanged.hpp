// The fixture of all adversarial tests: the host is photographed before and after, and must be the
// same. Mounts are looked at in a mount namespace of the test program's own, so that what other
// programs of the host mount meanwhile is not taken for a leak, and a leak never reaches the host.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace yett::test {

class HostUnchanged : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  // A directory of this test's, removed afterwards; world-searchable, for it is bound into
  // sandboxes.
  [[nodiscard]] const std::string& work() const { return work_; }
  // Files that no sandbox may change, one of them writable by everybody. Below work()/host.
  [[nodiscard]] std::string canary() const { return work_ + "/host/canary"; }
  [[nodiscard]] std::string open_canary() const { return work_ + "/host/open-canary"; }
  static constexpr const char* kCanaryText = "nobody inside may read or change this\n";

  void write_file(const std::string& path, const std::string& text, unsigned mode = 0644) const;
  [[nodiscard]] static std::string read_file(const std::string& path);

 private:
  std::string work_;
  std::map<std::string, std::string> before_;
};

// What tests must leave as it was, by name; differences are told by these names.
[[nodiscard]] std::map<std::string, std::string> photograph_host(const std::string& canaries);
// Processes of sandboxes that this test program started and that still live ("pid comm").
[[nodiscard]] std::string living_sandbox_processes();
// Waits until there is none. False: some are left after `milliseconds`.
[[nodiscard]] bool sandboxes_gone_within(int milliseconds);

}  // namespace yett::test
