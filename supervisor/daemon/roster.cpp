#include "supervisor/daemon/roster.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <limits>
#include <utility>

#include "base/text.hpp"
#include "ioctl_uapi/clone.hpp"
#include "supervisor/audit/audit_record.hpp"

namespace yett {
namespace {

static_assert(sizeof(yett_event_data) == YETT_EVENT_DATA_SIZE_1);

bool may_know(uid_t owner, uid_t asker) { return asker == 0 || asker == owner; }

// What the supervisor hands on, and what ends it.
bool is_passed_on(int signal_number) {
  constexpr std::array kPassed{SIGINT,  SIGTERM, SIGHUP,   SIGQUIT,
                               SIGUSR1, SIGUSR2, SIGWINCH, SIGKILL};
  return std::ranges::find(kPassed, signal_number) != kPassed.end();
}

yett_event_data event_of(std::uint32_t kind, std::int32_t value, std::string_view text) {
  yett_event_data event{};
  event.size = sizeof event;
  event.kind = kind;
  event.value = value;
  copy_text(text, event.text);
  return event;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end != 0) lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

}  // namespace

int Roster::next_number() const {
  int number = last_;
  do number = number == std::numeric_limits<int>::max() ? 1 : number + 1;
  while (programs_.contains(number));
  return number;
}

Result<int> Roster::add(StartedSupervisor started, RosterEntry facts) {
  const int number = next_number();
  facts.number = number;
  facts.began = std::chrono::steady_clock::now();
  Starter& starter = *started.starter;
  Program program{.facts = std::move(facts), .supervisor = std::move(started)};
  const std::uint64_t id = program.supervisor.id;
  const bool is_kept = program.supervisor.outlives_daemon();
  if (is_kept) program.place = starter.roster().take_place();
  const auto place = program.place;
  const bool warm = program.facts.warm;
  if (Status inserted = insert(std::move(program)); !inserted) {
    if (is_kept) starter.roster().free(place);
    return fail(std::move(inserted).error());
  }
  last_ = number;
  starter.roster().write_last_number(number);
  save(programs_.at(number));
  if (is_kept) starter.keep(id);  // not before there is a record of it
  metrics_.count_start(warm);
  return number;
}

Status Roster::insert(Program program) {
  const int number = program.facts.number;
  YETT_TRY(program.news, poller_.watch(program.supervisor.news.borrow(), EPOLLIN,
                                       [this, number](std::uint32_t) { on_news(number); }));
  if (program.supervisor.outlives_daemon()) {
    numbers_[{program.supervisor.starter, program.supervisor.id}] = number;
  } else {
    const auto ended = poller_.watch(program.supervisor.process.pidfd(), EPOLLIN,
                                     [this, number](std::uint32_t) { end(number, 128 + SIGKILL); });
    if (!ended) poller_.forget(program.news);
    YETT_TRY(program.ended, ended);
  }
  programs_.emplace(number, std::move(program));
  return {};
}

void Roster::save(const Program& program) {
  if (!program.supervisor.outlives_daemon()) return;
  const RosterEntry& facts = program.facts;
  ProgramRecord record{
      .supervisor = program.supervisor.id,
      .number = facts.number,
      .owner = facts.caller.uid,
      .guard_pid = facts.guard_pid,
      .app_pid = facts.app_pid,
      .warm = facts.warm ? 1U : 0U,
      .refusals = facts.refusals,
      .began_ns = std::chrono::nanoseconds(facts.began.time_since_epoch()).count()};
  copy_text(facts.made_of, record.made_of);
  std::string cgroups;
  for (const std::string& each : facts.cgroups) cgroups += each + "\n";
  copy_text(cgroups, record.cgroups);
  program.supervisor.starter->roster().write(program.place, record);
}

Result<std::size_t> Roster::adopt(Starter& starter) {
  YETT_TRY(const RosterFile::Content content, starter.roster().read());
  last_ = std::max(last_, content.last_number);
  std::size_t running = 0;
  for (LeftSupervisor& left : starter.take_left()) {
    const auto record = content.records.find(left.id);
    // Kept before there was a record of it: there is no such order of things.
    if (record == content.records.end()) {
      const SupervisorProcess ended(std::move(left.pidfd));
      continue;
    }
    if (left.pidfd.valid()) ++running;
    YETT_CHECK(adopt(starter, std::move(left), record->second.first, record->second.second));
  }
  return running;
}

Status Roster::adopt(Starter& starter, LeftSupervisor left, RosterFile::Place place,
                     const ProgramRecord& record) {
  const std::chrono::nanoseconds began(record.began_ns);
  Program program{.facts = {.number = record.number,
                            .caller = {.uid = record.owner},
                            .made_of = record.made_of.data(),
                            .warm = record.warm != 0,
                            .guard_pid = record.guard_pid,
                            .app_pid = record.app_pid,
                            .refusals = record.refusals,
                            .cgroups = split_lines(record.cgroups.data()),
                            .began = std::chrono::steady_clock::time_point(began)},
                  .supervisor = {.process = SupervisorProcess(std::move(left.pidfd)),
                                 .news = std::move(left.news),
                                 .starter = &starter,
                                 .id = left.id},
                  .place = place};
  const bool lives = program.supervisor.process.pidfd().valid();
  // What is open: the last yettd may have read it. Who has nobody that asks does not listen.
  static_cast<void>(send_answer(program.supervisor.news.borrow(), {}));
  YETT_CHECK(insert(std::move(program)));
  if (!lives) end(record.number, left.exit_status);
  return {};
}

const RosterEntry* Roster::find(int number, uid_t asker) const {
  const auto found = programs_.find(number);
  if (found == programs_.end() || found->second.told) return nullptr;
  const RosterEntry& facts = found->second.facts;
  return may_know(facts.caller.uid, asker) ? &facts : nullptr;
}

std::vector<int> Roster::numbers(uid_t asker, int after, std::size_t room) const {
  std::vector<int> found;
  for (auto at = programs_.upper_bound(after); at != programs_.end() && found.size() < room; ++at)
    if (!at->second.told && may_know(at->second.facts.caller.uid, asker))
      found.push_back(at->first);
  return found;
}

std::size_t Roster::count_of(uid_t owner) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      programs_, [owner](const auto& each) { return each.second.facts.caller.uid == owner; }));
}

int Roster::send(int number, uid_t asker, int signal_number) const {
  if (find(number, asker) == nullptr) return ENOENT;
  if (!is_passed_on(signal_number)) return EINVAL;
  const Status sent = send_signal(programs_.at(number).supervisor.process.pidfd(), signal_number);
  return sent ? 0 : ESRCH;
}

const OpenQuestions::Question* Roster::find_question(int number, uid_t asker,
                                                     std::uint64_t from) const {
  // SECURITY(question-owner): as every program, its questions are there for its user alone.
  if (find(number, asker) == nullptr) return nullptr;
  return programs_.at(number).questions.find(from);
}

int Roster::answer(int number, uid_t asker, const GrantRequest& answer, BorrowedFd file) {
  const OpenQuestions::Question* open = find_question(number, asker, answer.question);
  if (open == nullptr || open->told.question != answer.question) return ENOENT;
  Program& program = programs_.at(number);
  if (!send_answer(program.supervisor.news.borrow(), answer, file)) return EAGAIN;
  program.questions.answer(answer.question);
  return 0;
}

void Roster::end_of_client(std::uint64_t client) {
  for (const auto& [number, program] : programs_)
    if (program.facts.caller.client == client)
      static_cast<void>(send_signal(program.supervisor.process.pidfd(), SIGKILL));
}

int Roster::take(int number, const ProgramCaller& caller) {
  const auto unheard = std::ranges::find_if(unheard_, [&](const UnheardEnd& each) {
    return each.facts.number == number && may_know(each.facts.caller.uid, caller.uid);
  });
  if (unheard != unheard_.end()) {
    UnheardEnd taken = std::move(*unheard);
    unheard_.erase(unheard);
    taken.facts.caller = caller;
    hooks_.ended(taken.facts, taken.status);
    return 0;
  }
  if (find(number, caller.uid) == nullptr) return ENOENT;
  ProgramCaller& now = programs_.at(number).facts.caller;
  if (now.client != 0) return EBUSY;
  now.client = caller.client;
  now.sequence = caller.sequence;
  return 0;
}

void Roster::forget(const Program& program) {
  poller_.forget(program.news);
  poller_.forget(program.ended);
}

void Roster::kill_all() {
  for (auto& [number, program] : programs_) forget(program);
  numbers_.clear();
  programs_.clear();  // their owner kills
}

void Roster::on_news(int number) {
  const auto found = programs_.find(number);
  if (found == programs_.end()) return;
  // The last message is found before the end of the line, which is left to the process's.
  if (!take_message(found->second)) poller_.forget(found->second.news);
}

bool Roster::take_message(Program& program) {
  const LineMessage message = read_line(program.supervisor.news.borrow());
  if (const auto* news = std::get_if<News>(&message))
    take_news(program, *news);
  else if (const auto* question = std::get_if<GrantReply>(&message))
    take_question(program, *question);
  else if (const auto* times = std::get_if<CallTimesReport>(&message))
    metrics_.count_calls(*times);
  return !std::holds_alternative<std::monostate>(message);
}

// A path that the event has no room for is not cut: nobody shall allow what he has not read.
void Roster::take_question(Program& program, const GrantReply& told) const {
  const bool asks = told.kind == GrantReplyKind::question;
  const bool is_news = asks ? program.questions.add(told, OpenQuestions::Clock::now())
                            : program.questions.settle(told.question);
  if (!is_news) return;
  const std::string_view path(told.object.data());
  const std::int32_t access = told.for_write != 0 ? YETT_GRANT_WRITE : YETT_GRANT_READ;
  yett_event_data event =
      event_of(asks ? YETT_EVENT_ASKED : YETT_EVENT_SETTLED, asks ? access : told.error, {});
  if (asks && path.size() < sizeof event.text) copy_text(path, event.text);
  copy_text(told.call.data(), event.call);
  event.count = told.question;
  tell(program, event);
}

void Roster::take_news(Program& program, const News& news) {
  const std::string text(news.text.data());
  switch (news.kind) {
    case NewsKind::waiting:
    case NewsKind::born:
      return;
    case NewsKind::started:
      metrics_.count_start_time(program.facts.warm,
                                std::chrono::steady_clock::now() - program.facts.caller.asked);
      program.facts.guard_pid = news.pid;
      program.facts.app_pid = news.value;
      program.facts.cgroups = split_lines(text);
      save(program);
      return tell(program, event_of(YETT_EVENT_STARTED, news.pid, {}));
    case NewsKind::ended:
      return tell_end(program, news.value, text);
    case NewsKind::verdict:
      break;
  }
  const auto verdict = static_cast<VerdictKind>(news.verdict);
  metrics_.count_verdicts(news.plane.data(), verdict_name(verdict), news.count);
  if (verdict != VerdictKind::deny && verdict != VerdictKind::kill) return;
  program.facts.refusals += news.count;
  save(program);
  yett_event_data event = event_of(YETT_EVENT_REFUSED, news.value, text);
  event.count = news.count;
  copy_text(news.plane.data(), event.plane);
  copy_text(news.call.data(), event.call);
  tell(program, event);
}

void Roster::tell(const Program& program, yett_event_data event) const {
  event.owner = program.facts.caller.uid;
  hooks_.event(program.facts, event);
}

void Roster::tell_end(Program& program, int status, const std::string& reason) {
  if (std::exchange(program.told, true)) return;
  metrics_.count_end(reason);
  tell(program, event_of(YETT_EVENT_ENDED, status, reason));
  if (program.facts.caller.client != 0) return hooks_.ended(program.facts, status);
  if (unheard_.size() == kMostUnheard) unheard_.pop_front();
  unheard_.push_back({.facts = program.facts, .status = status});
}

void Roster::on_end(const Starter& starter, const EndedSupervisor& ended) {
  const auto found = numbers_.find({&starter, ended.id});
  if (found != numbers_.end()) end(found->second, ended.status);  // else it was the pool's
}

void Roster::on_end_of(const Starter& starter) {
  std::vector<int> lost;
  for (const auto& [supervisor, number] : numbers_)
    if (supervisor.first == &starter) lost.push_back(number);
  for (const int number : lost) end(number, 128 + SIGKILL);
}

void Roster::end(int number, int status) {
  const auto found = programs_.find(number);
  if (found == programs_.end()) return;
  Program& program = found->second;
  while (take_message(program)) continue;
  tell_end(program, status, "supervisor_ended");
  forget(program);
  if (program.supervisor.outlives_daemon()) {
    program.supervisor.starter->roster().free(program.place);
    numbers_.erase({program.supervisor.starter, program.supervisor.id});
  }
  programs_.erase(found);
}

}  // namespace yett
