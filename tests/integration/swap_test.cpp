// `yett policy swap`: each plane loosened and tightened while the sandbox runs, and what cannot be.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <sstream>

#include "tests/support/await.hpp"
#include "tests/support/require.hpp"
#include "tests/support/swapped_sandbox.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

// The directories of the one sandbox that was started by the test, in all hierarchies.
class CgroupOf {
 public:
  CgroupOf() {
    std::error_code none;
    std::vector<fs::path> mounts{"/sys/fs/cgroup"};
    for (const auto& each : fs::directory_iterator("/sys/fs/cgroup", none))
      mounts.push_back(each.path());
    for (const fs::path& mount : mounts)
      for (const auto& each : fs::directory_iterator(mount / "yett", none))
        if (each.path().filename().string().starts_with(std::string(SwappedSandbox::kName) + "."))
          directories_.push_back(each.path());
  }
  // The first number of the first of `names` that there is; 0: none is.
  [[nodiscard]] std::uint64_t figure(const std::vector<std::string>& names) const {
    for (const fs::path& directory : directories_)
      for (const std::string& name : names) {
        std::ifstream file(directory / name);
        std::uint64_t number = 0;
        if (file >> number) return number;
      }
    return 0;
  }

 private:
  std::vector<fs::path> directories_;
};

// Whether a Unix socket of this process is connected.
bool is_connected(int pid) {
  std::set<std::string> connected;
  std::ifstream list("/proc/net/unix");
  for (std::string line; std::getline(list, line);) {
    std::istringstream words(line);
    std::string skipped;
    std::string state;
    std::string inode;
    for (int i = 0; i < 5; ++i) words >> skipped;
    if (words >> state >> inode && state == "03") connected.insert("socket:[" + inode + "]");
  }
  std::error_code gone;
  for (const auto& fd : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone))
    if (connected.contains(fs::read_symlink(fd, gone).string())) return true;
  return false;
}

class Swap : public ::testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "sandboxes need root");
    std::string path = "/var/tmp/yett-swap-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    fs::permissions(directory_, fs::perms(0755));
  }
  void TearDown() override {
    if (!directory_.empty()) fs::remove_all(directory_);
  }
  static std::string network(const std::string& connect, const std::string& listen = {}) {
    return "extends = \"plugin\"\n[network]\nmode = \"none\"\nconnect = [" + connect +
           "]\nlisten = [" + listen + "]\n";
  }
  static std::string calls(const std::string& lists, const std::string& top = "live = true") {
    return top + "\n[syscalls]\n" + lists + "\n";
  }
  static std::string call(long number, const std::string& arguments = "0") {
    return "call " + std::to_string(number) + " " + arguments;
  }
  static std::string connect(const LineServer& server) { return "connect " + server.port(); }
  std::string directory_;
};

TEST_F(Swap, ConnectIsTightenedAndLoosened) {
  const LineServer first;
  const LineServer second;
  SwappedSandbox sandbox(directory_, network(first.rule()));
  EXPECT_EQ(sandbox.ask(connect(first)), "ok");
  EXPECT_EQ(sandbox.ask(connect(second)), "EPERM");
  const RunResult swapped = sandbox.swap(network(second.rule()));
  ASSERT_EQ(swapped.exit_status, 0) << swapped.text();
  EXPECT_NE(swapped.out.find("swapped: in force after "), std::string::npos) << swapped.text();
  EXPECT_NE(swapped.out.find("wider"), std::string::npos) << swapped.text();
  EXPECT_NE(swapped.out.find("narrower"), std::string::npos) << swapped.text();
  EXPECT_EQ(sandbox.ask(connect(first)), "EPERM");
  EXPECT_EQ(sandbox.ask(connect(second)), "ok");
  EXPECT_EQ(sandbox.swap(network(first.rule())).exit_status, 0);
  EXPECT_EQ(sandbox.ask(connect(first)), "ok");
  EXPECT_EQ(sandbox.ask(connect(second)), "EPERM");
  sandbox.end();
  const std::string audit = sandbox.audit();
  for (const char* told : {R"("event":"policy_swapped")", R"("old_policy_hash":")",
                           R"("changes":["wider)", R"("took_us":)"})
    EXPECT_NE(audit.find(told), std::string::npos) << told << "\n" << audit;
}

TEST_F(Swap, ListenIsTightenedAndLoosened) {
  std::string port;
  {
    const LineServer gone;
    port = gone.port();
  }
  const std::string rule = "\"tcp://127.0.0.1:" + port + "\"";
  SwappedSandbox sandbox(directory_, network("", rule));
  EXPECT_EQ(sandbox.ask("listen " + port), "ok");
  ASSERT_EQ(sandbox.swap(network("", "\"tcp://127.0.0.1:1\"")).exit_status, 0);
  EXPECT_EQ(sandbox.ask("listen " + port), "EPERM");
  ASSERT_EQ(sandbox.swap(network("", rule)).exit_status, 0);
  EXPECT_EQ(sandbox.ask("listen " + port), "ok");
  sandbox.end();
}

// A policy without a rule, but live, is lent sockets all the same.
TEST_F(Swap, ALivePolicyWithoutRulesCanGetSome) {
  const LineServer server;
  SwappedSandbox sandbox(directory_, "live = true\n");
  EXPECT_EQ(sandbox.ask(connect(server)), "EPERM");
  const RunResult swapped = sandbox.swap("live = true\n" + network(server.rule()));
  ASSERT_EQ(swapped.exit_status, 0) << swapped.text();
  EXPECT_EQ(sandbox.ask(connect(server)), "ok");
  ASSERT_EQ(sandbox.swap("live = true\n").exit_status, 0);
  EXPECT_EQ(sandbox.ask(connect(server)), "EPERM");
  sandbox.end();
}

TEST_F(Swap, TheHostsNetworkToo) {
  const LineServer first;
  const LineServer second;
  const auto host = [](const LineServer& server) {
    return "[network]\nmode = \"host\"\nconnect = [" + server.rule() + "]\n";
  };
  SwappedSandbox sandbox(directory_, host(first));
  EXPECT_EQ(sandbox.ask(connect(first)), "ok");
  const RunResult swapped = sandbox.swap(host(second));
  ASSERT_EQ(swapped.exit_status, 0) << swapped.text();
  EXPECT_NE(sandbox.ask(connect(first)), "ok");
  EXPECT_EQ(sandbox.ask(connect(second)), "ok");
  sandbox.end();
}

// continue-by-registers
TEST_F(Swap, CallsOfALivePolicyAreTightenedAndLoosened) {
  SwappedSandbox sandbox(directory_, calls("allow = [\"getsid\"]"));
  const std::string pid = sandbox.ask("pid");
  const std::string compare = call(SYS_kcmp, pid + " " + pid + " 3 0 0");
  EXPECT_EQ(sandbox.ask(call(SYS_getsid)), "ok");
  EXPECT_EQ(sandbox.ask(compare), "EPERM");
  const RunResult swapped = sandbox.swap(calls("deny = [\"getsid\"]\nallow = [\"kcmp\"]"));
  ASSERT_EQ(swapped.exit_status, 0) << swapped.text();
  EXPECT_EQ(sandbox.ask(call(SYS_getsid)), "EPERM");
  const std::string compared = sandbox.ask(compare);
  EXPECT_TRUE(compared == "ok" || compared == "ENOSYS") << compared;  // the kernel's own answer
  ASSERT_EQ(sandbox.swap(calls("allow = [\"getsid\"]")).exit_status, 0);
  EXPECT_EQ(sandbox.ask(call(SYS_getsid)), "ok");
  EXPECT_EQ(sandbox.ask(compare), "EPERM");
  sandbox.end();
}

// Beside it: what cannot be had, with all else unchanged. As the host sees it.
TEST_F(Swap, LimitsAreChangedWhole) {
  const auto policy = [](const std::string& connect, const std::string& limits) {
    return network(connect) + "[limits]\n" + limits + "\n";
  };
  const LineServer first;
  const LineServer second;
  SwappedSandbox sandbox(directory_, policy(first.rule(), "memory = \"256M\"\npids = 60\ncpu = 1"));
  EXPECT_EQ(sandbox.ask(connect(first)), "ok");
  const CgroupOf cgroup;
  EXPECT_EQ(cgroup.figure({"memory.max", "memory.limit_in_bytes"}), 256U << 20);
  RunResult swapped =
      sandbox.swap(policy(second.rule(), "memory = \"512M\"\npids = 50\ncpu = 0.5"));
  ASSERT_EQ(swapped.exit_status, 0) << swapped.text();
  EXPECT_EQ(cgroup.figure({"memory.max", "memory.limit_in_bytes"}), 512U << 20);
  EXPECT_EQ(cgroup.figure({"pids.max"}), 50U);
  EXPECT_EQ(cgroup.figure({"cpu.max", "cpu.cfs_quota_us"}), 50000U);
  EXPECT_EQ(sandbox.ask(connect(second)), "ok");
  for (const char* limits : {"memory = \"1M\"\npids = 40\ncpu = 0.1",  // it uses more
                             "memory = \"1G\"\npids = 61\ncpu = 0.1",  // more than it began with
                             "memory = \"1G\"\npids = 40"}) {          // a limit goes
    swapped = sandbox.swap(policy(first.rule(), limits));
    EXPECT_NE(swapped.exit_status, 0) << limits;
    EXPECT_NE(swapped.err.find("limits"), std::string::npos) << swapped.text();
    EXPECT_EQ(cgroup.figure({"memory.max", "memory.limit_in_bytes"}), 512U << 20) << limits;
    EXPECT_EQ(cgroup.figure({"pids.max"}), 50U) << limits;
    EXPECT_EQ(cgroup.figure({"cpu.max", "cpu.cfs_quota_us"}), 50000U) << limits;
    EXPECT_EQ(sandbox.ask(connect(first)), "EPERM") << limits;
  }
  ASSERT_EQ(sandbox.swap(policy(first.rule(), "memory = \"128M\"\npids = 60\ncpu = 1")).exit_status,
            0);
  EXPECT_EQ(cgroup.figure({"memory.max", "memory.limit_in_bytes"}), 128U << 20);
  EXPECT_EQ(sandbox.ask(connect(first)), "ok");
  sandbox.end();
}

// swap-whole, swap-filter
TEST_F(Swap, WhatCannotBeChangedIsRefusedWhole) {
  const LineServer first;
  const LineServer second;
  SwappedSandbox sandbox(directory_, network(first.rule()));
  EXPECT_EQ(sandbox.ask(connect(first)), "ok");
  struct Case {
    std::string policy;
    const char* told;
  };
  const Case cases[] = {
      {network(second.rule()) + "[files]\nread = [\"/var\"]\n",
       "swapped.toml:7:9: files.read /var"},
      {network(second.rule()) + "[syscalls]\ndeny = [\"getsid\"]\n",
       "swapped.toml:7:9: syscalls: getsid"},
      {network(second.rule()) + "[limits]\nopen_files = 100\n", "[limits]"},
      {network(second.rule()) + "[syscalls]\nemulate = [\"uname\"]\n", "emulate"},
      {"[network]\nmode = \"host\"\nconnect = [" + second.rule() + "]\n", "network namespace"},
      {network(second.rule()) + "[exec]\nmemfd = true\n", "start"},
      {network("\"tcp://api.example.com:1\"," + second.rule()), "name server"},
      {network(second.rule()) + "[on]\nviolation = \"ask\"\n", "start"},
      {network(second.rule()) + "[nonsense]\n", "nonsense"},
      {network(second.rule() + ", \"tcp://300.1.1.1:x\""), "swapped.toml:4"},
      {"extends = \"none\"\n", "filter"},
      {"not toml", "swapped.toml:1"},
  };
  for (const Case& each : cases) {
    const RunResult refused = sandbox.swap(each.policy);
    EXPECT_NE(refused.exit_status, 0) << each.policy;
    EXPECT_NE(refused.err.find(each.told), std::string::npos) << each.told << refused.text();
    EXPECT_EQ(sandbox.ask(connect(first)), "ok") << each.policy;
    EXPECT_EQ(sandbox.ask(connect(second)), "EPERM") << each.policy;
  }
  ASSERT_EQ(sandbox.swap(network(second.rule())).exit_status, 0);
  EXPECT_EQ(sandbox.ask(connect(second)), "ok");
  sandbox.end();
  EXPECT_EQ(sandbox.audit().find("policy_swapped"), sandbox.audit().rfind("policy_swapped"));
}

// swap-atomic: the call that both policies allow never fails, and each answer is in force.
TEST_F(Swap, UnderLoadNoAllowedCallFails) {
  const LineServer always;
  const LineServer sometimes;
  const std::string narrow = network(always.rule());
  SwappedSandbox sandbox(directory_, narrow);
  ASSERT_EQ(sandbox.ask("hammer " + always.port()), "ok");
  const std::string files[] = {
      sandbox.write("wide", network(always.rule() + ", " + sometimes.rule())),
      sandbox.write("narrow", narrow)};
  for (int i = 0; i < 50; ++i) {
    for (const std::string& file : files) {
      const RunResult swapped = sandbox.swap_file(file);
      ASSERT_EQ(swapped.exit_status, 0) << swapped.text();
      if (i % 10 != 0) continue;
      EXPECT_EQ(sandbox.ask(connect(sometimes)), file == files[0] ? "ok" : "EPERM") << i;
    }
  }
  const std::string counted = sandbox.ask("rest");
  EXPECT_TRUE(counted.starts_with("0 of ")) << counted;
  EXPECT_NE(counted, "0 of 0");
  sandbox.end();
}

// A server's clients come and go while its policy is swapped a hundred times.
TEST_F(Swap, WrkSeesNothingOfIt) {
  YETT_REQUIRE(::access("/usr/bin/wrk", X_OK) == 0, "wrk is missing");
  YETT_REQUIRE(::access("/usr/sbin/nginx", X_OK) == 0, "nginx is missing");
  std::string port;
  {
    const LineServer gone;
    port = gone.port();
  }
  const std::string configuration = directory_ + "/nginx.conf";
  std::ofstream(configuration)
      << "daemon off; pid /tmp/nginx.pid; error_log stderr; worker_processes 1;\n"
         "events { worker_connections 256; }\n"
         "http { access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p;\n"
         "  fastcgi_temp_path /tmp/f; uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;\n"
         "  server { listen 127.0.0.1:"
      << port << ";\n    location / { return 200 \"hello\\n\"; } } }\n";
  const auto write = [&](const std::string& name, const std::string& policy) {
    std::ofstream(directory_ + "/" + name) << policy;
    return directory_ + "/" + name;
  };
  const std::string root = directory_ + "/state";
  const std::string closed = write("closed.toml", "live = true\n");
  const std::string open = write("open.toml", "live = true\n" + network("\"tcp://10.0.0.1:1\""));
  RunningProgram server(
      yett_command({"run", "--root", root, "--name", "web", "--policy", closed, "--publish",
                    "127.0.0.1:" + port, "-v", configuration + ":/nginx.conf:ro", "--",
                    "/usr/sbin/nginx", "-c", "/nginx.conf", "-e", "stderr"}),
      {.timeout = std::chrono::minutes(4)});
  const std::string url = "http://127.0.0.1:" + port + "/";
  RunResult ready;
  for (int i = 0; i < 200 && ready.exit_status != 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ready = run_program({"curl", "-sf", "-o", "/dev/null", url});
  }
  ASSERT_EQ(ready.exit_status, 0) << ready.text();
  RunningProgram load({"wrk", "-t1", "-c8", "-d8s", "-H", "Connection: close", url},
                      {.timeout = std::chrono::minutes(4)});  // it is read after all swaps
  for (int i = 0; i < 100; ++i) {
    const RunResult swapped =
        run_yett({"--root", root, "policy", "swap", "web", i % 2 == 0 ? open : closed});
    ASSERT_EQ(swapped.exit_status, 0) << swapped.text();
  }
  const RunResult told = load.wait();
  EXPECT_EQ(told.exit_status, 0) << told.text();
  EXPECT_NE(told.out.find("Requests/sec"), std::string::npos) << told.text();
  EXPECT_EQ(told.out.find("Socket errors"), std::string::npos) << told.text();
  EXPECT_EQ(told.out.find("Non-2xx"), std::string::npos) << told.text();
  server.kill(SIGQUIT);
  server.wait();
}

TEST_F(Swap, AThousandRules) {
  const LineServer server;
  SwappedSandbox sandbox(directory_, network(server.rule()));
  EXPECT_EQ(sandbox.ask(connect(server)), "ok");
  std::string rules;
  for (int i = 0; i < 999; ++i)
    rules +=
        "\"tcp://10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24:443\", ";
  const RunResult swapped = sandbox.swap(network(rules + server.rule()));
  ASSERT_EQ(swapped.exit_status, 0) << swapped.text();
  EXPECT_EQ(sandbox.ask(connect(server)), "ok");
  EXPECT_NE(swapped.out.find("and "), std::string::npos) << swapped.text();
  const RunResult back = sandbox.swap(network("\"tcp://127.0.0.1:1\""));
  ASSERT_EQ(back.exit_status, 0) << back.text();
  EXPECT_EQ(sandbox.ask(connect(server)), "EPERM");
  sandbox.end();
}

// swap-exec: what runs in the sandbox by `yett exec` is held by the new policy as well.
TEST_F(Swap, ProgramsOfExecToo) {
  SwappedSandbox sandbox(directory_, calls("allow = [\"getsid\"]"));
  EXPECT_EQ(sandbox.ask(call(SYS_getsid)), "ok");
  const std::string other = directory_ + "/other";
  fs::create_directory(other);
  RunningProgram joined(yett_command({"--root", sandbox.root(), "exec", SwappedSandbox::kName,
                                      "/usr/bin/python3", directory_ + "/obedient.py", other}),
                        {});
  const auto ask_joined = [&](int number, const std::string& words) {
    std::ofstream(other + "/new") << words;
    fs::rename(other + "/new", other + "/" + std::to_string(number));
    return joined.wait_for_output(std::to_string(number) + "=",
                                  std::chrono::seconds(words == "end" ? 5 : 60));
  };
  ASSERT_TRUE(ask_joined(1, call(SYS_getsid)));
  const RunResult swapped = sandbox.swap(calls("deny = [\"getsid\"]"));
  ASSERT_EQ(swapped.exit_status, 0) << swapped.text();
  ASSERT_TRUE(ask_joined(2, call(SYS_getsid)));
  ASSERT_TRUE(ask_joined(3, "pid"));
  static_cast<void>(ask_joined(4, "end"));
  EXPECT_NE(joined.output().find("1=ok;\n2=EPERM;"), std::string::npos) << joined.output();
  joined.wait();
  // One that starts under the new policy, and what the next policy gives back.
  const std::string script =
      "import ctypes; print(ctypes.CDLL(None).syscall(" + std::to_string(SYS_getsid) + ", 0) < 0)";
  const auto exec = [&] {
    return run_yett({"--root", sandbox.root(), "exec", SwappedSandbox::kName, "/usr/bin/python3",
                     "-c", script});
  };
  RunResult run = exec();
  EXPECT_EQ(run.out, "True\n") << run.text();
  ASSERT_EQ(sandbox.swap(calls("allow = [\"getsid\"]")).exit_status, 0);
  run = exec();
  EXPECT_EQ(run.out, "False\n") << run.text();
  sandbox.end();
}

TEST_F(Swap, FlagsOfTheStartStay) {
  std::string port;
  {
    const LineServer gone;
    port = gone.port();
  }
  SwappedSandbox sandbox(directory_, "live = true\n", {"--publish", "127.0.0.1:" + port});
  EXPECT_EQ(sandbox.ask("listen " + port), "ok");
  const LineServer server;
  ASSERT_EQ(sandbox.swap(network(server.rule())).exit_status, 0);
  EXPECT_EQ(sandbox.ask("listen " + port), "ok");
  sandbox.end();
}

TEST_F(Swap, TwoAtOnce) {
  const LineServer first;
  const LineServer second;
  SwappedSandbox sandbox(directory_, network(first.rule()));
  EXPECT_EQ(sandbox.ask(connect(first)), "ok");
  const std::string one = sandbox.write("one", network(first.rule()));
  const std::string other = sandbox.write("other", network(second.rule()));
  std::thread beside([&] {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(sandbox.swap_file(one).exit_status, 0);
  });
  for (int i = 0; i < 10; ++i) EXPECT_EQ(sandbox.swap_file(other).exit_status, 0);
  beside.join();
  // One of them was the last, and all of it.
  const bool is_first = sandbox.ask(connect(first)) == "ok";
  EXPECT_EQ(sandbox.ask(connect(second)), is_first ? "EPERM" : "ok");
  sandbox.end();
}

// swap-peer: also where the files' modes would let him.
TEST_F(Swap, AStrangerIsRefused) {
  const LineServer first;
  SwappedSandbox sandbox(directory_, network(first.rule()));
  EXPECT_EQ(sandbox.ask(connect(first)), "ok");
  for (const std::string& path :
       {sandbox.root(), sandbox.root() + "/" + SwappedSandbox::kName, sandbox.socket_path()})
    fs::permissions(path, fs::perms(0777));
  const std::vector<std::string> command{
      "/usr/bin/python3", "-c",
      "import socket, sys\n"
      "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
      "s.connect(sys.argv[1]); s.settimeout(20)\n"
      "try: s.send(b'x' * 100); print(len(s.recv(100000)) > 0)\n"
      "except (BrokenPipeError, ConnectionResetError): print(False)\n",
      sandbox.socket_path()};
  RunOptions options;
  options.before_exec = [] {
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) ::_exit(9);
  };
  const RunResult refused = run_program(command, options);
  EXPECT_EQ(refused.out, "False\n") << refused.text();
  const RunResult told = run_program(command, {});  // that it is malformed
  EXPECT_EQ(told.out, "True\n") << told.text();
  EXPECT_EQ(sandbox.ask(connect(first)), "ok");
  sandbox.end();
}

TEST_F(Swap, TheSupervisorDies) {
  const LineServer first;
  SwappedSandbox sandbox(directory_, network(first.rule()));
  EXPECT_EQ(sandbox.ask(connect(first)), "ok");
  sandbox.program().kill(SIGSTOP);
  const std::string wide = sandbox.write("wide", network("\"tcp://*:*\""));
  RunningProgram swapping(
      yett_command({"--root", sandbox.root(), "policy", "swap", SwappedSandbox::kName, wide}), {});
  EXPECT_TRUE(comes_true([&] { return is_connected(swapping.pid()); }));
  sandbox.program().kill(SIGKILL);
  const RunResult ended = swapping.wait();
  EXPECT_NE(ended.exit_status, 0) << ended.text();
  EXPECT_NE(ended.err.find("the sandbox has ended"), std::string::npos) << ended.text();
  sandbox.program().wait();
  run_yett({"--root", sandbox.root(), "delete", "--force", SwappedSandbox::kName});
}

}  // namespace
}  // namespace yett::test
