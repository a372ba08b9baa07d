// One process keeps the cgroups of all sandboxes of a yettd. Whoever is killed, at whatever moment,
// that one included: nothing stays, and who has not been killed goes on.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "tests/adversarial/daemon_fixture.hpp"
#include "tests/adversarial/daemon_remains.hpp"
#include "tests/adversarial/process_state.hpp"
#include "tests/support/await.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

std::string link_of(const fs::path& path) {
  std::error_code gone;
  return fs::read_symlink(path, gone);
}

std::string name_of(int pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

std::set<std::string> descriptors_of(int pid) {
  std::set<std::string> targets;
  std::error_code gone;
  for (const auto& each : fs::directory_iterator("/proc/" + std::to_string(pid) + "/fd", gone))
    targets.insert(link_of(each.path()));
  return targets;
}

std::size_t count_descriptors(int pid) {
  std::error_code gone;
  const fs::directory_iterator all("/proc/" + std::to_string(pid) + "/fd", gone);
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// The keeper is nobody's child: the pipe by which its end is noticed is known to both.
int keeper_of(int starter) {
  const std::set<std::string> known = descriptors_of(starter);
  std::error_code gone;
  for (const auto& each : fs::directory_iterator("/proc", gone)) {
    const int pid = std::atoi(each.path().filename().c_str());
    if (pid <= 0 || !lives(pid) || name_of(pid) != "yett-keeper") continue;
    const std::string living = link_of(each.path() / "fd/4");
    if (living.starts_with("pipe:") && known.contains(living)) return pid;
  }
  return 0;
}

// What it has open for each sandbox: a gate, a hold, a supervisor. Beside that: three standard
// ones, requests, the pipe, epoll.
bool keeps(int keeper, std::size_t sandboxes) {
  return keeper != 0 && count_descriptors(keeper) == 6 + 3 * sandboxes;
}

struct Program {
  int number = 0;
  int guard = 0;
  int supervisor = 0;
  std::set<std::string> cgroups;
};

class DaemonKeeper : public DaemonFixture {
 protected:
  [[nodiscard]] std::string config() const override {
    return "adoption_time = 60\n[template.cold]\n"
           "options = [\"-m\", \"64M\", \"--pids\", \"20\", \"--truth\", \"host\"]\n";
  }
  void SetUp() override {
    DaemonFixture::SetUp();
    if (daemon_) client_.emplace(daemon_->socket());
  }
  void TearDown() override {
    client_.reset();
    if (daemon_) DaemonFixture::TearDown();
    EXPECT_TRUE(comes_true([&] { return std::ranges::none_of(keepers_, lives); }));
    for (const std::string& each : cgroups_) EXPECT_TRUE(is_gone(each)) << each;
  }
  static bool is_gone(const std::string& cgroup) {
    return comes_true([&] { return !fs::exists(cgroup); });
  }
  static bool are_gone(const Program& program) {
    return std::ranges::all_of(program.cgroups, is_gone);
  }
  static bool are_there(const Program& program) {
    return lives(program.guard) &&
           std::ranges::all_of(program.cgroups, [](const auto& each) { return fs::exists(each); });
  }
  [[nodiscard]] int starter() const { return children_of(daemon_->pid()).at(0); }
  // The one that there is, once there is one.
  int keeper() {
    int found = 0;
    EXPECT_TRUE(comes_true([&] { return (found = keeper_of(starter())) != 0; }));
    keepers_.insert(found);
    return found;
  }
  Program begin() {
    Program program;
    program.number = client_->start(client_->make_sandbox("cold"), {"sleep", "1000"});
    EXPECT_GT(program.number, 0);
    yett_program_info info{};
    EXPECT_TRUE(comes_true([&] {
      return client_->program_info(program.number, info) == 0 && info.guard_pid != 0 &&
             info.app_pid != 0;
    }));
    program.guard = info.guard_pid;
    program.supervisor = std::atoi(status_field(program.guard, "PPid").c_str());
    add_cgroups(info.app_pid, program.cgroups);
    EXPECT_FALSE(program.cgroups.empty());
    cgroups_.insert(program.cgroups.begin(), program.cgroups.end());
    return program;
  }
  static void kill_now(int pid) { EXPECT_EQ(::kill(pid, SIGKILL), 0); }
  // Killed, and another one has been told of so many sandboxes.
  int replace_keeper(std::size_t sandboxes) {
    const int first = keeper();
    kill_now(first);
    EXPECT_TRUE(comes_true([&] { return keeps(keeper_of(starter()), sandboxes); }));
    const int next = keeper();
    EXPECT_NE(next, first);
    return next;
  }

  std::optional<DaemonClient> client_;
  std::set<int> keepers_;
  std::set<std::string> cgroups_;
};

TEST_F(DaemonKeeper, OneKeepsAll) {
  const std::vector<Program> programs{begin(), begin(), begin()};
  EXPECT_TRUE(comes_true([&] { return keeps(keeper(), programs.size()); }));
  EXPECT_EQ(keepers_.size(), 1U);
  for (const Program& each : programs)
    for (const int child : children_of(each.supervisor)) EXPECT_NE(name_of(child), "yett-keeper");
  EXPECT_EQ(client_->signal(programs[0].number, SIGKILL), 0);
  EXPECT_TRUE(are_gone(programs[0]));
  EXPECT_TRUE(comes_true([&] { return keeps(keeper(), programs.size() - 1); }));
  EXPECT_TRUE(are_there(programs[1]) && are_there(programs[2]));
}

TEST_F(DaemonKeeper, AKilledSupervisorLeavesNothing) {
  const Program first = begin();
  const Program second = begin();
  kill_now(first.supervisor);
  EXPECT_TRUE(are_gone(first));
  EXPECT_TRUE(comes_true([&] { return !lives(first.guard); }));
  EXPECT_TRUE(are_there(second));
}

// A supervisor that has begun to make what it will not remove.
TEST_F(DaemonKeeper, SupervisorsAreKilledAtAnyMoment) {
  const Program other = begin();
  for (int i = 0; i < 40 && !HasFailure(); ++i) {
    const std::vector<int> before = children_of(starter());
    std::thread asking([&] {
      DaemonClient client(daemon_->socket());
      const int program = client.start(client.make_sandbox("cold"), {"sleep", "1000"});
      if (program > 0) static_cast<void>(client.wait_for(program));
    });
    int supervisor = 0;
    EXPECT_TRUE(comes_true(
        [&] {
          for (const int each : children_of(starter()))
            if (std::ranges::find(before, each) == before.end()) supervisor = each;
          return supervisor != 0;
        },
        std::chrono::microseconds(100)));
    ::usleep(static_cast<unsigned>(i) * 250);
    if (supervisor != 0) kill_now(supervisor);
    asking.join();
    std::vector<std::string> left;
    EXPECT_TRUE(comes_true([&] {
      left.clear();
      for (const std::string& each : other.cgroups) {
        const fs::path place = fs::path(each).parent_path();
        const std::string name = "yett-" + std::to_string(supervisor);
        if (fs::exists(place / name)) left.push_back(place / name);
      }
      return left.empty();
    })) << i
        << ": " << (left.empty() ? "" : left.front());
  }
  EXPECT_TRUE(comes_true([&] { return keeps(keeper(), 1); }));
  EXPECT_TRUE(are_there(other));
}

TEST_F(DaemonKeeper, WhenAllAreKilledItRemovesEverythingAndLeaves) {
  std::vector<Program> programs;
  for (int i = 0; i < 20; ++i) programs.push_back(begin());
  static_cast<void>(keeper());
  const int parent = starter();
  static_cast<void>(daemon_->die());
  kill_now(parent);
  for (const Program& each : programs) EXPECT_TRUE(are_gone(each)) << each.number;
  EXPECT_TRUE(comes_true([&] { return std::ranges::none_of(keepers_, lives); }));
  client_.reset();
  ASSERT_TRUE(daemon_->start()) << "and removes what the starter has left";
}

// SECURITY(keeper-first): there is another one at once, and it knows of all.
TEST_F(DaemonKeeper, AKilledKeeperIsReplaced) {
  const Program first = begin();
  const Program second = begin();
  static_cast<void>(replace_keeper(2));
  EXPECT_TRUE(are_there(first) && are_there(second));
  const Program third = begin();
  for (const Program& each : {first, third}) {
    kill_now(each.supervisor);
    EXPECT_TRUE(are_gone(each));
  }
  EXPECT_TRUE(are_there(second));
  EXPECT_EQ(client_->signal(second.number, SIGKILL), 0);
  EXPECT_TRUE(are_gone(second));
}

// Nobody is left who knows of it: the starts that follow look for what nobody holds.
TEST_F(DaemonKeeper, KilledTogetherWithTheKeeperItIsSwept) {
  const Program program = begin();
  const int first = keeper();
  const int parent = starter();
  ASSERT_EQ(::kill(parent, SIGSTOP), 0);  // it would begin another one
  kill_now(first);
  kill_now(program.supervisor);
  EXPECT_TRUE(comes_true([&] { return !lives(program.guard); }));
  ASSERT_EQ(::kill(parent, SIGCONT), 0);
  const auto is_left = [](const std::string& each) { return fs::exists(each); };
  for (int i = 0; i < 20 && std::ranges::any_of(program.cgroups, is_left); ++i) {
    const Program next = begin();
    EXPECT_EQ(client_->signal(next.number, SIGKILL), 0);
  }
  EXPECT_TRUE(are_gone(program));
}

// A keeper that stands still: nobody waits for it, and nothing is forgotten.
TEST_F(DaemonKeeper, AStoppedKeeperKeepsNobodyWaiting) {
  const Program first = begin();
  const int stopped = keeper();
  ASSERT_EQ(::kill(stopped, SIGSTOP), 0);
  const Program second = begin();
  EXPECT_EQ(client_->signal(first.number, SIGKILL), 0);
  EXPECT_EQ(client_->wait_for(first.number), 128 + SIGKILL);
  kill_now(second.supervisor);
  EXPECT_TRUE(comes_true([&] { return !lives(second.guard); }));
  ASSERT_EQ(::kill(stopped, SIGCONT), 0);
  EXPECT_TRUE(are_gone(first));
  EXPECT_TRUE(are_gone(second));
}

// What an earlier yettd has begun stays with that one's keeper, which leaves with the last of them.
TEST_F(DaemonKeeper, TheNextYettdHasItsOwn) {
  const Program first = begin();
  const Program second = begin();
  const int old_keeper = keeper();
  static_cast<void>(daemon_->die());
  client_.reset();
  ASSERT_TRUE(daemon_->start());
  client_.emplace(daemon_->socket());
  const Program third = begin();
  EXPECT_NE(keeper(), old_keeper);
  kill_now(first.supervisor);
  EXPECT_TRUE(are_gone(first));
  EXPECT_TRUE(are_there(second) && are_there(third));
  EXPECT_EQ(client_->signal(second.number, SIGKILL), 0);
  EXPECT_TRUE(are_gone(second));
  EXPECT_TRUE(comes_true([&] { return !lives(old_keeper); }));
  EXPECT_TRUE(are_there(third));
}

}  // namespace
}  // namespace yett::test
