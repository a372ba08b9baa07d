// The fallback mode: `yett run` by an ordinary user where no namespace is to be had.
#include <signal.h>

#include <climits>

#include "tests/support/fallback_case.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class Fallback : public FallbackCase {};

TEST_F(Fallback, IsTakenWhereNamespacesAreRefusedAndSaysSo) {
  const std::string audit = home_->path() + "/audit";
  const RunResult result = run({"--audit", audit, "--", "id", "-u"});
  EXPECT_EQ(result.out, std::to_string(kOrdinaryUser) + "\n") << result.text();
  EXPECT_NE(result.err.find("yett: mode fallback, without namespaces: mode rootless: unshare"),
            std::string::npos)
      << result.text();
  const std::string header = text_of(audit);
  EXPECT_NE(header.find(R"("mode":"fallback")"), std::string::npos) << header;
  EXPECT_NE(header.find(R"("backends":["filter","supervisor","landlock-)"), std::string::npos);
  EXPECT_NE(header.find("mode fallback: exec.written_files = false holds for execve alone"),
            std::string::npos)
      << header;
}

TEST_F(Fallback, ModesAreNeverTakenSilently) {
  const RunResult rootless = run({"--mode", "rootless", "--", "true"});
  EXPECT_EQ(rootless.exit_status, 125);
  EXPECT_NE(rootless.err.find("mode rootless: unshare of a user namespace"), std::string::npos)
      << rootless.text();
  const RunResult asked = run({"--mode", "fallback", "--", "true"});
  EXPECT_EQ(asked.exit_status, 0) << asked.text();
  EXPECT_EQ(asked.err, "");
  const RunResult required = run({"--require", "overlay", "--", "true"});
  EXPECT_EQ(required.exit_status, 125) << required.text();
  const RunResult root = run_yett({"run", "--mode", "fallback", "--", "true"});
  EXPECT_EQ(root.exit_status, 125);
  EXPECT_NE(root.err.find("run yett as an ordinary user"), std::string::npos) << root.text();
}

// Nobody waits for the first process before its release: what it could not do is told all the same.
TEST_F(Fallback, WhatFailsBeforeTheReleaseIsNamed) {
  const fs::path hidden = home_->path() + "/hidden";
  fs::create_directories(hidden / "within");
  const std::string shown = policy("[files]\nread = [\"" + hidden.string() + "/within\"]\n");
  EXPECT_EQ(run({"--policy", shown, "--", "true"}).exit_status, 0);
  fs::permissions(hidden, fs::perms::owner_all);  // root's alone
  const RunResult result = run({"--policy", shown, "--", "true"});
  EXPECT_EQ(result.exit_status, 125);
  EXPECT_NE(result.err.find("landlock: Permission denied"), std::string::npos) << result.text();
}

TEST_F(Fallback, RunsRealPrograms) {
  EXPECT_EQ(python("import ssl, sqlite3, json, threading, subprocess; "
                   "print(subprocess.run(['true']).returncode)")
                .out,
            "0\n");
  const RunResult node = run({"--", "node", "-e",
                              "new (require('worker_threads').Worker)('console.log(42)', {eval: "
                              "true})"});
  EXPECT_EQ(node.out, "42\n") << node.text();
  const RunResult git = shell(
      "git init -q a && cd a && echo x > f && git add f && "
      "git -c user.name=a -c user.email=b commit -qm c && git clone -q . ../b && cat ../b/f");
  EXPECT_EQ(git.out, "x\n") << git.text();
  const RunResult sqlite =
      shell("sqlite3 d 'create table t(a); insert into t values(7); select a from t'");
  EXPECT_EQ(sqlite.out, "7\n") << sqlite.text();
  const RunResult gcc = run({"--policy", policy("[exec]\nwritten_files = true\n"), "--", "sh", "-c",
                             "echo 'int main(void) { return 5; }' > a.c && gcc a.c -o a && ./a"});
  EXPECT_EQ(gcc.exit_status, 5) << gcc.text();
}

TEST_F(Fallback, RedisListensWhereThePolicySays) {
  const std::string listens = policy(
      "[network]\nmode = \"host\"\nconnect = [\"tcp://*:61379\"]\nlisten = [\"tcp://*:61379\"]\n");
  const RunResult result =
      run({"--policy", listens, "--", "sh", "-c",
           "redis-server --port 61379 --save '' > log & "
           "until redis-cli -p 61379 ping > /dev/null 2>&1; do kill -0 $! || exit 1; done; "
           "redis-cli -p 61379 set a 5; redis-cli -p 61379 get a"});
  EXPECT_EQ(result.out, "OK\n5\n") << result.text();
}

TEST_F(Fallback, ItsOwnDirectoryIsMadeAndGone) {
  const RunResult result = shell(
      "echo x > f; echo y > \"$TMPDIR/g\"; mkdir -p a/b; echo z > a/b/c; chmod 0 a; pwd; "
      "test \"$HOME\" = \"$PWD\" && touch -d 2001-01-01 f && stat -c %y f");
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_NE(result.out.find("2001-01-01"), std::string::npos) << result.text();
  const std::string place = result.out.substr(0, result.out.find('\n'));
  EXPECT_TRUE(place.starts_with(home_->path() + "/run/yett-")) << place;
  EXPECT_FALSE(fs::exists(fs::path(place).parent_path()));
}

TEST_F(Fallback, VolumesKeepTheirPaths) {
  const std::string shown = directory("shown");
  std::ofstream(shown + "/f") << "canary\n";
  EXPECT_EQ(run({"-v", shown + ":" + shown + ":ro", "--", "cat", shown + "/f"}).out, "canary\n");
  EXPECT_NE(run({"-v", shown + ":" + shown + ":ro", "--", "touch", shown + "/g"}).exit_status, 0);
  EXPECT_EQ(run({"-v", shown + ":" + shown, "--", "touch", shown + "/g"}).exit_status, 0);
  EXPECT_TRUE(fs::exists(shown + "/g"));
  const RunResult moved = run({"-v", shown + ":/data", "--", "true"});
  EXPECT_EQ(moved.exit_status, 125);
  EXPECT_NE(moved.err.find("a directory keeps its path"), std::string::npos) << moved.text();
}

struct CannotHold {
  const char* rule;
  const char* said;
};

// SECURITY(fallback-namespaces)
TEST_F(Fallback, WhatItCannotHoldEndsTheLaunchByFileAndLine) {
  const CannotHold kRules[] = {
      {"[exec]\nwritten_files = false\n", "p.toml:3:17: exec.written_files"},
      {"[files]\nexec = [\"/usr/bin\"]\n", "p.toml:3:9: files.exec"},
      {"[files]\ndeny = [\"/usr/bin/ssh\"]\n", "p.toml:3:9: files.deny /usr/bin/ssh"},
      {"[files]\ntmpfs = { \"/tmp\" = \"8M\" }\n", "files.tmpfs /tmp"},
      {"[limits]\nswap = 0\nmemory = \"9M\"\n", "p.toml:3:8: limits.swap"},
      {"[limits]\ndisk = \"15M\"\n", "p.toml:3:8: limits.disk"},
      {"[syscalls]\nallow = [\"shmget\"]\n", "p.toml:3:10: syscalls.shmget"},
      {"[syscalls]\nallow = [\"io_uring_setup\"]\n", "syscalls.io_uring_setup"},
      {"[network]\nconnect = [\"tcp://127.0.0.1:1\"]\n", "p.toml:3:12: network tcp://127.0.0.1:1"},
      {"[network]\nmode = \"host\"\nconnect = [\"unix:///run/x\"]\n", "network unix:///run/x"},
  };
  for (const CannotHold& each : kRules) {
    const RunResult result = run({"--policy", policy(each.rule), "--", "true"});
    EXPECT_EQ(result.exit_status, 125) << each.rule << result.text();
    EXPECT_NE(result.err.find(each.said), std::string::npos) << each.rule << result.text();
  }
  EXPECT_EQ(run({"--policy", policy("[files]\nread = [\"/srv\"]\n"), "--", "true"}).exit_status, 0);
}

// ---- limits -------------------------------------------------------------------------------------

TEST_F(Fallback, ProcessesAreCountedForTheSandboxAlone) {
  const std::string forks =
      "import os, time\n"
      "made = 0\n"
      "try:\n"
      "  while made < 100:\n"
      "    if os.fork() == 0: time.sleep(60)\n"
      "    made += 1\n"
      "except OSError: pass\n"
      "print(made + 1)\n";
  RunningProgram other({"sleep", "60"}, options_);  // of the same user, and not counted
  for (const int limit : {20, 40}) {
    const RunResult result = run({"--pids", std::to_string(limit), "--", "python3", "-c", forks});
    EXPECT_NEAR(std::atoi(result.out.c_str()), limit, limit / 10.0) << result.text();
  }
}

TEST_F(Fallback, MemoryIsHeldWithinATenth) {
  constexpr int kLimit = 200;
  int held = INT_MAX;
  for (int tries = 0; tries < 8 && held > kLimit * 1.1; ++tries) {
    const std::string told = file("told", "");
    const RunResult result = as_user(
        {"sh", "-c", "exec \"$0\" run --mode fallback -m 200M -- python3 -c \"$1\" > " + told,
         yett_binary(),
         "import os\nb = []\n"
         "while True: b.append(bytearray(1 << 20)); os.pwrite(1, b'%08d' % len(b), 0)\n"});
    EXPECT_EQ(result.exit_status, 137) << result.text();
    EXPECT_NE(result.err.find("out of memory (limit"), std::string::npos) << result.text();
    held = std::min(held, std::atoi(text_of(told).c_str()));
  }
  EXPECT_LE(held, kLimit * 1.1);
  EXPECT_GE(held, kLimit * 0.8);
}

TEST_F(Fallback, TheWallClockIsHeldAsEver) {
  EXPECT_EQ(run({"--time", "1s", "--", "sleep", "60"}).exit_status, 137);
}

TEST_F(Fallback, DoctorTellsOfIt) {
  const RunResult result = run_yett({"doctor"}, in_a_container());
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_NE(result.out.find("+ fallback"), std::string::npos) << result.text();
  EXPECT_NE(result.out.find("- rootless"), std::string::npos) << result.text();
}

}  // namespace
}  // namespace yett::test
