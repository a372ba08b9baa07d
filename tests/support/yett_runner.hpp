// Starts programs, `yett run` above all, and returns what became of them. The yett that is run is
// YETT_BIN of the environment, else the one of the build tree (defined for every test program).
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/pace.hpp"

namespace yett::test {

struct RunOptions {
  std::vector<std::string> environment;  // "NAME=value", beside the caller's own
  std::string input;                     // given on stdin, which is then closed
  std::string directory;                 // working directory; empty: the caller's
  // Killed (SIGKILL) when it takes longer; `timed_out` tells.
  std::chrono::milliseconds timeout{is_emulated_guest() ? 300'000 : 60'000};
  std::function<void()> before_exec;  // in the child, last: leak fds, drop privileges, ...
};

struct RunResult {
  int exit_status = -1;  // 0..255; 128+n when signal n ended it, as a shell says it
  int signal = 0;        // that ended it; 0: it exited
  bool timed_out = false;
  std::string out;
  std::string err;
  double seconds = 0;
  int pid = 0;  // what it was: yett's pid names the sandbox's host uid

  [[nodiscard]] std::string text() const {
    return "exit " + std::to_string(exit_status) + (timed_out ? " (timed out)" : "") +
           "\n--- stdout\n" + out + "--- stderr\n" + err;
  }
};

inline std::string yett_binary() {
  const char* given = std::getenv("YETT_BIN");
  return given != nullptr ? given : YETT_BUILD_DIR "/bin/yett";
}

// Every program this test program has started: with them a test can look for what they left.
class StartedPrograms {
 public:
  void add(int pid) {
    const std::scoped_lock held(lock_);
    pids_.push_back(pid);
  }
  [[nodiscard]] std::vector<int> all() const {
    const std::scoped_lock held(lock_);
    return pids_;
  }

 private:
  mutable std::mutex lock_;
  std::vector<int> pids_;
};
inline StartedPrograms& started_programs() {
  static StartedPrograms programs;
  return programs;
}

// A program that runs: for tests that do something to it meanwhile. The destructor kills it.
class RunningProgram {
 public:
  RunningProgram(std::vector<std::string> argv, RunOptions options) : options_(std::move(options)) {
    std::array<std::array<int, 2>, 3> pipes{};
    for (auto& each : pipes)
      if (::pipe2(each.data(), O_CLOEXEC) != 0) std::abort();
    began_ = std::chrono::steady_clock::now();
    pid_ = ::fork();
    if (pid_ == 0) run_child(pipes, argv);
    ::close(pipes[0][0]);
    ::close(pipes[1][1]);
    ::close(pipes[2][1]);
    input_ = pipes[0][1];
    outputs_ = {pipes[1][0], pipes[2][0]};
    ::fcntl(input_, F_SETFL, O_NONBLOCK);
    result_.pid = pid_;
    started_programs().add(pid_);
  }
  RunningProgram(const RunningProgram&) = delete;
  RunningProgram& operator=(const RunningProgram&) = delete;
  ~RunningProgram() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      wait();
    }
  }

  [[nodiscard]] int pid() const { return pid_; }
  void kill(int signal_number) const { ::kill(pid_, signal_number); }

  // Reads until stdout has `text` (true), or it ended or `limit` passed (false).
  bool wait_for_output(std::string_view text, std::chrono::milliseconds limit) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (result_.out.find(text) == std::string::npos) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left.count() <= 0 || !pump(left)) return result_.out.find(text) != std::string::npos;
    }
    return true;
  }
  [[nodiscard]] const std::string& output() const { return result_.out; }

  // Feeds stdin, collects both outputs until their end or the timeout, reaps.
  RunResult wait() {
    const auto until = began_ + options_.timeout;
    while (outputs_[0] >= 0 || outputs_[1] >= 0) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left.count() <= 0) {
        result_.timed_out = true;
        ::kill(pid_, SIGKILL);
        break;
      }
      if (!pump(left)) break;
    }
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began_;
    pid_ = -1;
    result_.seconds = took.count();
    if (WIFSIGNALED(status)) result_.signal = WTERMSIG(status);
    result_.exit_status = result_.signal != 0 ? 128 + result_.signal : WEXITSTATUS(status);
    for (int* fd : {&input_, &outputs_[0], &outputs_[1]}) close_one(*fd);
    return std::move(result_);
  }

 private:
  [[noreturn]] void run_child(const std::array<std::array<int, 2>, 3>& pipes,
                              const std::vector<std::string>& argv) const {
    ::dup2(pipes[0][0], 0);
    ::dup2(pipes[1][1], 1);
    ::dup2(pipes[2][1], 2);
    for (const auto& each : pipes)  // before_exec may never come to exec
      for (const int fd : each) ::close(fd);
    if (!options_.directory.empty() && ::chdir(options_.directory.c_str()) != 0) ::_exit(124);
    for (const std::string& entry : options_.environment) ::putenv(::strdup(entry.c_str()));
    std::vector<char*> arguments;
    for (const std::string& argument : argv)
      arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    if (options_.before_exec) options_.before_exec();
    ::execvp(arguments[0], arguments.data());
    ::dprintf(2, "cannot execute %s: %s\n", arguments[0], std::strerror(errno));
    ::_exit(124);
  }

  static void close_one(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }

  void feed() {
    while (fed_ < options_.input.size()) {
      const ssize_t wrote =
          ::write(input_, options_.input.data() + fed_, options_.input.size() - fed_);
      if (wrote < 0 && errno == EAGAIN) return;
      if (wrote < 0) break;
      fed_ += static_cast<std::size_t>(wrote);
    }
    close_one(input_);
  }

  // One round of poll. False: both outputs are at their end.
  bool pump(std::chrono::steady_clock::duration left) {
    if (outputs_[0] < 0 && outputs_[1] < 0) return false;
    std::array<struct pollfd, 3> ready{{{.fd = outputs_[0], .events = POLLIN, .revents = 0},
                                        {.fd = outputs_[1], .events = POLLIN, .revents = 0},
                                        {.fd = input_, .events = POLLOUT, .revents = 0}}};
    const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(left).count();
    if (::poll(ready.data(), ready.size(), static_cast<int>(milliseconds)) < 0) return true;
    if (ready[2].revents != 0) {
      struct sigaction ignore{};
      struct sigaction before{};
      ignore.sa_handler = SIG_IGN;
      ::sigaction(SIGPIPE, &ignore, &before);
      feed();
      ::sigaction(SIGPIPE, &before, nullptr);
    }
    for (std::size_t i = 0; i < 2; ++i) {
      if (ready[i].revents == 0) continue;
      std::array<char, 65536> buffer{};
      const ssize_t got = ::read(outputs_[i], buffer.data(), buffer.size());
      if (got <= 0)
        close_one(outputs_[i]);
      else
        (i == 0 ? result_.out : result_.err).append(buffer.data(), static_cast<std::size_t>(got));
    }
    return true;
  }

  RunOptions options_;
  std::chrono::steady_clock::time_point began_;
  int pid_ = -1;
  int input_ = -1;
  std::array<int, 2> outputs_{-1, -1};
  std::size_t fed_ = 0;
  RunResult result_;
};

inline RunResult run_program(std::vector<std::string> argv, RunOptions options = {}) {
  return RunningProgram(std::move(argv), std::move(options)).wait();
}

inline std::vector<std::string> yett_command(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), yett_binary());
  return arguments;
}

// yett with these arguments: {"run", "--", "true"}.
inline RunResult run_yett(std::vector<std::string> arguments, RunOptions options = {}) {
  return run_program(yett_command(std::move(arguments)), std::move(options));
}

}  // namespace yett::test
