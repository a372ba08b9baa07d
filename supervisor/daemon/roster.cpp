#include "supervisor/daemon/roster.hpp"

#include <sys/epoll.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <limits>
#include <utility>

#include "base/text.hpp"
#include "ioctl_uapi/clone.hpp"
#include "supervisor/audit/audit_record.hpp"
#include "supervisor/control/start_program.hpp"

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
  YETT_TRY(const Poller::Key news,
           poller_.watch(started.news.borrow(), EPOLLIN,
                         [this, number](std::uint32_t) { on_news(number); }));
  const auto end = poller_.watch(started.process.pidfd(), EPOLLIN,
                                 [this, number](std::uint32_t) { on_end(number); });
  if (!end) {
    poller_.forget(news);
    return fail(end.error());
  }
  metrics_.count_start(facts.warm);
  programs_.emplace(
      number,
      Program{
          .facts = std::move(facts), .supervisor = std::move(started), .news = news, .end = *end});
  return last_ = number;
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

void Roster::end_of_client(std::uint64_t client) {
  for (const auto& [number, program] : programs_)
    if (program.facts.caller.client == client)
      static_cast<void>(send_signal(program.supervisor.process.pidfd(), SIGKILL));
}

void Roster::kill_all() {
  for (auto& [number, program] : programs_) {
    poller_.forget(program.news);
    poller_.forget(program.end);
  }
  programs_.clear();  // their owner kills and reaps
}

void Roster::on_news(int number) {
  const auto found = programs_.find(number);
  if (found == programs_.end()) return;
  // The last message is found before the end of the line, which is left to the process's.
  if (const auto news = read_news(found->second.supervisor.news.borrow()))
    take_news(found->second, *news);
  else
    poller_.forget(found->second.news);
}

void Roster::take_news(Program& program, const News& news) {
  const std::string text(news.text.data());
  switch (news.kind) {
    case NewsKind::waiting:
      return;
    case NewsKind::started:
      program.facts.guard_pid = news.pid;
      program.facts.app_pid = news.value;
      program.facts.cgroups = split_lines(text);
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
  yett_event_data event = event_of(YETT_EVENT_REFUSED, news.value, text);
  event.count = news.count;
  copy_text(news.plane.data(), event.plane);
  copy_text(news.call.data(), event.call);
  tell(program, event);
}

void Roster::tell(const Program& program, yett_event_data event) const {
  event.owner = program.facts.caller.uid;
  if (hooks_.event) hooks_.event(program.facts, event);
}

void Roster::tell_end(Program& program, int status, const std::string& reason) {
  if (std::exchange(program.told, true)) return;
  metrics_.count_end(reason);
  tell(program, event_of(YETT_EVENT_ENDED, status, reason));
  if (hooks_.ended) hooks_.ended(program.facts, status);
}

void Roster::on_end(int number) {
  const auto found = programs_.find(number);
  if (found == programs_.end()) return;
  Program& program = found->second;
  while (const auto news = read_news(program.supervisor.news.borrow())) take_news(program, *news);
  tell_end(program, wait_for_end(program.supervisor.process), "supervisor_ended");
  poller_.forget(program.news);
  poller_.forget(program.end);
  programs_.erase(found);  // its owner reaps
}

}  // namespace yett
