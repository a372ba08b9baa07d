// A sandbox that does, one by one, what a test asks it to do, while the test swaps its policy.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.hpp"
#include "tests/support/named_sandbox.hpp"

namespace yett::test {

// Listens at a port of the kernel's choice on 127.0.0.1, and says a line to whoever comes.
class LineServer {
 public:
  LineServer() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* place = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(socket_.get(), place, size), 0);
    EXPECT_EQ(::listen(socket_.get(), 256), 0);
    EXPECT_EQ(::getsockname(socket_.get(), place, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;
  ~LineServer() {
    ::shutdown(socket_.get(), SHUT_RD);
    thread_.join();
  }
  [[nodiscard]] std::string port() const { return std::to_string(port_); }
  [[nodiscard]] std::string rule() const { return "\"tcp://127.0.0.1:" + port() + "\""; }

 private:
  void serve() const {
    for (;;) {
      const UniqueFd caller(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!caller.valid()) return;
      static_cast<void>(::send(caller.get(), "hello\n", 6, MSG_NOSIGNAL));
    }
  }
  UniqueFd socket_;
  int port_ = 0;
  std::thread thread_;
};

// Words: "connect PORT", "listen PORT", "call NUMBER [ARGUMENT...]", "hammer PORT" (connects until
// "rest", which tells how often and how often in vain), "end".
inline constexpr const char* kObedient = R"(
import ctypes, errno, os, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
stop, counts = threading.Event(), [0, 0]
def connect(port):
    with socket.create_connection(("127.0.0.1", port), 20) as s: s.recv(16)
def hammer(port):
    while not stop.is_set():
        counts[0] += 1
        try: connect(port)
        except OSError: counts[1] += 1
def listen(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", port)); s.listen()
def do(word, *numbers):
    numbers = [int(n) for n in numbers]
    if word == "connect": connect(*numbers)
    elif word == "listen": listen(*numbers)
    elif word == "call":
        if libc.syscall(*[ctypes.c_long(n) for n in numbers]) < 0:
            raise OSError(ctypes.get_errno(), "")
    elif word == "hammer": threading.Thread(target=hammer, args=numbers, daemon=True).start()
    elif word == "rest":
        stop.set(); return "%d of %d" % (counts[1], counts[0])
    elif word == "pid": return str(os.getpid())
    elif word == "end": sys.exit(0)
    return "ok"
n = 0
while True:
    n += 1
    while not os.path.exists("%s/%d" % (sys.argv[1], n)): time.sleep(0.005)
    try: said = do(*open("%s/%d" % (sys.argv[1], n)).read().split())
    except OSError as error: said = errno.errorcode.get(error.errno, str(error.errno))
    print("%d=%s;" % (n, said), flush=True)
)";

class SwappedSandbox : public NamedSandbox {
 public:
  // `directory`: the test's own; it is removed by the caller.
  SwappedSandbox(std::string directory, const std::string& policy,
                 std::vector<std::string> flags = {})
      : NamedSandbox(std::move(directory), kName) {
    const std::string& place = this->directory();
    std::filesystem::create_directory(asked());
    std::ofstream(place + "/obedient.py") << kObedient;
    flags.insert(flags.begin(), {"-v", place + ":" + place + ":ro"});
    RunOptions options;
    options.timeout *= 4;
    start(write("started", policy), flags, {"/usr/bin/python3", place + "/obedient.py", asked()},
          options);
  }

  // The file of a policy.
  std::string write(const std::string& name, const std::string& policy) const {
    const std::string path = directory() + "/" + name + ".toml";
    std::ofstream(path) << policy;
    return path;
  }
  [[nodiscard]] RunResult swap_file(const std::string& file) const {
    return run_yett({"--root", root(), "policy", "swap", kName, file});
  }
  [[nodiscard]] RunResult swap(const std::string& policy) const {
    return swap_file(write("swapped", policy));
  }
  // What the program inside says of it: "ok", or an errno's name.
  std::string ask(const std::string& words) {
    const std::string number = put(words);
    const std::string mark = "\n" + number + "=";
    program().wait_for_output(number + "=", std::chrono::seconds(60));
    const std::string heard = "\n" + program().output();
    const std::size_t begin = heard.find(mark);
    if (begin == std::string::npos) return "nothing";
    const std::size_t first = begin + mark.size();
    return heard.substr(first, heard.find(';', first) - first);
  }
  RunResult end() {
    put("end");
    return program().wait();
  }

  [[nodiscard]] std::string socket_path() const { return socket("swap"); }
  [[nodiscard]] std::string asked() const { return directory() + "/asked"; }
  static constexpr const char* kName = "swapped";

 private:
  std::string put(const std::string& words) {
    const std::string number = std::to_string(++asked_);
    std::ofstream(asked() + "/new") << words;
    std::filesystem::rename(asked() + "/new", asked() + "/" + number);
    return number;
  }

  int asked_ = 0;
};

}  // namespace yett::test
