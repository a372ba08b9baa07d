// Instances of a warm-fork template: each has a sandbox of its own, and none has anything of
// another's or can reach another. docs/decisions/0053-warm-fork.md.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <vector>

#include "tests/adversarial/daemon_fixture.hpp"
#include "tests/adversarial/daemon_remains.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/await.hpp"

namespace yett::test {
namespace {

std::string template_of(const std::string& name, const std::string& rest,
                        const std::string& words) {
  return "[template." + name + "]\noptions = [\"-m\", \"64M\", \"--pids\", \"20\", \"-v\", \"" +
         YETT_BUILD_DIR "/attacks:/attacks:ro\"" + rest + "]\n" +
         "warm_fork = true\ncommand = [\"/attacks/warm_template\"" + words + "]\n";
}

class WarmFork : public DaemonFixture {
 protected:
  [[nodiscard]] std::string config() const override {
    return template_of("warm", "", "") + "pool = 2\n" + template_of("empty", "", "") +
           template_of("short", ", \"--time\", \"300ms\"", "") + told_of("thread") +
           told_of("shared") + told_of("process") + told_of("readable") + told_of("hopper") +
           told_of("timer") + "[template.cold]\noptions = [\"-m\", \"64M\", \"--pids\", \"20\"]\n";
  }
  // Such a one tells in this directory of the host's why it cannot be a template.
  [[nodiscard]] std::string told_of(const std::string& word) const {
    return template_of(word, ", \"-v\", \"" + told() + ":/told\"", ", \"" + word + "\"");
  }
  [[nodiscard]] std::string told() const { return work() + "/told"; }
  void prepare() override {
    std::filesystem::create_directory(told());
    std::filesystem::permissions(told(), std::filesystem::perms::all);
  }
  void SetUp() override {
    // A labelled task makes no namespaces: such a template is refused.
    if (plan_of({.command = {"true"}}).lsm.labelled) GTEST_SKIP() << "this host has BPF LSM";
    DaemonFixture::SetUp();
    if (daemon_) client_.emplace(daemon_->socket());
  }
  void TearDown() override {
    client_.reset();
    if (daemon_) DaemonFixture::TearDown();
  }
  // Until the template has forks. False: within a minute it has none.
  bool is_ready(const std::string& name) {
    const int sandbox = client_->make_sandbox(name);  // a client has 256 at most
    for (int i = 0; i < 6000; ++i) {
      const int program = client_->start(sandbox, {"ready", "exit 0"});
      // One of a template that is about to end ends with it.
      if (program > 0 && client_->wait_for(program) == 0) return true;
      if (program < 0 && program != -EAGAIN) return false;
      ::usleep(10'000);
    }
    return false;
  }
  int begin(const std::string& name, const std::string& kind, const std::string& script, int out,
            int in = -1) {
    const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    return client_->start(client_->make_sandbox(name), {kind, script},
                          {in >= 0 ? in : nothing.get(), out, out});
  }
  // What it wrote, and its status behind.
  std::string run(const std::string& name, const std::string& script,
                  const std::string& kind = "run") {
    OutputPipe out;
    const int program = begin(name, kind, script, out.writer());
    if (program < 0) return "begin: " + std::to_string(program);
    std::string text = out.read_all();
    return text + std::to_string(client_->wait_for(program));
  }

  std::optional<DaemonClient> client_;
};

constexpr const char* kStatus =
    "grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups|Uid|Gid|Sig[PBI])' /proc/self/status; ls "
    "/proc/self/fd | wc "
    "-l;"
    "cat /proc/self/cgroup; unshare -U true; mount -t tmpfs none /tmp; hostname; cat /proc/net/dev "
    "| wc -l; ulimit -a;";

// SECURITY(instance-caps) SECURITY(held-calls-alone): the posture, beside a sandbox that was made
// for its program; the filter holds, too, which rested while it was made.
TEST_F(WarmFork, AnInstanceIsHeldAsAnySandboxIs) {
  ASSERT_TRUE(is_ready("warm"));
  OutputPipe out;
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int program = client_->start(client_->make_sandbox("cold"), {"/bin/sh", "-c", kStatus},
                                     {nothing.get(), out.writer(), out.writer()});
  const std::string cold = out.read_all() + std::to_string(client_->wait_for(program));
  EXPECT_NE(cold.find("CapEff:\t0000000000000000\n"), std::string::npos) << cold;
  EXPECT_EQ(run("warm", kStatus), cold);
}

// SECURITY(instance-namespaces): with positive twins: it sees itself, and what it has begun.
TEST_F(WarmFork, InstancesSeeNobodyButTheirOwn) {
  ASSERT_TRUE(is_ready("warm"));
  OutputPipe out;
  const int other = begin("warm", "run", "echo up; exec sleep 1000", out.writer());
  ASSERT_GT(other, 0);
  yett_program_info told{};
  ASSERT_EQ(client_->program_info(other, told), 0);
  const std::string seen =
      run("warm",
          "echo $$; sleep 1000 & set -- /proc/[0-9]*; echo $#; kill -0 $! && echo own;"
          "for i in $(seq 2 400); do [ $i != $! ] && kill -9 $i 2>/dev/null && "
          "echo killed $i; done; cat /proc/1/comm");
  EXPECT_EQ(seen.substr(0, 2), "1\n") << seen;  // of its own pid namespace
  // Itself and sleep; the builder of its root has gone.
  EXPECT_NE(seen.find("\n2\nown\n"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("killed"), std::string::npos) << seen;
  EXPECT_EQ(client_->program_info(other, told), 0);  // lives
  EXPECT_EQ(client_->signal(other, SIGKILL), 0);
  EXPECT_EQ(client_->wait_for(other), 128 + SIGKILL);
}

// SECURITY(instance-root): what the template or another instance wrote is not there; what it writes
// itself is.
TEST_F(WarmFork, WritableLayersAreEachOnesOwn) {
  ASSERT_TRUE(is_ready("warm"));
  const std::string script =
      "ls -A /tmp $HOME; pwd; echo mine > /tmp/of_one && echo mine > $HOME/of_one && cat "
      "/tmp/of_one";
  const std::string first = run("warm", script);
  EXPECT_NE(first.find("/\nmine\n0"), std::string::npos) << first;
  EXPECT_EQ(first.find("of_"), std::string::npos) << first;
  EXPECT_EQ(run("warm", script), first);
}

// SECURITY(instance-descriptors)
TEST_F(WarmFork, DescriptorsOfOthersAreNotThere) {
  ASSERT_TRUE(is_ready("warm"));
  OutputPipe held;
  const int other = begin("warm", "run", "exec sleep 1000", held.writer());
  ASSERT_GT(other, 0);
  EXPECT_EQ(run("warm", "readlink /proc/1/fd/0; ls /proc/1/fd"), "/dev/null\n0\n1\n2\n0");
  EXPECT_EQ(client_->signal(other, SIGKILL), 0);
  // And nobody else holds an end of its pipe: it closes with it.
  EXPECT_EQ(held.read_all(), "");
}

// SECURITY(instance-seed)
TEST_F(WarmFork, RandomnessIsEachOnesOwn) {
  ASSERT_TRUE(is_ready("warm"));
  std::set<std::string> seeds;
  constexpr std::size_t kCount = 8;
  for (std::size_t i = 0; i < kCount; ++i) seeds.insert(run("warm", "exit 0", "seed"));
  EXPECT_EQ(seeds.size(), kCount);
  EXPECT_EQ(seeds.begin()->size(), 66U) << *seeds.begin();
}

TEST_F(WarmFork, MemoryIsTheTemplatesAndNoInstances) {
  ASSERT_TRUE(is_ready("warm"));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(run("warm", "exit 3", "memory"), "of the template\n3");
}

// The limits of one hold it, and it alone.
TEST_F(WarmFork, LimitsAreEachOnesOwn) {
  ASSERT_TRUE(is_ready("warm"));
  const std::string many = "for i in $(seq 1 30); do sleep 1000 & done; echo all";
  OutputPipe out;
  const int other = begin("warm", "run", "echo up; read line", out.writer());
  ASSERT_GT(other, 0);
  const std::string held = run("warm", many);
  EXPECT_NE(held.find("fork"), std::string::npos) << held;
  // The twin: the other has its own twenty still.
  EXPECT_EQ(run("warm", "for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo all"), "all\n0");
  EXPECT_EQ(
      run("warm", "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}").find("200000000"),
      std::string::npos);
  EXPECT_EQ(run("warm", "x=$(head -c 2000000 /dev/zero | tr '\\0' x); echo ${#x}"), "2000000\n0");
  client_->signal(other, SIGKILL);
  client_->wait_for(other);
}

TEST_F(WarmFork, EndsAreToldAndEndDescendantsAlone) {
  ASSERT_TRUE(is_ready("empty"));
  EXPECT_EQ(run("empty", "exit 7"), "7");
  EXPECT_EQ(run("empty", "kill -TERM $$; exit 5"), "5");  // PID 1 is spared its own
  EXPECT_EQ(run("empty", "exit 0", "abort"), "139");
  EXPECT_EQ(run("empty", "exit 0", "again"), std::to_string(EBUSY) + "\n0");
  // A signal from outside ends it as it would any program, or is handled.
  OutputPipe out;
  const int minded = begin(
      "empty", "run", "trap 'exit 9' TERM; echo up; while :; do sleep 0.1; done", out.writer());
  OutputPipe other_out;
  const int other = begin("empty", "run", "echo up; sleep 1000 & sleep 1000", other_out.writer());
  ASSERT_EQ(out.read_some(), "up\n");
  ASSERT_EQ(other_out.read_some(), "up\n");
  EXPECT_EQ(client_->signal(other, SIGTERM), 0);
  EXPECT_EQ(client_->wait_for(other), 128 + SIGTERM);
  EXPECT_EQ(other_out.read_all(), "");  // its children, too
  EXPECT_EQ(client_->signal(minded, SIGTERM), 0);
  EXPECT_EQ(client_->wait_for(minded), 9);
}

TEST_F(WarmFork, WallTimeIsEachInstancesOwn) {
  ASSERT_TRUE(is_ready("short"));
  EXPECT_EQ(run("short", "exec sleep 1000"), "137");
  EXPECT_EQ(run("short", "exit 4"), "4");  // the template's has not begun
}

// SECURITY(template-alone) SECURITY(ready-number): what cannot be forked whole is not forked.
TEST_F(WarmFork, ThreadsAndSharedMemoryAreRefused) {
  ASSERT_TRUE(is_ready("warm"));
  const auto told_by = [this](const std::string& name) {
    int error = 0;
    std::ifstream(told() + "/" + name) >> error;
    return error;
  };
  for (const char* name : {"thread", "shared", "process", "readable", "hopper"}) {
    EXPECT_TRUE(comes_true([&] { return told_by(name) != 0; })) << name;
    EXPECT_EQ(told_by(name), EBUSY) << name;
    EXPECT_EQ(client_->start(client_->make_sandbox(name), {"run", "exit 0"}), -EAGAIN) << name;
  }
}

// A template's timer goes on while it is held, and is nobody else's.
TEST_F(WarmFork, SignalsOfTheTemplateHoldNobodyUp) {
  ASSERT_TRUE(is_ready("timer"));
  for (int i = 0; i < 20; ++i) ASSERT_EQ(run("timer", "sleep 0.01; exit 6"), "6") << i;
}

// SECURITY(instance-keeper): with its client goes an instance, with the template all; and the next
// template is there soon.
TEST_F(WarmFork, DeathLeavesNothing) {
  ASSERT_TRUE(is_ready("warm"));
  OutputPipe out;
  {
    DaemonClient leaves(daemon_->socket());
    const int program =
        leaves.start(leaves.make_sandbox("warm"), {"run", "sleep 1000 & sleep 1000"},
                     {out.writer(), out.writer(), out.writer()});
    ASSERT_GT(program, 0);
  }
  EXPECT_EQ(out.read_all(), "");
  OutputPipe other;
  ASSERT_EQ(client_->ask(YETT_EVENTS, 1), 0);
  const int program = begin("warm", "run", "echo up; exec sleep 1000", other.writer());
  const auto started = client_->event(program, YETT_EVENT_STARTED);
  ASSERT_TRUE(started && started->value > 0);
  EXPECT_EQ(::kill(started->value, SIGKILL), 0);
  EXPECT_EQ(client_->wait_for(program), 128 + SIGKILL);
  ASSERT_TRUE(is_ready("warm"));
}

// Numbers of the daemon's processes of this name.
std::vector<int> processes_of(int daemon, const std::string& name) {
  std::map<int, int> parents;
  std::vector<int> named;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string file = entry.path().filename();
    if (file.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream stat(entry.path() / "stat");
    const std::string line{std::istreambuf_iterator<char>(stat), {}};
    const std::size_t open = line.find('(');
    const std::size_t close = line.rfind(')');
    if (open == std::string::npos || close == std::string::npos) continue;
    const int pid = std::stoi(file);
    parents[pid] = std::stoi(line.substr(close + 4));  // ") S 17"
    if (line.substr(open + 1, close - open - 1) == name) named.push_back(pid);
  }
  std::erase_if(named, [&](int pid) {
    while (pid > 1 && pid != daemon) pid = parents[pid];
    return pid != daemon;
  });
  return named;
}

// Who holds the template, who makes keepers, a keeper, the template itself (and who waits as a fork
// of it): with each goes what it has made, and the next is made in its place.
TEST_F(WarmFork, TheDeathOfAnyHelperEndsWhatItHasMade) {
  for (const char* name : {"yett-midwife", "yett-reception", "yett-instance", "warm_template"}) {
    ASSERT_TRUE(is_ready("warm"));
    OutputPipe out;
    const int program = begin("warm", "run", "echo up; sleep 1000 & sleep 1000", out.writer());
    ASSERT_GT(program, 0);
    ASSERT_EQ(out.read_some(), "up\n");
    const std::vector<int> found = processes_of(daemon_->pid(), name);
    EXPECT_FALSE(found.empty()) << name;
    for (const int pid : found)  // the death of one may be that of the next
      EXPECT_TRUE(::kill(pid, SIGKILL) == 0 || errno == ESRCH) << name;
    EXPECT_EQ(out.read_all(), "") << name;
    EXPECT_EQ(client_->wait_for(program), 128 + SIGKILL) << name;
  }
  ASSERT_TRUE(is_ready("warm"));
}

// Whose mount namespace is the one that `link` was of.
std::size_t count_in_mount_namespace(const std::filesystem::path& link) {
  std::size_t count = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc"))
    if (std::filesystem::read_symlink(entry.path() / "ns/mnt", ignored) == link) ++count;
  return count;
}

// SECURITY(nobodys-sandboxes): with yettd end its templates and their instances: processes, mounts,
// cgroups. The twin: a sandbox that is no instance goes on, and is all that the next one has, whose
// templates are begun anew.
TEST_F(WarmFork, InstancesEndWithTheDaemonAndNothingIsLeft) {
  ASSERT_TRUE(is_ready("warm"));
  OutputPipe out;
  OutputPipe other_out;
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int other =
      client_->start(client_->make_sandbox("cold"), {"/bin/sh", "-c", "echo up; exec sleep 1000"},
                     {nothing.get(), other_out.writer(), other_out.writer()});
  ASSERT_GT(other, 0);
  ASSERT_EQ(other_out.read_some(), "up\n");
  const int program = begin("warm", "run", "echo up; sleep 1000 & sleep 1000", out.writer());
  ASSERT_GT(program, 0);
  ASSERT_EQ(out.read_some(), "up\n");
  yett_program_info info{};
  ASSERT_TRUE(
      comes_true([&] { return client_->program_info(program, info) == 0 && info.guard_pid != 0; }));
  std::vector<int> processes{info.guard_pid};
  for (const char* name : {"yett-midwife", "yett-reception", "yett-instance"})
    for (const int pid : processes_of(daemon_->pid(), name)) processes.push_back(pid);
  std::set<std::string> cgroups;
  for (const int pid : processes) add_cgroups(pid, cgroups);
  EXPECT_FALSE(cgroups.empty());
  const auto mounts =
      std::filesystem::read_symlink("/proc/" + std::to_string(info.guard_pid) + "/ns/mnt");
  EXPECT_GE(count_in_mount_namespace(mounts), 2U);
  static_cast<void>(daemon_->die());
  EXPECT_EQ(out.read_all(), "");
  for (const int pid : processes) EXPECT_TRUE(comes_true([pid] { return !lives(pid); })) << pid;
  EXPECT_TRUE(comes_true([&] { return count_in_mount_namespace(mounts) == 0; }));
  for (const std::string& each : cgroups)
    EXPECT_TRUE(comes_true([&] { return !std::filesystem::exists(each); })) << each;
  ASSERT_TRUE(daemon_->start());
  client_.emplace(daemon_->socket());
  EXPECT_EQ(client_->take(program), -ENOENT);
  EXPECT_EQ(client_->take(other), 0);
  EXPECT_TRUE(is_ready("warm"));
  EXPECT_EQ(client_->signal(other, SIGKILL), 0);
  EXPECT_EQ(client_->wait_for(other), 128 + SIGKILL);
}

// At any moment: instances are being made.
TEST_F(WarmFork, TheDaemonsDeathLeavesNothing) {
  ASSERT_TRUE(is_ready("warm"));
  OutputPipe out;
  for (int i = 0; i < 4; ++i)
    ASSERT_GT(begin("warm", "run", "sleep 1000 & sleep 1000", out.writer()), 0);
  static_cast<void>(daemon_->die());
  EXPECT_EQ(out.read_all(), "");
  client_.reset();
  EXPECT_TRUE(daemon_->start());
  client_.emplace(daemon_->socket());
  EXPECT_TRUE(is_ready("warm"));
}

}  // namespace
}  // namespace yett::test
