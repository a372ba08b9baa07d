// Yett as somebody without rights: for a test that root started.
#pragma once

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/yett_runner.hpp"

namespace yett::test {

// A user whom no host has: what it may do it may by nobody's favour.
inline constexpr unsigned kOrdinaryUser = 61'234;

inline void become_ordinary_user() {
  if (::setgroups(0, nullptr) != 0 ||
      ::setresgid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0 ||
      ::setresuid(kOrdinaryUser, kOrdinaryUser, kOrdinaryUser) != 0)
    ::_exit(124);
}

// A directory of that user's, for its runtime directory and its files; gone with this object.
class OrdinaryHome {
 public:
  OrdinaryHome() {
    std::string path = "/var/tmp/yett-user-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) std::abort();
    path_ = path;
    give(path_);
    std::filesystem::create_directory(path_ + "/run");
    give(path_ + "/run");
  }
  OrdinaryHome(const OrdinaryHome&) = delete;
  OrdinaryHome& operator=(const OrdinaryHome&) = delete;
  ~OrdinaryHome() { std::filesystem::remove_all(path_); }

  [[nodiscard]] const std::string& path() const { return path_; }
  static void give(const std::string& path) {
    if (::chown(path.c_str(), kOrdinaryUser, kOrdinaryUser) != 0) std::abort();
  }
  [[nodiscard]] RunOptions options() const {
    RunOptions options{.environment = {"XDG_RUNTIME_DIR=" + path_ + "/run", "HOME=" + path_},
                       .directory = path_};
    options.before_exec = become_ordinary_user;
    return options;
  }

 private:
  std::string path_;
};

}  // namespace yett::test
