// SPDX-License-Identifier: Apache-2.0
//
// yett/yett.h for C++17: what is made is ended with its object, and errors are std::system_error.
//
//     yett::Host host("/run/manager.sock");
//     yett::Sandbox sandbox(host, "/srv/plugins");
//     const int plugin = sandbox.start({"/bin/plugin"}, {end, end, 2});
//     if (!host.wait(plugin, std::chrono::seconds(1))) ...  // it runs still
//
//     yett::Function parse(host, sandbox, [&] { return parse_untrusted(input); });
//     const int status = parse.wait();  // as waitpid(2) gives it
//
// Objects belong to one thread at a time, as connections do. A Host outlives its Sandboxes.
#ifndef YETT_YETT_HPP
#define YETT_YETT_HPP

#include <sys/wait.h>
#include <yett/yett.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace yett {

namespace client {

inline int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(-result, std::generic_category(), what);
  return result;
}

struct Disconnect {
  void operator()(yett_host* host) const noexcept { yett_disconnect(host); }
};

inline std::vector<char*> words_of(std::vector<std::string>& texts) {
  std::vector<char*> words;
  for (std::string& text : texts) words.push_back(text.data());
  words.push_back(nullptr);
  return words;
}

}  // namespace client

// As struct yett_request; what is empty is not said.
struct Request {
  std::string package;
  std::string exec_dir;
  std::string data_dir;
  std::vector<std::string> overlay_dirs;
  unsigned uid = 0;
  unsigned gid = 0;
  std::vector<std::string> options;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;
  std::array<int, 3> descriptors{0, 1, 2};
};

class Host {
 public:
  explicit Host(const std::string& path) {
    yett_host* connected = nullptr;
    client::checked(yett_connect(path.c_str(), &connected), path.c_str());
    host_.reset(connected);
  }

  [[nodiscard]] int event_fd() const noexcept { return yett_event_fd(host_.get()); }
  [[nodiscard]] yett_info info() const {
    yett_info told{};
    client::checked(yett_read_info(host_.get(), &told), "YETT_INFO");
    return told;
  }
  // Nothing: none within that time.
  [[nodiscard]] std::optional<yett_event> next_event(std::chrono::milliseconds timeout) const {
    yett_event event{};
    const int told = client::checked(
        yett_next_event(host_.get(), static_cast<int>(timeout.count()), &event), "yett_next_event");
    return told == 1 ? std::optional(event) : std::nullopt;
  }
  // The program's status. Nothing: it runs still.
  [[nodiscard]] std::optional<int> wait(int program, std::chrono::milliseconds timeout) const {
    int status = 0;
    const int told = yett_wait(host_.get(), program, static_cast<int>(timeout.count()), &status);
    if (told == -ETIMEDOUT) return std::nullopt;
    client::checked(told, "yett_wait");
    return status;
  }
  // Events of every kind from here on; of yettd alone.
  void watch() const { client::checked(yett_watch(host_.get()), "yett_watch"); }
  // A program's first question of this number or above. Nothing: none is open.
  [[nodiscard]] std::optional<yett_asked> question(int program, unsigned long long from = 0) const {
    yett_asked asked{};
    const int told = yett_read_question(host_.get(), program, from, &asked);
    if (told == -ENOENT) return std::nullopt;
    client::checked(told, "yett_read_question");
    return asked;
  }
  // False: it is not open any more. `file` stays the caller's.
  bool answer(const yett_asked& asked, int answer, int file = -1) const {
    const int told = yett_answer(host_.get(), asked.program, asked.question, answer, file);
    if (told == -ENOENT) return false;
    client::checked(told, "yett_answer");
    return true;
  }
  // Of a yettd that has gone, on a connection to the next one.
  void take(int program) const { client::checked(yett_take(host_.get(), program), "yett_take"); }
  void kill(int program, int signal) const {
    client::checked(yett_kill(host_.get(), program, signal), "yett_kill");
  }
  // Its number.
  [[nodiscard]] int start(Request request) const {
    const auto text = [](const std::string& each) { return each.empty() ? nullptr : each.c_str(); };
    const std::vector<char*> overlay_dirs = client::words_of(request.overlay_dirs);
    const std::vector<char*> options = client::words_of(request.options);
    const std::vector<char*> arguments = client::words_of(request.arguments);
    const std::vector<char*> environment = client::words_of(request.environment);
    yett_request wanted{};
    wanted.size = sizeof wanted;
    wanted.package = text(request.package);
    wanted.exec_dir = text(request.exec_dir);
    wanted.data_dir = text(request.data_dir);
    wanted.overlay_dirs = overlay_dirs.data();
    wanted.uid = request.uid;
    wanted.gid = request.gid;
    wanted.options = options.data();
    wanted.arguments = arguments.data();
    wanted.environment = environment.data();
    for (std::size_t i = 0; i < request.descriptors.size(); ++i)
      wanted.descriptors[i] = request.descriptors[i];
    return client::checked(yett_start_request(host_.get(), &wanted), "yett_start_request");
  }
  [[nodiscard]] yett_program_info stats(int program) const {
    yett_program_info told{};
    client::checked(yett_stats(host_.get(), program, &told), "yett_stats");
    return told;
  }
  [[nodiscard]] yett_host* get() const noexcept { return host_.get(); }

 private:
  std::unique_ptr<yett_host, client::Disconnect> host_;
};

// One sandbox: what runs in it is killed with the object.
class Sandbox {
 public:
  Sandbox(const Host& host, const std::string& directory)
      : host_(host.get()),
        number_(client::checked(yett_create(host_, directory.c_str()), directory.c_str())) {}
  Sandbox(Sandbox&& other) noexcept
      : host_(std::exchange(other.host_, nullptr)), number_(other.number_) {}
  Sandbox& operator=(Sandbox&& other) noexcept {
    std::swap(host_, other.host_);
    std::swap(number_, other.number_);
    return *this;
  }
  ~Sandbox() {
    if (host_ != nullptr) yett_remove(host_, number_);
  }

  [[nodiscard]] int number() const noexcept { return number_; }
  // The program's number. `descriptors` stay the caller's.
  [[nodiscard]] int start(std::vector<std::string> arguments, std::array<int, 3> descriptors,
                          std::vector<std::string> environment = {}) const {
    const std::vector<char*> words = client::words_of(arguments);
    const std::vector<char*> variables = client::words_of(environment);
    yett_program program{};
    program.size = sizeof program;
    program.sandbox = number_;
    program.arguments = words.data();
    program.environment = variables.data();
    for (std::size_t i = 0; i < descriptors.size(); ++i) program.descriptors[i] = descriptors[i];
    return client::checked(yett_start(host_, &program),
                           arguments.empty() ? "yett_start" : arguments[0].c_str());
  }

 private:
  yett_host* host_;
  int number_;
};

// What yett_enter() begins: a function of the application's, in a sandbox, as a child of this
// process. Its sandbox is killed with the object, and the child waited for.
class Function {
 public:
  // `kept`: descriptors that it has, too. An exception that leaves `work` ends its process, by
  // std::terminate().
  Function(const Host& host, const Sandbox& sandbox, std::function<int()> work,
           const std::vector<int>& kept = {}) {
    yett_function request{};
    request.size = sizeof request;
    request.sandbox = sandbox.number();
    request.kept = kept.data();
    request.kept_count = kept.size();
    entered_.size = sizeof entered_;
    const auto run = [](void* data) noexcept {
      return (*static_cast<std::function<int()>*>(data))();
    };
    const int result = yett_enter(host.get(), &request, run, &work, &entered_);
    const std::string what = entered_.problem[0] != '\0' ? entered_.problem : "yett_enter";
    client::checked(result, what.c_str());
  }
  Function(Function&& other) noexcept
      : entered_(other.entered_), status_(std::exchange(other.status_, 0)) {
    other.entered_.app_pid = 0;
  }
  Function& operator=(Function&& other) noexcept {
    std::swap(entered_, other.entered_);
    std::swap(status_, other.status_);
    return *this;
  }
  ~Function() {
    if (entered_.app_pid == 0) return;
    kill();
    wait();
  }

  [[nodiscard]] const yett_entered& entered() const noexcept { return entered_; }
  void kill() const noexcept { yett_kill_guard(entered_.guard_name); }
  // As waitpid(2) gives it; the same again when it has been waited for.
  int wait() noexcept {
    if (entered_.app_pid == 0) return status_;
    while (waitpid(entered_.app_pid, &status_, 0) < 0 && errno == EINTR) continue;
    entered_.app_pid = 0;
    return status_;
  }

 private:
  yett_entered entered_{};
  int status_ = 0;
};

}  // namespace yett

#endif
