// plugin_host.c in C++ with Asio: one loop for the plugins' sockets, the library's events and the
// time that an answer may take. The same words and the same output; needs yett/yett.hpp and -lyett.
#include <unistd.h>

#include <algorithm>
#include <boost/asio.hpp>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>
#include <yett/yett.hpp>

namespace {

// Whose files plugins may read; empty: none.
std::string shared() {
  const char* directory = std::getenv("PLUGIN_FILES");
  return directory != nullptr ? directory : "";
}

namespace asio = boost::asio;
using asio::local::stream_protocol;
using boost::system::error_code;

// Its sandbox ends with the object.
class Plugin {
 public:
  Plugin(asio::io_context& loop, const yett::Host& host, const std::string& root, std::string path)
      : path_(std::move(path)), sandbox_(host, root), socket_(loop) {
    stream_protocol::socket theirs(loop);
    asio::local::connect_pair(socket_, theirs);
    const int end = theirs.native_handle();
    program_ = sandbox_.start({path_}, {end, end, STDERR_FILENO}, {"PLUGIN_FILES=" + shared()});
    error_code ignored;
    asio::write(socket_, asio::buffer("hello\n", 6), ignored);
  }

  [[nodiscard]] int program() const { return program_; }
  [[nodiscard]] bool waits() const { return !finished_; }
  void say(const std::string& what) const {
    std::cout << path_ << ": " << what << '\n' << std::flush;
  }
  void finish(const std::string& how) {
    say(how);
    finished_ = true;
    socket_.close();
  }
  // One line, or the end of whoever should have written it: that comes as an event, too.
  void listen(const std::function<void()>& on_answer) {
    asio::async_read_until(socket_, asio::dynamic_buffer(answer_), '\n',
                           [this, on_answer](error_code error, std::size_t size) {
                             if (error || finished_) return;
                             finish(answer_.substr(0, size - 1));
                             on_answer();
                           });
  }

 private:
  std::string path_;
  yett::Sandbox sandbox_;
  stream_protocol::socket socket_;
  std::string answer_;
  int program_ = 0;
  bool finished_ = false;
};

class PluginHost {
 public:
  explicit PluginHost(const std::string& socket)
      : host_(socket), events_(loop_, ::dup(host_.event_fd())), time_(loop_) {
    if (const int watched = yett_watch(host_.get()); watched < 0 && watched != -ENOTTY)
      yett::client::checked(watched, "events");
  }

  void run(std::chrono::milliseconds patience, const std::string& root,
           const std::vector<std::string>& paths) {
    for (const std::string& path : paths)
      plugins_.push_back(std::make_unique<Plugin>(loop_, host_, root, path));
    for (const auto& each : plugins_) each->listen([this] { end_when_done(); });
    time_.expires_after(patience);
    time_.async_wait([this](error_code) { loop_.stop(); });
    await_events();
    loop_.run();
    for (const auto& each : plugins_)
      if (each->waits()) each->finish("killed, for it did not answer");
  }

 private:
  void end_when_done() {
    if (std::none_of(plugins_.begin(), plugins_.end(),
                     [](const auto& each) { return each->waits(); }))
      loop_.stop();
  }
  void await_events() {
    events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
      if (error) return;
      while (const auto event = host_.next_event(std::chrono::milliseconds(0))) note(*event);
      await_events();
    });
  }
  // Of yettd there is more to be heard than ends.
  void note(const yett_event& event) {
    for (const auto& each : plugins_) {
      if (each->program() != event.program) continue;
      if (event.kind == YETT_EVENT_REFUSED) each->say("was refused " + std::string(event.call));
      if (event.kind == YETT_EVENT_ASKED) answer(*each, event.count);
      if (event.kind != YETT_EVENT_ENDED || !each->waits()) continue;
      const std::string why = event.text[0] != '\0' ? ", " + std::string(event.text) : "";
      each->finish("ended without an answer, status " + std::to_string(event.status) + why);
    }
    end_when_done();
  }

  // It waits for a file that its sandbox has not. The path has no link and no .. in it, so that
  // what begins alike lies below.
  void answer(const Plugin& plugin, unsigned long long number) {
    const auto asked = host_.question(plugin.program(), number);
    if (!asked || asked->question != number) return;
    const std::string path = asked->path;
    const std::string below = shared() + "/";
    const bool yes = !shared().empty() && asked->access == YETT_GRANT_READ &&
                     path.compare(0, below.size(), below) == 0;
    host_.answer(*asked, yes ? YETT_ANSWER_ONCE : YETT_ANSWER_DENY);
    plugin.say("asked for " + path + (yes ? ", given" : ", denied"));
  }

  asio::io_context loop_;
  yett::Host host_;
  asio::posix::stream_descriptor events_;
  asio::steady_timer time_;
  std::vector<std::unique_ptr<Plugin>> plugins_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: plugin_host_asio SOCKET MILLISECONDS DIRECTORY PLUGIN...\n";
    return 2;
  }
  try {
    PluginHost(argv[1]).run(std::chrono::milliseconds(std::atoi(argv[2])), argv[3],
                            {argv + 4, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << "plugin_host_asio: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
