// Real programs, unmodified, under the default policy: from the host, from a squashfs and from an
// EROFS package.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "base/unique_fd.hpp"
#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"
#include "tests/workload/images.hpp"

namespace yett::test {
namespace {

using namespace std::chrono_literals;

// A directory of the test's own below the build tree, gone afterwards.
class Workload : public ::testing::TestWithParam<Image> {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "the full mode needs root");
    std::string path = YETT_BUILD_DIR "/workload-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    ::chmod(path.c_str(), 0755);
    ImageArgument image = image_argument(GetParam());
    ASSERT_EQ(image.problem, "");
    image_ = std::move(image.arguments);
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  std::string write_file(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }

  // yett run FLAGS IMAGE -- COMMAND
  std::vector<std::string> command_line(std::vector<std::string> flags,
                                        std::vector<std::string> command) {
    std::vector<std::string> line = yett_command({"run"});
    line.insert(line.end(), flags.begin(), flags.end());
    line.insert(line.end(), image_.begin(), image_.end());
    line.emplace_back("--");
    line.insert(line.end(), command.begin(), command.end());
    return line;
  }
  RunResult run(std::vector<std::string> flags, std::vector<std::string> command,
                RunOptions options = {}) {
    return run_program(command_line(std::move(flags), std::move(command)), std::move(options));
  }

  std::string directory_;
  std::vector<std::string> image_;
};

// A TCP port of 127.0.0.1 that was free a moment ago.
int free_port() {
  const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

bool wait_for_port(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  for (int i = 0; i < 300; ++i) {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
      return true;
    std::this_thread::sleep_for(100ms);
  }
  return false;
}

std::string listen_policy(int port) {
  return "[network]\nmode = \"host\"\nlisten = [\"tcp://127.0.0.1:" + std::to_string(port) +
         "\"]\n";
}

TEST_P(Workload, Python) {
  const RunResult result =
      run({}, {"python3", "-c",
               "import ssl,sqlite3,json,threading,subprocess\n"
               "subprocess.run(['true'], check=True)\n"
               "t = threading.Thread(target=print, args=('from a thread',)); t.start(); t.join()\n"
               "print(json.dumps(sqlite3.connect(':memory:').execute('select 6*7').fetchone()))\n"
               "print(ssl.create_default_context().verify_mode.name)"});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_EQ(result.out, "from a thread\n[42]\nCERT_REQUIRED\n") << result.text();
}

TEST_P(Workload, NodeWithWorkerThreads) {
  const std::string script =
      write_file("workers.js",
                 "const {Worker, isMainThread, parentPort} = require('worker_threads');\n"
                 "if (isMainThread) {\n"
                 "  let sum = 0, left = 4;\n"
                 "  for (let i = 0; i < 4; i++)\n"
                 "    new Worker(__filename).on('message', n => {\n"
                 "      sum += n; if (--left === 0) console.log('sum', sum);\n"
                 "    });\n"
                 "} else {\n"
                 "  let n = 0; for (let i = 0; i < 1000; i++) n += i; parentPort.postMessage(n);\n"
                 "}\n");
  const RunResult result = run({"-v", script + ":/workers.js:ro"}, {"node", "/workers.js"});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_EQ(result.out, "sum 1998000\n") << result.text();
}

TEST_P(Workload, RedisServesItsBenchmark) {
  const int port = free_port();
  const std::string policy = write_file("redis.toml", listen_policy(port));
  RunningProgram server(
      command_line({"--policy", policy}, {"redis-server", "--port", std::to_string(port), "--bind",
                                          "127.0.0.1", "--save", "", "--dir", "/tmp"}),
      {});
  ASSERT_TRUE(wait_for_port(port)) << server.output();
  const RunResult benchmark = run_program(
      {"redis-benchmark", "-p", std::to_string(port), "-n", "5000", "-q", "-t", "set,get"});
  EXPECT_EQ(benchmark.exit_status, 0) << benchmark.text();
  EXPECT_NE(benchmark.out.find("GET: "), std::string::npos) << benchmark.text();
  server.kill(SIGTERM);
  const RunResult ended = server.wait();
  EXPECT_EQ(ended.exit_status, 0) << ended.text();
}

// The twin: a port that the policy does not name is refused, and the refusal is told.
TEST_P(Workload, RedisMayListenNowhereElse) {
  const int port = free_port();
  const std::string policy =
      write_file("redis.toml", listen_policy(port == 65535 ? port - 1 : port + 1));
  const RunResult result =
      run({"--policy", policy}, {"redis-server", "--port", std::to_string(port), "--bind",
                                 "127.0.0.1", "--save", "", "--dir", "/tmp"});
  EXPECT_EQ(result.exit_status, 1) << result.text();
  EXPECT_NE(result.out.find("ermi"), std::string::npos)
      << result.text();  // "Permission denied", "not permitted"
}

TEST_P(Workload, NginxServesWrk) {
  const int port = free_port();
  const std::string policy = write_file("nginx.toml", listen_policy(port));
  const std::string configuration =
      write_file("nginx.conf",
                 "daemon off; pid /tmp/nginx.pid; error_log stderr; worker_processes 2;\n"
                 "events { worker_connections 256; }\n"
                 "http { access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p;\n"
                 "  fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;\n"
                 "  server { listen 127.0.0.1:" +
                     std::to_string(port) +
                     ";\n"
                     "    location / { return 200 \"hello\\n\"; } } }\n");
  RunningProgram server(command_line({"--policy", policy, "-v", configuration + ":/nginx.conf:ro"},
                                     {"nginx", "-c", "/nginx.conf", "-e", "stderr"}),
                        {});
  ASSERT_TRUE(wait_for_port(port));
  const RunResult load =
      run_program({"wrk", "-t1", "-c8", "-d1s", "http://127.0.0.1:" + std::to_string(port) + "/"});
  EXPECT_EQ(load.exit_status, 0) << load.text();
  EXPECT_NE(load.out.find("Requests/sec"), std::string::npos) << load.text();
  EXPECT_EQ(load.out.find("Non-2xx"), std::string::npos) << load.text();
  server.kill(SIGQUIT);
  const RunResult ended = server.wait();
  EXPECT_EQ(ended.exit_status, 0) << ended.text();
}

TEST_P(Workload, SqliteWritesAVolume) {
  const RunResult result =
      run({"-v", directory_ + ":/data"},
          {"sqlite3", "/data/rows.db",
           "create table t(a); with recursive c(x) as (select 1 union all select x+1 from c "
           "where x < 100000) insert into t select x from c; select count(*) from t;"});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_EQ(result.out, "100000\n") << result.text();
  EXPECT_GT(std::filesystem::file_size(directory_ + "/rows.db"), 1'000'000U);
  struct stat status{};
  ASSERT_EQ(::stat((directory_ + "/rows.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, ::geteuid()) << "what the sandbox wrote belongs to the volume's owner";
}

TEST_P(Workload, GitClonesALocalRepository) {
  const std::string repository = directory_ + "/repository";
  const std::string script =
      "git init -q " + repository + " && cd " + repository +
      " && echo text > file && git add file && git -c user.name=a -c user.email=a@b commit -qm one";
  ASSERT_EQ(run_program({"sh", "-c", script}).exit_status, 0);
  const RunResult result = run(
      {"-v", repository + ":/repository:ro"},
      {"sh", "-c",
       "git clone -q /repository /tmp/clone && git -C /tmp/clone log --oneline && ls /tmp/clone"});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_NE(result.out.find("one\nfile\n"), std::string::npos) << result.text();
}

constexpr const char* kCompileAndRun = "gcc -o /tmp/hello /hello.c && /tmp/hello";

TEST_P(Workload, GccCompilesAndRuns) {
  const std::string source =
      write_file("hello.c", "#include <stdio.h>\nint main(void) { puts(\"hello\"); }\n");
  const std::string policy = write_file("exec.toml", "[exec]\nwritten_files = true\n");
  const RunResult result =
      run({"--policy", policy, "-v", source + ":/hello.c:ro"}, {"sh", "-c", kCompileAndRun});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_EQ(result.out, "hello\n") << result.text();
}

// The twin: the default policy compiles, and refuses to execute what was written.
TEST_P(Workload, WhatGccWroteDoesNotRunByDefault) {
  const std::string source = write_file("hello.c", "int main(void) { return 0; }\n");
  const RunResult result = run({"-v", source + ":/hello.c:ro"}, {"sh", "-c", kCompileAndRun});
  EXPECT_EQ(result.exit_status, 126) << result.text();
}

// script(1) gives yett a terminal; yett gives the shell one of its own.
TEST_P(Workload, BusyboxShellOnATerminal) {
  std::string line;
  for (const std::string& word : command_line({"-it"}, {"busybox", "sh", "-i"})) line += word + " ";
  RunningProgram shell({"script", "-qec", line, "/dev/null"},
                       {.input = "tty; echo $((6*7)); exit 5\n", .timeout = 30s});
  const RunResult result = shell.wait();
  EXPECT_EQ(result.exit_status, 5) << result.text();
  EXPECT_NE(result.out.find("/dev/pts/0"), std::string::npos) << result.text();
  EXPECT_NE(result.out.find("42"), std::string::npos) << result.text();
}

INSTANTIATE_TEST_SUITE_P(From, Workload,
                         ::testing::Values(Image::host, Image::squashfs, Image::erofs),
                         [](const auto& chosen) { return std::string(image_name(chosen.param)); });

// sysinfo(2), as `free` asks it: the sandbox's own limit, what it uses of it, and its own
// processes.
TEST(Sysinfo, TellsOfTheSandboxOnly) {
  YETT_REQUIRE(::geteuid() == 0, "the full mode needs root");
  const RunResult run = run_yett({"run", "-m", "64M", "--pids", "20", "--", "python3", "-c", R"(
import ctypes, struct, subprocess
kept = [subprocess.Popen(["sleep", "30"]) for _ in range(3)]
ballast = bytearray(16 << 20)
told = ctypes.create_string_buffer(128)
ctypes.CDLL(None).sysinfo(told)
fields = struct.unpack_from("=q3Q6QH", told.raw)
print(fields[4] == 64 << 20, 16 << 20 <= fields[4] - fields[5] <= 60 << 20, fields[10])
for one in kept: one.kill()
)"});
  EXPECT_EQ(run.out, "True True 5\n") << run.text();  // with PID 1 and python itself
}

}  // namespace
}  // namespace yett::test
