// The programs that run under yettd, one sandbox each: whose they are, and what is known of them.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "ioctl_uapi/include/yett/uapi.h"
#include "supervisor/daemon/metrics.hpp"
#include "supervisor/daemon/open_questions.hpp"
#include "supervisor/daemon/poller.hpp"
#include "supervisor/daemon/roster_file.hpp"
#include "supervisor/daemon/starter.hpp"

namespace yett {

// Who began a program, and who is told of its end.
struct ProgramCaller {
  uid_t uid = 0;
  std::uint64_t client = 0;  // 0: nobody who is connected
  std::uint32_t sequence = 0;
  std::chrono::steady_clock::time_point asked = std::chrono::steady_clock::now();
};

struct RosterEntry {
  int number = 0;
  ProgramCaller caller;
  std::string made_of;
  bool warm = false;
  int guard_pid = 0;
  int app_pid = 0;
  std::uint64_t refusals = 0;
  std::vector<std::string> cgroups;
  std::chrono::steady_clock::time_point began;
};

class Roster {
 public:
  struct Hooks {
    // Once for each program, with its exit status.
    std::function<void(const RosterEntry& program, int status)> ended;
    std::function<void(const RosterEntry& program, const yett_event_data& event)> event;
  };

  Roster(Poller& poller, Metrics& metrics, Hooks hooks)
      : poller_(poller), metrics_(metrics), hooks_(std::move(hooks)) {}

  // Its number, from 1. From then on it outlives the daemon, unless it is an instance.
  [[nodiscard]] Result<int> add(StartedSupervisor started, RosterEntry facts);
  // What an earlier daemon has left with `starter`: how many run.
  [[nodiscard]] Result<std::size_t> adopt(Starter& starter);
  // The starter has told so.
  void on_end(const Starter& starter, const EndedSupervisor& ended);
  // All of its supervisors have ended with it.
  void on_end_of(const Starter& starter);
  // SECURITY(daemon-owner): the only way to a program by its number. Null: there is none that
  // `asker` may know of.
  [[nodiscard]] const RosterEntry* find(int number, uid_t asker) const;
  // Above `after`, `room` at most.
  [[nodiscard]] std::vector<int> numbers(uid_t asker, int after, std::size_t room) const;
  // errno, 0: sent.
  [[nodiscard]] int send(int number, uid_t asker, int signal_number) const;
  // The first question of that program's, of this number or above, that nobody has answered. Null:
  // there is none that `asker` may know of.
  [[nodiscard]] const OpenQuestions::Question* find_question(int number, uid_t asker,
                                                             std::uint64_t from) const;
  // Hands the answer on, with the file that is given in place of the one asked for. errno, 0: sent;
  // ENOENT: no such question is open (any more).
  [[nodiscard]] int answer(int number, uid_t asker, const GrantRequest& answer,
                           BorrowedFd file = {});
  [[nodiscard]] std::size_t count() const { return programs_.size(); }
  [[nodiscard]] std::size_t count_of(uid_t owner) const;
  // A program that has no connection gets the caller's, and ends with it. errno, 0: done; EBUSY: it
  // has one.
  [[nodiscard]] int take(int number, const ProgramCaller& caller);
  // What the connection has begun is killed, or all.
  void end_of_client(std::uint64_t client);
  void kill_all();

 private:
  struct Program {
    RosterEntry facts;
    StartedSupervisor supervisor;
    RosterFile::Place place = 0;
    Poller::Key news = 0;
    Poller::Key ended = 0;  // of one whose end no starter tells
    bool told = false;      // its end
    OpenQuestions questions;
  };
  [[nodiscard]] int next_number() const;
  // How an end that nobody was connected to hear was.
  struct UnheardEnd {
    RosterEntry facts;
    int status = 0;
  };
  static constexpr std::size_t kMostUnheard = 1024;
  using Supervisor = std::pair<const Starter*, std::uint64_t>;
  [[nodiscard]] Status insert(Program program);
  [[nodiscard]] Status adopt(Starter& starter, LeftSupervisor left, RosterFile::Place place,
                             const ProgramRecord& record);
  static void save(const Program& program);
  void forget(const Program& program);
  void on_news(int number);
  void end(int number, int status);
  // False: nothing has come.
  [[nodiscard]] bool take_message(Program& program);
  void take_news(Program& program, const News& news);
  void take_question(Program& program, const GrantReply& told) const;
  void tell_end(Program& program, int status, const std::string& reason);
  void tell(const Program& program, yett_event_data event) const;

  Poller& poller_;
  Metrics& metrics_;
  Hooks hooks_;
  int last_ = 0;
  std::map<int, Program> programs_;
  std::map<Supervisor, int> numbers_;
  std::deque<UnheardEnd> unheard_;
};

}  // namespace yett
