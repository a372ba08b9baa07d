// Refusals explained, each in four steps: the call is refused; `yett explain` says what the golden
// text says; with the policy that `--write` wrote the call passes; its neighbour is still refused.
// YETT_WRITE_GOLDEN=1 writes the golden texts anew.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>

#include "base/unique_fd.hpp"
#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett {
namespace {

namespace fs = std::filesystem;
using test::run_program;
using test::run_yett;
using test::RunResult;

constexpr int kRefused = 3;

// In all texts DIR is the case's directory, PORT and OTHER are ports that a server holds (PORT) and
// that nobody holds (FREE, NEXT), PYTHON is the interpreter.
struct Refusal {
  const char* name;
  const char* plane;
  const char* policy;     // TOML; empty: the built-in default
  const char* attempt;    // Python; passes silently, or raises OSError or ValueError
  const char* neighbour;  // the same for the call that must stay refused
  const char* call;       // of the record
};

// call(number, arguments...): a raw system call. A refusal of any kind ends with kRefused.
constexpr const char* kPrelude = R"(
import ctypes, os, resource, socket, subprocess, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(number, *[ctypes.c_long(each) for each in arguments])
    if result < 0:
        raise OSError(ctypes.get_errno(), 'refused')
def page():
    room = ctypes.create_string_buffer(16384)
    return (ctypes.addressof(room) + 4095) & ~4095
def read(path):
    with open(path, 'rb') as file:
        if not file.read():
            raise OSError(0, 'empty')
def append(path):
    os.close(os.open(path, os.O_WRONLY | os.O_APPEND))
def spawn(path):
    subprocess.run([path], stdin=subprocess.DEVNULL, capture_output=True)
def write(path, size):
    with open(path, 'wb', 0) as file:
        left = size
        while left:
            left -= file.write(b'x' * min(left, 65536))
def run_written():
    with open('/tmp/mine', 'w') as file:
        file.write('#!/bin/sh\nexit 0\n')
    os.chmod('/tmp/mine', 0o755)
    spawn('/tmp/mine')
def run_memory():
    fd = os.memfd_create('mine', 0)
    os.write(fd, b'#!/bin/sh\n')
    os.execve(fd, ['mine'], {})
def connect(port):
    socket.create_connection(('127.0.0.1', port), 5).close()
def bind(port):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(('127.0.0.1', port))
def send(port):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))
def raise_limit(which, value):
    resource.setrlimit(which, (value, value))
def open_many(count):
    files = [os.open('/dev/null', os.O_RDONLY) for each in range(count)]
try:
    ATTEMPT
except (OSError, ValueError) as error:
    print(error)
    os._exit(3)
)";

constexpr const char* kHostNetwork = "[network]\nmode = \"host\"\n";
constexpr const char* kReadD = "[files]\nread = [\"DIR/d\"]\n";
constexpr const char* kPythonOnly = "[files]\nexec = [\"PYTHON\"]\n";

const Refusal kRefusals[] = {
    {"filter_ptrace", "filter", "", "call(101, 0, 0, 0, 0)", "call(312, 1, 1, 0, 1, 1)", "ptrace"},
    {"filter_mincore", "filter", "", "call(27, page(), 4096, page())", "call(151, 1)", "mincore"},
    {"filter_shmget", "filter", "", "call(29, 0, 4096, 0o600)", "call(68, 0, 0o600)", "shmget"},
    {"filter_msgget", "filter", "", "call(68, 0, 0o600)", "call(64, 0, 1, 0o600)", "msgget"},
    {"filter_ioprio_get", "filter", "", "call(252, 1, 0)", "call(251, 1, 0, 0)", "ioprio_get"},
    {"filter_denied", "filter", "[syscalls]\ndeny = [\"getppid\",\n        \"getpgrp\"]\n",
     "call(110)", "call(111)", "getppid"},

    {"mount_hidden_file", "mount tree", "", "read('DIR/d/f')", "read('DIR/d/g')", "openat"},
    {"mount_hidden_directory", "mount tree", "", "os.listdir('DIR/d')", "os.listdir('DIR/e')",
     "openat"},
    {"mount_write_file", "mount tree", kReadD, "append('DIR/d/f')", "append('DIR/d/g')", "openat"},
    {"mount_make_directory", "mount tree", kReadD, "os.mkdir('DIR/d/sub/new')",
     "os.mkdir('DIR/d/new')", "mkdir"},
    {"mount_unlink", "mount tree", "[files]\nread = [\"DIR/d\", \"DIR/e\"]\n",
     "os.unlink('DIR/d/f')", "os.unlink('DIR/e/f')", "unlink"},
    {"ask_nobody", "supervisor", "[files]\nask = [\"DIR/d/f\"]\n[on]\nviolation = \"ask\"\n",
     "read('DIR/d/f')", "read('DIR/d/g')", "openat"},
    {"mount_masked_file", "mount tree",
     "[files]\nread = [\"DIR/d\"]\ndeny = [\n  \"DIR/d/f\",\n  \"DIR/d/g\",\n]\n",
     "read('DIR/d/f')", "read('DIR/d/g')", "openat"},
    {"mount_masked_program", "mount tree",
     "[files]\ndeny = [\"/usr/bin/env\", \"/usr/bin/uniq\"]\n", "spawn('/usr/bin/env')",
     "spawn('/usr/bin/uniq')", "execve"},
    {"mount_written_program", "mount tree", "", "run_written()", "run_memory()", "execve"},
    {"mount_unlisted_program", "mount tree", kPythonOnly, "spawn('/usr/bin/env')",
     "spawn('/usr/bin/uniq')", "execve"},
    {"mount_no_room", "mount tree", "[files]\ntmpfs = { \"/tmp\" = \"1M\" }\n",
     "write('/tmp/file', 1500000)", "write('/tmp/file', 3000000)", "write"},

    {"cgroup_connect", "cgroup-bpf", kHostNetwork, "connect(PORT)", "connect(OTHER)", "connect"},
    {"cgroup_bind", "cgroup-bpf", kHostNetwork, "bind(FREE)", "bind(NEXT)", "bind"},
    {"cgroup_send", "cgroup-bpf", kHostNetwork, "send(FREE)", "send(NEXT)", "sendmsg"},

    {"landlock_library_program", "landlock", kPythonOnly, "spawn('TOOL')", "spawn('SPARE')",
     "execve"},

    {"supervisor_open_files", "supervisor", "", "raise_limit(resource.RLIMIT_NOFILE, 2048)",
     "raise_limit(resource.RLIMIT_NOFILE, 4096)", "prlimit64"},
    {"supervisor_file_size", "supervisor", "[limits]\nfile_size = \"1M\"\n",
     "raise_limit(resource.RLIMIT_FSIZE, 2 << 20)", "raise_limit(resource.RLIMIT_FSIZE, 4 << 20)",
     "prlimit64"},
    {"supervisor_processes", "supervisor", "", "raise_limit(resource.RLIMIT_NPROC, 300)",
     "raise_limit(resource.RLIMIT_NPROC, 400)", "prlimit64"},

    {"rlimit_open_files", "rlimit", "[limits]\nopen_files = 64\n", "open_many(80)",
     "open_many(200)", "openat"},
    {"rlimit_file_size", "rlimit", "[limits]\nfile_size = \"1M\"\n", "write('/tmp/file', 1500000)",
     "write('/tmp/file', 3000000)", "write"},
};

std::string replace_all(std::string text, const std::string& from, const std::string& into) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += into.size())
    text.replace(at, from.size(), into);
  return text;
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Two programs that lie among the libraries.
std::vector<std::string> programs_among_libraries() {
  std::vector<std::string> found;
  for (const char* directory :
       {"/usr/lib/apt/methods", "/usr/lib/git-core", "/usr/lib/openssh", "/usr/lib/dpkg/methods"}) {
    std::error_code missing;
    for (const auto& entry : fs::directory_iterator(directory, missing))
      if (entry.is_regular_file() && !entry.is_symlink() &&
          ::access(entry.path().c_str(), X_OK) == 0)
        found.push_back(entry.path());
    if (found.size() >= 2) break;
    found.clear();
  }
  std::ranges::sort(found);
  return found;
}

// A socket of 127.0.0.1, and its port.
class Server {
 public:
  explicit Server(bool listens) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    if (!listens) return;
    EXPECT_EQ(::listen(socket_.get(), 8), 0);
  }
  [[nodiscard]] std::string port() const { return std::to_string(port_); }
  void close() { socket_.reset(); }

 private:
  UniqueFd socket_;
  std::uint16_t port_ = 0;
};

class Explained : public testing::TestWithParam<Refusal> {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "root");
    std::string pattern = "/var/tmp/yett-explain.XXXXXX";
    directory_ = ::mkdtemp(pattern.data());
    fs::permissions(directory_, fs::perms(0755));
    for (const char* name : {"d", "e"}) {
      fs::create_directories(directory_ / name / "sub");
      for (const char* file : {"f", "g"})
        std::ofstream(directory_ / name / file) << "a text of the host\n";
    }
    python_ = fs::canonical("/usr/bin/python3");
    programs_ = programs_among_libraries();
    YETT_REQUIRE(programs_.size() >= 2, "programs of apt or git in /usr/lib");
    free_.close();
    next_.close();
    std::ofstream(policy()) << filled(GetParam().policy);
  }
  void TearDown() override {
    if (!directory_.empty()) fs::remove_all(directory_);
  }

  [[nodiscard]] std::string filled(std::string text) const {
    for (const auto& [name, value] : {std::pair{"DIR", directory_.string()},
                                      {"PYTHON", python_},
                                      {"PORT", held_.port()},
                                      {"OTHER", other_.port()},
                                      {"TOOL", programs_[0]},
                                      {"SPARE", programs_[1]},
                                      {"FREE", free_.port()},
                                      {"NEXT", next_.port()}})
      text = replace_all(std::move(text), name, value);
    return text;
  }
  [[nodiscard]] fs::path policy() const { return directory_ / "policy.toml"; }
  [[nodiscard]] fs::path wider() const { return directory_ / "wider.toml"; }
  [[nodiscard]] fs::path log() const { return directory_ / "audit.jsonl"; }

  [[nodiscard]] RunResult attempt(const fs::path& policy_file, const char* what,
                                  std::vector<std::string> flags = {}) const {
    const std::string script = replace_all(kPrelude, "ATTEMPT", filled(what));
    flags.insert(flags.begin(), "run");
    flags.insert(flags.end(), {"--policy", policy_file, "--", python_, "-c", script});
    return run_yett(flags);
  }

  // The id of the refusal that the case is about: the last of its call.
  [[nodiscard]] std::string id() const {
    std::ifstream file(log());
    std::string found;
    for (std::string line; std::getline(file, line);) {
      const auto record = nlohmann::json::parse(line, nullptr, false);
      if (record.is_object() && record.value("call", "") == GetParam().call)
        found = record.value("id", "");
    }
    return found;
  }

  // Without what differs from run to run and from machine to machine.
  [[nodiscard]] std::string plain(std::string text) const {
    text = replace_all(std::move(text), directory_, "DIR");
    text = replace_all(std::move(text), python_, "PYTHON");
    text = replace_all(std::move(text), fs::path(python_).filename(), "PYTHON");
    text = replace_all(std::move(text), programs_[0], "TOOL");
    for (const auto& [port, name] :
         {std::pair{held_.port(), "PORT"}, {other_.port(), "OTHER"}, {free_.port(), "FREE"}})
      text = replace_all(std::move(text), ":" + port, std::string(":") + name);
    const auto change = [&text](const char* pattern, const char* into) {
      text = std::regex_replace(text, std::regex(pattern), into);
    };
    change("0x[0-9a-f]{6,}", "ADDRESS");
    change("pid [0-9]+\\)", "pid N)");
    change("yett-[0-9]+", "NAME");
    change("[0-9-]{10}T[0-9:.]+Z", "TIME");
    change(", [0-9]+ times", "");
    change("fd=[0-9]+", "fd=N");
    change("  bpf-lsm .*\n", "");  // whether it is in force is the kernel's
    return text;
  }

  void compare_with_golden(const std::string& text) const {
    const fs::path golden = fs::path(YETT_SOURCE_DIR "/tests/integration/golden/explain") /
                            (std::string(GetParam().name) + ".txt");
    if (std::getenv("YETT_WRITE_GOLDEN") != nullptr) {
      fs::create_directories(golden.parent_path());
      std::ofstream(golden) << text;
    }
    EXPECT_EQ(text, read_text(golden));
  }

  fs::path directory_;
  std::string python_;
  std::vector<std::string> programs_;
  Server held_{true};
  Server other_{true};
  Server free_{false};
  Server next_{false};
};

TEST_P(Explained, IsRefusedExplainedAllowedAndNothingElse) {
  const Refusal& refusal = GetParam();
  const RunResult refused = attempt(policy(), refusal.attempt, {"--trace", "--audit", log()});
  ASSERT_EQ(refused.exit_status, kRefused) << refused.text();

  const std::string which = id();
  ASSERT_NE(which, "") << read_text(log());
  const RunResult explained = run_yett({"explain", "--audit", log(), "--write", wider(), which});
  ASSERT_EQ(explained.exit_status, 0) << explained.text();
  // Where BPF LSM is in force, it may come before the plane that is told here.
  if (explained.out.find("  plane       bpf-lsm\n") == std::string::npos) {
    EXPECT_THAT(explained.out, testing::HasSubstr(std::string("  plane       ") + refusal.plane));
    compare_with_golden(plain(explained.out));
  }

  const RunResult passed = attempt(wider(), refusal.attempt);
  EXPECT_EQ(passed.exit_status, 0) << passed.text() << read_text(wider());
  const RunResult neighbour = attempt(wider(), refusal.neighbour);
  EXPECT_EQ(neighbour.exit_status, kRefused) << neighbour.text() << read_text(wider());
}

INSTANTIATE_TEST_SUITE_P(Refusals, Explained, testing::ValuesIn(kRefusals),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace yett
