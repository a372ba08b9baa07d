// A cgroup v2 directory of the test's own, directly below the hierarchy's root, wherever that is
// mounted. Removed at the end; its members must have left or ended by then.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

namespace yett::test {

class TestCgroup {
 public:
  explicit TestCgroup(const std::string& name) {
    const std::string root = mount_point();
    if (root.empty()) return;
    path_ = root + "/yett-test-" + name + "-" + std::to_string(::getpid());
    if (::mkdir(path_.c_str(), 0755) != 0) path_.clear();
  }
  TestCgroup(const TestCgroup&) = delete;
  TestCgroup& operator=(const TestCgroup&) = delete;
  ~TestCgroup() {
    for (int i = 0; !path_.empty() && ::rmdir(path_.c_str()) != 0 && i < 500; ++i) ::usleep(10'000);
  }

  // False: no cgroup v2 here, or no right to make one.
  [[nodiscard]] bool works() const { return !path_.empty(); }
  [[nodiscard]] bool add(pid_t process) const {
    return write("cgroup.procs", std::to_string(process));
  }
  [[nodiscard]] bool freeze() const { return write("cgroup.freeze", "1"); }
  [[nodiscard]] bool thaw() const { return write("cgroup.freeze", "0"); }
  [[nodiscard]] bool is_frozen() const {
    std::ifstream events(path_ + "/cgroup.events");
    std::stringstream text;
    text << events.rdbuf();
    return text.str().find("frozen 1") != std::string::npos;
  }

 private:
  static std::string mount_point() {
    std::ifstream mounts("/proc/self/mounts");
    for (std::string line; std::getline(mounts, line);) {
      std::string device;
      std::string place;
      std::string type;
      std::istringstream(line) >> device >> place >> type;
      if (type == "cgroup2") return place;
    }
    return {};
  }
  [[nodiscard]] bool write(const char* file, std::string_view text) const {
    const UniqueFd opened(::open((path_ + "/" + file).c_str(), O_WRONLY | O_CLOEXEC));
    return ::write(opened.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  std::string path_;
};

}  // namespace yett::test
