// yettd that runs for a test, and clients of it.
#pragma once

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <fstream>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/frame_client.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {

class DaemonClient : public FrameClient {
 public:
  using FrameClient::FrameClient;

  // As ioctl(2); what comes meanwhile is kept for next().
  int ask(unsigned command, std::uint64_t argument, std::string& memory,
          const std::vector<int>& descriptors = {}) {
    Frame frame = make(command, argument, memory);
    frame.head.sequence = ++sequence_;
    if (!send(frame, descriptors)) return -ENOLINK;
    while (auto answer = receive()) {
      if (answer->head.command == command && answer->head.sequence == sequence_) {
        memory = answer->memory;
        return answer->head.result;
      }
      others_.push_back(*std::move(answer));
    }
    return -ENOLINK;
  }
  int ask(unsigned command, std::uint64_t argument) {
    std::string none;
    return ask(command, argument, none);
  }
  int make_sandbox(const std::string& name) {
    std::string memory = name + '\0';
    return ask(YETT_CREATE, 0, memory);
  }
  int start(int sandbox, const std::vector<std::string>& words,
            const std::vector<int>& descriptors = {}) {
    std::string memory = spawn_memory(sandbox, words);
    return ask(YETT_SPAWN, 0, memory, descriptors);
  }
  // `yett run` with these words, in /.
  int run(const std::vector<std::string>& words, std::array<int, 3> stdio,
          const std::vector<std::string>& environment = {}) {
    std::string strings;
    for (const auto* list : {&words, &environment})
      for (const std::string& word : *list) strings += word + '\0';
    yett_run wanted{};
    wanted.size = sizeof wanted;
    wanted.argument_count = static_cast<std::uint32_t>(words.size());
    wanted.environment_count = static_cast<std::uint32_t>(environment.size());
    wanted.strings_size = static_cast<std::uint32_t>(strings.size());
    wanted.strings = sizeof wanted;
    std::string memory =
        std::string(reinterpret_cast<const char*>(&wanted), sizeof wanted) + strings;
    const UniqueFd here(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
    return ask(YETT_RUN, 0, memory, {stdio[0], stdio[1], stdio[2], here.get()});
  }
  // The next frame that nobody asked for, of this command. Nothing: the connection is over.
  std::optional<Frame> next(unsigned command) {
    for (auto at = others_.begin(); at != others_.end(); ++at) {
      if (at->head.command != command) continue;
      Frame found = std::move(*at);
      others_.erase(at);
      return found;
    }
    while (auto frame = receive()) {
      if (frame->head.command == command) return frame;
      others_.push_back(*std::move(frame));
    }
    return std::nullopt;
  }
  // The exit status; -ENOLINK: the connection is over.
  int wait_for(int program) {
    for (auto at = ends_.find(program);; at = ends_.find(program)) {
      if (at != ends_.end()) return ends_.extract(at).mapped();
      const auto ended = next(YETT_ENDED);
      if (!ended) return -ENOLINK;
      ends_[static_cast<int>(ended->head.argument)] = ended->head.result;
    }
  }
  // The event, of this program and kind.
  std::optional<yett_event_data> event(int program, unsigned kind) {
    while (const auto frame = next(YETT_EVENT)) {
      yett_event_data data{};
      std::memcpy(&data, frame->memory.data(), std::min(sizeof data, frame->memory.size()));
      if (data.kind == kind && static_cast<int>(frame->head.argument) == program) return data;
    }
    return std::nullopt;
  }
  int program_info(int program, yett_program_info& info) {
    info = {};
    info.size = sizeof info;
    info.program = program;
    std::string memory(reinterpret_cast<const char*>(&info), sizeof info);
    const int result = ask(YETT_PROGRAM, 0, memory);
    std::memcpy(&info, memory.data(), sizeof info);
    return result;
  }
  int take(int program) { return ask(YETT_TAKE, static_cast<std::uint64_t>(program)); }
  int signal(int program, int number) {
    yett_signal wanted{};
    wanted.size = sizeof wanted;
    wanted.program = program;
    wanted.signal = number;
    std::string memory(reinterpret_cast<const char*>(&wanted), sizeof wanted);
    return ask(YETT_SIGNAL, 0, memory);
  }
  std::vector<int> list() {
    constexpr std::uint32_t kRoom = 1024;
    yett_list wanted{};
    wanted.size = sizeof wanted;
    wanted.numbers = sizeof wanted;
    wanted.room = kRoom;
    std::string memory(reinterpret_cast<const char*>(&wanted), sizeof wanted);
    memory.resize(sizeof wanted + kRoom * sizeof(int));
    if (ask(YETT_LIST, 0, memory) != 0) return {-1};
    std::memcpy(&wanted, memory.data(), sizeof wanted);
    std::vector<int> numbers(wanted.count);
    std::memcpy(numbers.data(), memory.data() + sizeof wanted, wanted.count * sizeof(int));
    return numbers;
  }

 private:
  std::uint32_t sequence_ = 0;
  std::list<Frame> others_;
  std::map<int, int> ends_;
};

// Started, and ready, when the constructor returns. The destructor stops it.
class RunningDaemon {
 public:
  // `directory`: the test's own; `config` is written there, with its sockets.
  RunningDaemon(const std::string& directory, const std::string& config,
                const std::string& program = YETT_BUILD_DIR "/bin/yettd")
      : directory_(directory), notify_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    const std::string path = directory + "/notify";
    path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    if (::bind(notify_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      std::abort();
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    ::setsockopt(notify_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    configure(config);
    ready_ = start(program);
  }
  RunningDaemon(const RunningDaemon&) = delete;
  RunningDaemon& operator=(const RunningDaemon&) = delete;
  ~RunningDaemon() {
    if (program_) static_cast<void>(stop());
  }
  [[nodiscard]] bool running() const { return program_.has_value(); }

  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] std::string socket() const { return directory_ + "/yettd.sock"; }
  [[nodiscard]] std::string metrics() const { return directory_ + "/metrics.sock"; }
  [[nodiscard]] std::string config_path() const { return directory_ + "/yettd.toml"; }
  [[nodiscard]] int pid() const { return program_->pid(); }
  void configure(const std::string& config) const {
    std::ofstream(config_path()) << "socket = \"" << socket() << "\"\nmetrics = \"" << metrics()
                                 << "\"\n"
                                 << config;
  }
  // Reads the configuration again, and waits until that is done.
  bool reload() {
    program_->kill(SIGHUP);
    return wait_for_state("RELOADING=1") && wait_for_state("READY=1");
  }
  void kill(int signal_number) const { program_->kill(signal_number); }
  // Another one in its place, once that has died.
  bool start(const std::string& program = YETT_BUILD_DIR "/bin/yettd") {
    program_.emplace(std::vector<std::string>{program, "--config", config_path()},
                     RunOptions{.environment = {"NOTIFY_SOCKET=" + directory_ + "/notify"},
                                .timeout = std::chrono::minutes(10)});
    return wait_for_state("READY=1");
  }
  // Nothing of what it has begun dies with it.
  RunResult die() {
    program_->kill(SIGKILL);
    RunResult result = program_->wait();
    program_.reset();
    return result;
  }
  bool upgrade() {
    program_->kill(SIGUSR2);
    return wait_for_state("RELOADING=1") && wait_for_state("READY=1");
  }
  RunResult stop() {
    program_->kill(SIGTERM);
    RunResult result = program_->wait();
    program_.reset();
    return result;
  }
  // What is measured, one value of it; -1: there is none of that name.
  [[nodiscard]] double metric(const std::string& name) const {
    const std::string text = read_metrics();
    const std::size_t at = text.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
  }
  // Until it has this value. False: it does not within 30 s.
  [[nodiscard]] bool wait_for_metric(const std::string& name, double value) const {
    for (int i = 0; i < 3000; ++i) {
      if (metric(name) == value) return true;
      ::usleep(10'000);
    }
    return false;
  }
  [[nodiscard]] std::string read_metrics() const {
    const UniqueFd connection(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    metrics().copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    if (::connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
        0)
      return {};
    constexpr std::string_view kRequest = "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n";
    if (::send(connection.get(), kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) return {};
    std::string text;
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::recv(connection.get(), bytes.data(), bytes.size(), 0)) > 0;)
      text.append(bytes.data(), static_cast<std::size_t>(got));
    return text;
  }

 private:
  bool wait_for_state(std::string_view state) const {
    std::array<char, 256> bytes{};
    for (;;) {
      const ssize_t got = ::recv(notify_.get(), bytes.data(), bytes.size(), 0);
      if (got < 0) return false;
      if (std::string_view(bytes.data(), static_cast<std::size_t>(got)) == state) return true;
    }
  }

  std::string directory_;
  UniqueFd notify_;
  std::optional<RunningProgram> program_;
  bool ready_ = false;
};

// What `work` gives, done by a process with this user's rights and no groups.
inline std::vector<int> as_user(uid_t uid, const std::function<std::vector<int>()>& work) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(uid, uid, uid) != 0 ||
        ::setresuid(uid, uid, uid) != 0)
      ::_exit(1);
    const std::vector<int> results = work();
    const bool told = ::write(pipe[1], results.data(), results.size() * sizeof(int)) >= 0;
    ::_exit(told ? 0 : 1);
  }
  ::close(pipe[1]);
  std::vector<int> results(64);
  const ssize_t got = ::read(pipe[0], results.data(), results.size() * sizeof(int));
  ::close(pipe[0]);
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  results.resize(got > 0 ? static_cast<std::size_t>(got) / sizeof(int) : 0);
  return results;
}

// A pipe whose end a program writes to.
class OutputPipe {
 public:
  OutputPipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) std::abort();
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
  }
  [[nodiscard]] int writer() const { return writer_.get(); }
  // Up to the end of all writers.
  std::string read_all() {
    writer_.reset();
    std::string text;
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; (got = ::read(reader_.get(), bytes.data(), bytes.size())) > 0;)
      text.append(bytes.data(), static_cast<std::size_t>(got));
    return text;
  }
  // One line or what there is of it.
  [[nodiscard]] std::string read_some() const {
    std::array<char, 4096> bytes{};
    const ssize_t got = ::read(reader_.get(), bytes.data(), bytes.size());
    return {bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
  }

 private:
  UniqueFd reader_;
  UniqueFd writer_;
};

}  // namespace yett::test
