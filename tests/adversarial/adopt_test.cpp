// [on] supervisor_loss = "adopt": killed before and after each call by which a supervisor receives,
// carries out and answers, it is followed by another, and the program goes on: what is forbidden is
// refused all the same, and what is answered is answered once. YETT_LONG=1: twenty times each.
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <thread>

#include "supervisor/session/successor.hpp"
#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/adversarial/moments.hpp"
#include "tests/adversarial/process_state.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array kMoments{Moment{"RECV", SYS_ioctl, SECCOMP_IOCTL_NOTIF_RECV},
                              Moment{"a record", SYS_write, 0, 1},
                              Moment{"reading its memory", SYS_process_vm_readv, 0},
                              Moment{"writing its memory", SYS_process_vm_writev, 0},
                              Moment{"a request for a socket", SYS_sendmsg, 0},
                              Moment{"ADDFD", SYS_ioctl, SECCOMP_IOCTL_NOTIF_ADDFD},
                              Moment{"SEND", SYS_ioctl, SECCOMP_IOCTL_NOTIF_SEND}};

// Waits until `holds`, 10 s at most (a loaded machine); how long it took.
template <typename Holds>
std::optional<Clock::duration> await(Holds holds) {
  const auto began = Clock::now();
  while (!holds()) {
    if (Clock::now() - began > seconds(is_emulated_guest() ? 60 : 10)) return std::nullopt;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return Clock::now() - began;
}

std::map<std::string, int> lines_in(const std::string& text) {
  std::map<std::string, int> lines;
  for (std::size_t at = text.find("line "); at != std::string::npos;
       at = text.find("line ", at + 1))
    ++lines[text.substr(at, text.find('.', at) - at)];
  return lines;
}

class Adopt : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    volume_ = work() + "/volume";
    begin_anew();
  }
  void TearDown() override {
    if (!went_on_after_.empty()) {
      std::ranges::sort(went_on_after_);
      const std::chrono::duration<double, std::milli> middle =
          went_on_after_[went_on_after_.size() / 2];
      const std::chrono::duration<double, std::milli> slowest = went_on_after_.back();
      std::printf("%zu losses; it went on after %.0f ms, %.0f ms at most\n", went_on_after_.size(),
                  middle.count(), slowest.count());
      EXPECT_LT(middle.count(), is_emulated_guest() ? 10'000 : 1000);
    }
    HostUnchanged::TearDown();
  }

  void begin_anew() const {
    fs::remove_all(volume_);
    fs::remove(audit());
    ASSERT_EQ(::mkdir(volume_.c_str(), 0777), 0);
    ASSERT_EQ(::chmod(volume_.c_str(), 0777), 0);
  }
  [[nodiscard]] std::string audit() const { return work() + "/audit"; }

  [[nodiscard]] std::vector<std::string> program(const std::string& loss) const {
    write_file(work() + "/policy.toml",
               "extends = \"plugin\"\n[network]\nmode = \"none\"\nconnect = "
               "[\"tcp://127.0.0.1:7001\"]\n[on]\nsupervisor_loss = \"" +
                   loss + "\"\n");
    return yett_command({"run", "--policy", work() + "/policy.toml", "--audit", audit(), "-e",
                         "LENT=1", "-v", kAttackVolume, "-v", volume_ + ":/data", "--",
                         "/attacks/adopted"});
  }
  [[nodiscard]] std::uint64_t round() const {
    std::uint64_t count = 0;
    std::ifstream(volume_ + "/round", std::ios::binary)
        .read(reinterpret_cast<char*>(&count), sizeof count);
    return count;
  }
  [[nodiscard]] bool runs() const { return round() >= 2; }

  // The round in which it was lost ends, and another one.
  void expect_goes_on(const std::string& where) {
    const std::uint64_t lost_in = round();
    const auto took = await([&] { return round() >= lost_in + 2; });
    EXPECT_TRUE(took) << where << ", round " << lost_in << "\n" << read_file(audit());
    if (took) went_on_after_.push_back(*took);
  }
  [[nodiscard]] std::string forbidden() const {
    std::string names;
    for (const auto& entry : fs::directory_iterator(volume_))
      if (const std::string name = entry.path().filename();
          name != "round" && name != "said" && name != "stop")
        names += name + " ";
    return names;
  }
  // Until the sandbox is gone, nobody answers: ENOSYS. Nothing more.
  [[nodiscard]] std::string forbidden_successes() const {
    std::string names;
    for (const char* name : {"unshare", "netlink", "keyctl"})
      if (fs::exists(volume_ + "/" + name)) names += std::string(name) + " ";
    return names;
  }
  // Every line that the program was told is in the log is there, once.
  void expect_said_once(const std::string& where) const {
    const auto logged = lines_in(read_file(audit()));
    const auto said = lines_in(read_file(volume_ + "/said"));
    EXPECT_FALSE(said.empty());
    for (const auto& [line, times] : said) {
      const auto found = logged.find(line);
      EXPECT_EQ(found == logged.end() ? 0 : found->second, 1) << line << ", " << where;
    }
  }

  // By name, of the process group that keeps the first supervisor's number, PID 1 left out: it has
  // a number inside, too.
  [[nodiscard]] static std::vector<int> in_group(int group, const std::string& name) {
    std::vector<int> found;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
      const int pid = std::atoi(entry.path().filename().c_str());
      if (pid <= 0 || ::getpgid(pid) != group || status_field(pid, "Name") != name) continue;
      const bool is_inside = status_field(pid, "NSpid").find_first_of("\t ") != std::string::npos;
      if (!is_inside && !status_field(pid, "State").starts_with('Z')) found.push_back(pid);
    }
    return found;
  }
  // Who answers now. The first one stays in its caller's group.
  [[nodiscard]] static int supervisor_of(int group) {
    const std::string state = status_field(group, "State");
    if (!state.empty() && !state.starts_with('Z')) return group;
    const auto found = in_group(group, "yett");
    return found.size() == 1 ? found.front() : 0;
  }
  // SIGKILL to who answers now, as soon as one does.
  void kill_supervisor_of(int group) const {
    int supervisor = 0;
    ASSERT_TRUE(await([&] {
      supervisor = supervisor_of(group);
      return supervisor > 1;
    })) << "nobody answers";
    ::kill(supervisor, SIGKILL);
  }
  // It ends by itself, and so does whoever supervises it.
  void expect_ends(int group, const std::string& where) {
    std::ofstream(volume_ + "/stop") << "";
    EXPECT_TRUE(await([] { return living_sandbox_processes().empty(); }))
        << where << ": " << living_sandbox_processes();
    EXPECT_TRUE(await([&] {
      return in_group(group, "yett").empty() && in_group(group, "yett-successor").empty();
    })) << where;
    EXPECT_EQ(forbidden(), "") << where;
    expect_said_once(where);
    EXPECT_TRUE(await([&] { return photograph_host(work())["cgroups"].empty(); })) << where;
  }

  void lose_at(const Moment& moment, bool before, int turn) {
    const std::string where = std::string("killed ") + (before ? "before " : "after ") +
                              moment.name + ", " + std::to_string(turn);
    begin_anew();
    TracedRun run(program("adopt"), Threads::all);
    const int group = started_programs().all().back();
    ASSERT_TRUE(walk_to(run, moment, before, turn % moment.most, [this] { return runs(); }))
        << where;
    run.kill_supervisor();
    expect_goes_on(where);
    EXPECT_NE(read_file(audit()).find("\"call\":\"supervisor lost\""), std::string::npos) << where;
    expect_ends(group, where);
  }

  std::string volume_;
  std::vector<Clock::duration> went_on_after_;
};

TEST_F(Adopt, GoesOnFromEachMoment) {
  const bool is_long = std::getenv("YETT_LONG") != nullptr;
  const auto began = Clock::now();
  for (int turn = 0; turn < 20; ++turn)
    for (const Moment& moment : kMoments)
      for (const bool before : {true, false}) {
        const bool in_time = Clock::now() - began < seconds(is_emulated_guest() ? 60 : 10);
        if (HasFailure() || (!is_long && !in_time && turn > 0)) return;
        lose_at(moment, before, turn);
      }
}

// SECURITY(few-adoptions): each has a successor of its own, up to a number.
TEST_F(Adopt, LostAgainAndAgainItGoesOnUntilItWasTooOften) {
  RunningProgram yett(program("adopt"), {});
  ASSERT_TRUE(await([this] { return runs(); }));
  for (int i = 0; i < kMostAdoptions && !HasFailure(); ++i) {
    ASSERT_NO_FATAL_FAILURE(kill_supervisor_of(yett.pid())) << "after " << i << " losses";
    expect_goes_on("loss " + std::to_string(i));
  }
  ASSERT_NO_FATAL_FAILURE(kill_supervisor_of(yett.pid()));
  EXPECT_TRUE(await([] { return living_sandbox_processes().empty(); }))
      << living_sandbox_processes();
  EXPECT_EQ(forbidden_successes(), "");
  expect_said_once("too often");
}

TEST_F(Adopt, KilledAtAnyMomentWhileItRuns) {
  const int times = std::getenv("YETT_LONG") != nullptr ? 100 : repeated(10);
  for (int i = 0; i < times && !HasFailure(); ++i) {
    begin_anew();
    RunningProgram yett(program("adopt"), {});
    ASSERT_TRUE(await([this] { return runs(); }));
    std::this_thread::sleep_for(std::chrono::microseconds(137 * i));
    yett.kill(SIGKILL);
    expect_goes_on("kill " + std::to_string(i));
    expect_ends(yett.pid(), "kill " + std::to_string(i));
  }
}

// Stopped, it is not dead: the calls wait, nobody takes over, and continued it goes on.
TEST_F(Adopt, StoppedItIsWaitedFor) {
  RunningProgram yett(program("adopt"), {});
  ASSERT_TRUE(await([this] { return runs(); }));
  for (int i = 0; i < repeated(20); ++i) {
    yett.kill(SIGSTOP);
    ASSERT_TRUE(await([&] { return status_field(yett.pid(), "State").starts_with('T'); }));
    const std::uint64_t stopped_in = round();
    std::this_thread::sleep_for(milliseconds(20));
    EXPECT_LE(round(), stopped_in + 1);  // the round's end needs nobody
    EXPECT_EQ(supervisor_of(yett.pid()), yett.pid()) << "somebody has taken over";
    yett.kill(SIGCONT);
    ASSERT_TRUE(await([&] { return round() >= stopped_in + 2; }));
  }
  expect_ends(yett.pid(), "stopped");
  EXPECT_EQ(yett.wait().exit_status, 7);
}

// The twin: without a successor the same program dies with its supervisor.
TEST_F(Adopt, AloneItDies) {
  RunningProgram yett(program("kill"), {});
  ASSERT_TRUE(await([this] { return runs(); }));
  yett.kill(SIGKILL);
  yett.wait();
  EXPECT_TRUE(sandboxes_gone_within(1000)) << living_sandbox_processes();
  EXPECT_EQ(forbidden_successes(), "");
}

}  // namespace
}  // namespace yett::test
