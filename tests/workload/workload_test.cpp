// Real programs, unmodified, under the default policy: from the host, from a squashfs and from an
// EROFS package as root, and as an ordinary user in the rootless and in the fallback mode.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <thread>

#include "base/unique_fd.hpp"
#include "tests/support/ordinary_user.hpp"
#include "tests/support/require.hpp"
#include "tests/support/yett_runner.hpp"
#include "tests/workload/workplace.hpp"

namespace yett::test {
namespace {

using namespace std::chrono_literals;

// A directory of the test's own, gone afterwards. Files keep their paths inside, for the fallback
// mode can give them no other, and what is written inside goes below $TMPDIR where there is one.
class Workload : public ::testing::TestWithParam<Workplace> {
 protected:
  void SetUp() override {
    if (const char* column = GetParam().column; column != nullptr) {
      EXPECT_EQ(tabled(workload_name(), column), kPasses) << "docs/modes.md, " << column;
    }
    if (is_contained())
      make_directory("/tmp");
    else if (GetParam().is_roots())
      prepare_as_root();
    else
      prepare_for_user();
  }
  void TearDown() override {
    if (!home_ && !directory_.empty()) std::filesystem::remove_all(directory_);
  }

  std::string write_file(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name) << text;
    return directory_ + "/" + name;
  }
  // A directory that whoever calls yett may write in.
  std::string make_writable(const std::string& name) const {
    const std::string path = directory_ + "/" + name;
    std::filesystem::create_directory(path);
    if (home_) OrdinaryHome::give(path);
    return path;
  }
  static std::string shown(const std::string& path) { return path + ":" + path + ":ro"; }

  // yett run FLAGS IMAGE -- COMMAND
  std::vector<std::string> command_line(std::vector<std::string> flags,
                                        std::vector<std::string> command) {
    std::vector<std::string> line = yett_command({"run"});
    if (!GetParam().is_roots()) line.insert(line.end(), {"--mode", GetParam().mode});
    line.insert(line.end(), flags.begin(), flags.end());
    line.insert(line.end(), image_.begin(), image_.end());
    line.emplace_back("--");
    line.insert(line.end(), command.begin(), command.end());
    return line;
  }
  RunResult run(std::vector<std::string> flags, std::vector<std::string> command) {
    return run_program(command_line(std::move(flags), std::move(command)), options());
  }
  // Of the caller, outside of any sandbox.
  [[nodiscard]] RunOptions options() const {
    if (!home_) return {};
    RunOptions options = home_->options();
    options.environment.push_back("TMPDIR=" + home_->path() + "/run");
    return options;
  }
  // Landlock, which holds the rule for an ordinary user, knows no address.
  static std::string listen_policy(int port) {
    const std::string address = GetParam().is_roots() ? "127.0.0.1" : "*";
    return "[network]\nmode = \"host\"\nlisten = [\"tcp://" + address + ":" + std::to_string(port) +
           "\"]\n";
  }
  static std::vector<std::string> redis_at(int port) {
    return {"sh", "-c",
            "exec redis-server --port " + std::to_string(port) +
                " --bind 127.0.0.1 --save '' --dir \"${TMPDIR:-/tmp}\""};
  }

  std::string directory_;
  std::vector<std::string> image_;

 private:
  static std::string workload_name() {
    const std::string name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    return name.substr(0, name.find('/'));
  }
  void make_directory(const std::string& within) {
    std::string path = within + "/workload-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    ::chmod(path.c_str(), 0755);
  }
  void prepare_as_root() {
    YETT_REQUIRE(::geteuid() == 0, "the full mode needs root");
    make_directory(YETT_BUILD_DIR);
    ImageArgument image = image_argument(GetParam().image);
    ASSERT_EQ(image.problem, "");
    image_ = std::move(image.arguments);
  }
  void prepare_for_user() {
    YETT_REQUIRE(::geteuid() == 0, "only root can become an ordinary user");
    home_.emplace();
    directory_ = home_->path();
  }

  std::optional<OrdinaryHome> home_;  // of the user that root has become
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
  const RunResult result = run({"-v", shown(script)}, {"node", script});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_EQ(result.out, "sum 1998000\n") << result.text();
}

TEST_P(Workload, RedisServesItsBenchmark) {
  const int port = free_port();
  const std::string policy = write_file("redis.toml", listen_policy(port));
  RunningProgram server(command_line({"--policy", policy}, redis_at(port)), options());
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
  const RunResult result = run({"--policy", policy}, redis_at(port));
  EXPECT_EQ(result.exit_status, 1) << result.text();
  EXPECT_NE(result.out.find("ermi"), std::string::npos)
      << result.text();  // "Permission denied", "not permitted"
}

TEST_P(Workload, NginxServesWrk) {
  const int port = free_port();
  const std::string policy = write_file("nginx.toml", listen_policy(port));
  const std::string configuration =
      write_file("nginx.conf",
                 "daemon off; pid nginx.pid; error_log stderr; worker_processes 2;\n"
                 "events { worker_connections 256; }\n"
                 "http { access_log off; client_body_temp_path b; proxy_temp_path p;\n"
                 "  fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n"
                 "  server { listen 127.0.0.1:" +
                     std::to_string(port) +
                     ";\n"
                     "    location / { return 200 \"hello\\n\"; } } }\n");
  RunningProgram server(
      command_line(
          {"--policy", policy, "-v", shown(configuration)},
          {"sh", "-c", "exec nginx -p \"${TMPDIR:-/tmp}\" -c " + configuration + " -e stderr"}),
      options());
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
  const std::string data = make_writable("data");
  const RunResult result =
      run({"-v", data + ":" + data},
          {"sqlite3", data + "/rows.db",
           "create table t(a); with recursive c(x) as (select 1 union all select x+1 from c "
           "where x < 100000) insert into t select x from c; select count(*) from t;"});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_EQ(result.out, "100000\n") << result.text();
  EXPECT_GT(std::filesystem::file_size(data + "/rows.db"), 1'000'000U);
  struct stat volume{};
  struct stat status{};
  ASSERT_EQ(::stat(data.c_str(), &volume), 0);
  ASSERT_EQ(::stat((data + "/rows.db").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, volume.st_uid) << "what the sandbox wrote belongs to the volume's owner";
}

TEST_P(Workload, GitClonesALocalRepository) {
  const std::string repository = make_writable("repository");
  const std::string script =
      "git init -q " + repository + " && cd " + repository +
      " && echo text > file && git add file && git -c user.name=a -c user.email=a@b commit -qm one";
  ASSERT_EQ(run_program({"sh", "-c", script}, options()).exit_status, 0);
  const RunResult result =
      run({"-v", shown(repository)}, {"sh", "-c",
                                      "cd \"${TMPDIR:-/tmp}\" && git clone -q " + repository +
                                          " clone && git -C clone log --oneline && ls clone"});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_NE(result.out.find("one\nfile\n"), std::string::npos) << result.text();
}

std::vector<std::string> compile_and_run(const std::string& source) {
  return {"sh", "-c", "cd \"${TMPDIR:-/tmp}\" && gcc -o hello " + source + " && ./hello"};
}

TEST_P(Workload, GccCompilesAndRuns) {
  const std::string source =
      write_file("hello.c", "#include <stdio.h>\nint main(void) { puts(\"hello\"); }\n");
  const std::string policy = write_file("exec.toml", "[exec]\nwritten_files = true\n");
  const RunResult result = run({"--policy", policy, "-v", shown(source)}, compile_and_run(source));
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_EQ(result.out, "hello\n") << result.text();
}

// The twin: the default policy compiles, and refuses to execute what was written.
TEST_P(Workload, WhatGccWroteDoesNotRunByDefault) {
  const std::string source = write_file("hello.c", "int main(void) { return 0; }\n");
  const RunResult result = run({"-v", shown(source)}, compile_and_run(source));
  EXPECT_EQ(result.exit_status, 126) << result.text();
}

// script(1) gives yett a terminal; yett gives the shell one of its own: the first of the sandbox's
// where that has terminals of its own.
TEST_P(Workload, BusyboxShellOnATerminal) {
  std::string line;
  for (const std::string& word : command_line({"-it"}, {"busybox", "sh", "-i"})) line += word + " ";
  RunOptions typed = options();
  typed.input = "tty; echo $((6*7)); exit 5\n";
  typed.timeout = 30s;
  RunningProgram shell({"script", "-qec", line, "/dev/null"}, typed);
  const RunResult result = shell.wait();
  EXPECT_EQ(result.exit_status, 5) << result.text();
  const char* terminal = GetParam().is_fallback() ? "/dev/pts/" : "/dev/pts/0";
  EXPECT_NE(result.out.find(terminal), std::string::npos) << result.text();
  EXPECT_NE(result.out.find("42"), std::string::npos) << result.text();
}

INSTANTIATE_TEST_SUITE_P(From, Workload, ::testing::ValuesIn(workplaces()),
                         [](const auto& chosen) { return std::string(chosen.param.name); });

// What an acceptance says of the modes is what the page says, and the page what these tests say.
TEST(WorkloadTable, HasARowForEachWorkload) {
  std::set<std::string> tested;
  const auto& all = *::testing::UnitTest::GetInstance();
  for (int i = 0; i < all.total_test_suite_count(); ++i) {
    const ::testing::TestSuite& suite = *all.GetTestSuite(i);
    if (std::string_view(suite.name()) != "From/Workload") continue;
    for (int j = 0; j < suite.total_test_count(); ++j) {
      const std::string name = suite.GetTestInfo(j)->name();
      tested.insert(name.substr(0, name.find('/')));
    }
  }
  const std::vector<std::string> rows = tabled_workloads();
  EXPECT_EQ(std::set(rows.begin(), rows.end()), tested);
}

// Where a mode cannot run anything the page has the words by which the launch ends.
TEST(WorkloadTable, WhatCannotRunInAContainerEndsSo) {
  if (!is_contained()) return;  // ordinary_container_test.py runs it in one
  const RunResult result = run_yett({"run", "--mode", "rootless", "--", "true"});
  EXPECT_EQ(result.exit_status, 125) << result.text();
  for (const std::string& workload : tabled_workloads()) {
    const std::string told = tabled(workload, kContainedRootless);
    EXPECT_NE(told, kPasses) << workload;
    EXPECT_TRUE(!told.empty() && result.err.find(told) != std::string::npos)
        << workload << ": " << told << "\n"
        << result.text();
  }
}

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
