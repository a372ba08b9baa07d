// Who has to do with a yettd that dies: programs that are spoken to, users who are connected, and
// others who are root somewhere.
#pragma once

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <string>

#include "tests/support/daemon_client.hpp"

namespace yett::test {

// A program's input and output.
class Talk {
 public:
  Talk() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
    ours_.reset(ends[0]);
    theirs_.reset(ends[1]);
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(ours_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  [[nodiscard]] int theirs() const { return theirs_.get(); }
  void begun() { theirs_.reset(); }
  [[nodiscard]] bool say(const std::string& line) const {
    return ::send(ours_.get(), line.data(), line.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(line.size());
  }
  std::string next_line() {
    std::array<char, 256> bytes{};
    while (text_.find('\n') == std::string::npos) {
      const ssize_t got = ::recv(ours_.get(), bytes.data(), bytes.size(), 0);
      if (got <= 0) return "nothing after \"" + text_ + "\"";
      text_.append(bytes.data(), static_cast<std::size_t>(got));
    }
    const std::size_t end = text_.find('\n');
    std::string line = text_.substr(0, end);
    text_.erase(0, end + 1);
    return line;
  }

 private:
  UniqueFd ours_;
  UniqueFd theirs_;
  std::string text_;
};

// A user's connection, held by a process of that user's until this ends.
class UsersConnection {
 public:
  UsersConnection(uid_t uid, const std::string& socket,
                  const std::function<int(DaemonClient&)>& begin) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) std::abort();
    process_ = ::fork();
    if (process_ == 0) {
      as_user(uid, [&]() -> std::vector<int> {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        DaemonClient client(socket);
        const int program = begin(client);
        if (::write(pipe[1], &program, sizeof program) < 0) return {};
        ::pause();
        return {};
      });
      ::_exit(0);
    }
    ::close(pipe[1]);
    if (::read(pipe[0], &program_, sizeof program_) < 0) program_ = -1;
    ::close(pipe[0]);
  }
  UsersConnection(const UsersConnection&) = delete;
  UsersConnection& operator=(const UsersConnection&) = delete;
  ~UsersConnection() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  [[nodiscard]] int program() const { return program_; }

 private:
  pid_t process_ = -1;
  int program_ = -1;
};

// Root of another pid namespace, as a container's may be: does `work`. Its exit status.
inline int as_another_root(const std::function<int()>& work) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::unshare(CLONE_NEWPID) != 0) ::_exit(100);
    const pid_t inner = ::fork();
    if (inner == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      ::_exit(work());
    }
    int status = 0;
    ::waitpid(inner, &status, 0);
    ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 101);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 102;
}

}  // namespace yett::test
