#include "supervisor/grants/grant_desk.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/signal_free_thread.hpp"
#include "base/text.hpp"
#include "ioctl_uapi/grant_protocol.hpp"
#include "ioctl_uapi/peer.hpp"
#include "ioctl_uapi/receive_fds.hpp"
#include "sandbox/policy/policy_change.hpp"
#include "supervisor/grants/question_table.hpp"

namespace yett {
namespace {

using Clock = QuestionTable::Clock;
using std::chrono::milliseconds;

constexpr std::size_t kMostConnections = 8;
// Callers that have left are noticed within this time.
constexpr milliseconds kLook{500};
constexpr milliseconds kPatienceAtEnd{300};

struct Waiting {
  PendingNotification pending;
  AskedFile file;
  Asker asker;
  std::uint64_t question = 0;  // 0: it never became one
};

QuestionTable::Subject subject_of(const AskedFile& file) {
  return {.device = file.device, .inode = file.inode, .for_write = file.for_write()};
}

// Opens of one file that was allowed for good are alike. Never 0.
std::uint64_t alike_token(const AskedFile& file) {
  const std::uint64_t way = file.for_write() ? 0x9E3779B97F4A7C15U : 0x2545F4914F6CDD1DU;
  return (std::hash<std::string>{}(file.path) ^ way) | 1;
}

UniqueFd copy_of(BorrowedFd fd) {
  return fd.valid() ? UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)) : UniqueFd();
}

// Does it give what was asked for, and nothing more? SECURITY(files-only)
bool may_replace(const UniqueFd& given, const AskedFile& asked) {
  struct stat found{};
  const int flags = given.valid() ? ::fcntl(given.get(), F_GETFL) : -1;
  return flags >= 0 && (flags & O_PATH) == 0 && ::fstat(given.get(), &found) == 0 &&
         S_ISREG(found.st_mode) && (flags & O_ACCMODE) == (asked.flags & O_ACCMODE);
}

// What has come: a request, or what is none (a hang-up, too), or nothing.
struct Said {
  std::optional<GrantRequest> request;
  UniqueFd given;
  bool is_nothing = false;
};

Said receive_request(const UniqueFd& from) {
  std::array<char, sizeof(GrantRequest) + 1> bytes{};
  std::array<int, 1> passed{-1};
  const ReceivedBytes received = receive_with_fds(from.get(), bytes, passed, MSG_DONTWAIT);
  Said said{.request = std::nullopt,
            .given = UniqueFd(passed[0]),
            .is_nothing = received.error == EAGAIN};
  if (received.error == kDone) said.request = read_grant_request(bytes.data(), received.size);
  return said;
}

std::string question_name(std::uint64_t question) {
  return "[on] violation = \"ask\": question " + std::to_string(question);
}

}  // namespace

struct GrantDesk::State {
  State(const SandboxPlan& plan, AuditSink& audit_log)
      : sandbox(plan.sandbox), user(plan.identity), audit(&audit_log), table(plan.ask.patience) {}

  // By the desk's thread.
  void serve();
  void serve_connection(UniqueFd& connection);
  void serve_line();
  [[nodiscard]] int carry_out(const GrantRequest& request, UniqueFd given);
  [[nodiscard]] Result<UniqueFd> open_allowed(const AskedFile& file, bool always);
  void list(BorrowedFd connection);
  void take_new_connection();
  [[nodiscard]] std::vector<pollfd> watched();
  [[nodiscard]] int poll_time();
  void refuse_overdue();
  void forget_those_gone();
  [[nodiscard]] std::optional<Waiting> take(std::uint64_t question);
  [[nodiscard]] int give(std::uint64_t question, Waiting waits, UniqueFd file, const char* how);

  // By any thread.
  void refuse(Waiting waits, const std::string& rule);
  void record(const AskedFile& file, const Asker& asker, VerdictKind verdict, int error,
              const std::string& rule, std::uint64_t token = 0);
  void tell_settled(std::uint64_t question, int error);
  // Under the lock.
  [[nodiscard]] BorrowedFd show(const AskedFile& file);
  void tell(const GrantReply& reply) const;
  [[nodiscard]] GrantReply reply_of(const Waiting& waits) const;
  void wake() const { ::eventfd_write(bell.get(), 1); }

  const std::string sandbox;
  const IdentityPlan user;
  UniqueFd socket;
  UniqueFd line;         // to a manager, who is told by `on_question`
  UniqueFd listener;     // its own: the loop's may be gone when a target lets go
  bool anybody = false;  // to ask
  UniqueFd bell{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  UniqueFd asked{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::vector<UniqueFd> connections;  // the thread's alone
  pthread_t thread{};

  std::mutex lock;  // of what follows
  std::condition_variable ended_changed;
  AuditSink* audit;  // null: the caller's end has come, and nobody is told of anything
  std::function<void(const GrantReply&)> on_question;
  QuestionTable table;
  std::map<std::uint64_t, Waiting> waiting;
  // What was allowed for good: held, so that no number of theirs is used again.
  std::map<QuestionTable::Subject, UniqueFd> shown;
  bool stopping = false;
  bool ended = false;
};

void GrantDesk::State::record(const AskedFile& file, const Asker& asker, VerdictKind verdict,
                              int error, const std::string& rule, std::uint64_t token) {
  const std::scoped_lock held(lock);
  if (audit == nullptr) return;
  const bool refused = verdict == VerdictKind::deny;
  const char* list = file.for_write() ? "write" : "read";
  audit->record(AuditRecord{.sandbox = sandbox,
                            .pid = asker.pid,
                            .comm = asker.comm,
                            .plane = plane_name(Plane::supervisor),
                            .call = asker.call,
                            .object = file.path,
                            .rule = rule,
                            .verdict = verdict,
                            .error = error,
                            .mend = refused ? changes_text({add_to("files", list, file.path)})
                                            : std::string(),
                            .arguments = asker.arguments,
                            .resolved = "a regular file of the host's, found before it was asked "
                                        "for; the sandbox's tree has it not, or not to write"},
                token);
}

void GrantDesk::State::tell(const GrantReply& reply) const {
  if (audit != nullptr && on_question) on_question(reply);
}

void GrantDesk::State::tell_settled(std::uint64_t question, int error) {
  const std::scoped_lock held(lock);
  if (question != 0) tell({.kind = GrantReplyKind::settled, .error = error, .question = question});
}

GrantReply GrantDesk::State::reply_of(const Waiting& waits) const {
  const auto left =
      std::chrono::duration_cast<milliseconds>(table.end_of(waits.question) - Clock::now());
  GrantReply reply{.kind = GrantReplyKind::question,
                   .question = waits.question,
                   .left_ms = static_cast<std::uint32_t>(std::max<long>(left.count(), 0)),
                   .for_write = waits.file.for_write() ? 1U : 0U,
                   .pid = waits.asker.pid};
  copy_text(waits.asker.comm, reply.comm);
  copy_text(waits.asker.call, reply.call);
  copy_text(waits.file.path, reply.object);
  return reply;
}

// Of what the table remembers.
BorrowedFd GrantDesk::State::show(const AskedFile& file) {
  const auto known = shown.find(subject_of(file));
  if (known != shown.end()) return known->second.borrow();
  auto made = show_asked_file(file);
  if (!made) return {};
  return shown.emplace(subject_of(file), *std::move(made)).first->second.borrow();
}

void GrantDesk::State::refuse(Waiting waits, const std::string& rule) {
  record(waits.file, waits.asker, VerdictKind::deny, kRefusal, rule);
  static_cast<void>(waits.pending.answer_error(kRefusal));
  tell_settled(waits.question, kRefusal);
}

std::optional<Waiting> GrantDesk::State::take(std::uint64_t question) {
  const std::scoped_lock held(lock);
  const auto found = waiting.find(question);
  if (!table.close(question) || found == waiting.end()) return std::nullopt;
  std::optional<Waiting> taken(std::move(found->second));
  waiting.erase(found);
  return taken;
}

// The record comes first: what the target then does it does after it.
int GrantDesk::State::give(std::uint64_t question, Waiting waits, UniqueFd file, const char* how) {
  record(waits.file, waits.asker, VerdictKind::allow, 0, question_name(question) + ": " + how);
  const Status given = waits.pending.answer_fd(file.borrow(), close_on_exec_of(waits.file.flags));
  const bool is_over = given || given.error().kind == ErrorKind::target_gone;
  const int error = is_over ? 0 : given.error().sys_errno == EMFILE ? EMFILE : EIO;
  if (error != 0) static_cast<void>(waits.pending.answer_error(error));
  tell_settled(question, error);
  return error;
}

Result<UniqueFd> GrantDesk::State::open_allowed(const AskedFile& file, bool always) {
  LastingRights rights;
  YETT_TRY(UniqueFd mount, show_asked_file(file));
  YETT_TRY(UniqueFd opened, open_asked_file(user, mount.borrow(), file, rights));
  const std::scoped_lock held(lock);
  if (always && table.remember(subject_of(file))) shown.emplace(subject_of(file), std::move(mount));
  return opened;
}

int GrantDesk::State::carry_out(const GrantRequest& request, UniqueFd given) {
  const std::uint64_t question = request.question;
  if (request.command == GrantCommand::substitute) {
    const std::scoped_lock held(lock);
    const auto found = waiting.find(question);
    if (found == waiting.end()) return ESRCH;
    if (!may_replace(given, found->second.file)) return EINVAL;
  }
  auto waits = take(question);
  if (!waits) return ESRCH;
  if (request.command == GrantCommand::deny) {
    refuse(*std::move(waits), question_name(question) + ": denied");
    return 0;
  }
  if (request.command == GrantCommand::substitute)
    return give(question, *std::move(waits), std::move(given), "another file in its place");
  const bool always = request.command == GrantCommand::always;
  auto file = open_allowed(waits->file, always);
  if (!file) {
    refuse(*std::move(waits), question_name(question) + ": allowed, but " + file.error().message());
    return file.error().sys_errno;
  }
  return give(question, *std::move(waits), *std::move(file),
              always ? "allowed for this sandbox" : "allowed once");
}

void GrantDesk::State::list(BorrowedFd connection) {
  const std::scoped_lock held(lock);
  for (const auto& [question, waits] : waiting) {
    const GrantReply reply = reply_of(waits);
    static_cast<void>(::send(connection.get(), &reply, sizeof reply, MSG_DONTWAIT | MSG_NOSIGNAL));
  }
}

// One request. What is none ends the connection.
void GrantDesk::State::serve_connection(UniqueFd& connection) {
  Said said = receive_request(connection);
  if (said.is_nothing) return;
  const auto& request = said.request;
  GrantReply reply;
  if (!request)
    reply.error = EINVAL;
  else if (request->command == GrantCommand::list)
    list(connection.borrow());
  else
    reply.error = carry_out(*request, std::move(said.given));
  const bool told = ::send(connection.get(), &reply, sizeof reply, MSG_DONTWAIT | MSG_NOSIGNAL) > 0;
  if (!request || !told) connection.reset();
}

// Nobody waits for a reply there, and an answer is the last word: what cannot be given in place of
// the file is a no. At the end of the line time answers.
void GrantDesk::State::serve_line() {
  Said said = receive_request(line);
  if (said.is_nothing) return;
  if (!said.request) return line.reset();
  const GrantRequest request = *said.request;
  if (request.command != GrantCommand::list) {
    if (carry_out(request, std::move(said.given)) == EINVAL)
      static_cast<void>(
          carry_out({.command = GrantCommand::deny, .question = request.question}, {}));
    return;
  }
  const std::scoped_lock held(lock);
  for (const auto& [question, waits] : waiting) tell(reply_of(waits));
}

// SECURITY(grant-peer): the socket lies in a directory of root's and is root's alone to use.
void GrantDesk::State::take_new_connection() {
  UniqueFd connection(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (connection.valid() && is_peer_root(connection.borrow()))
    connections.push_back(std::move(connection));
}

void GrantDesk::State::refuse_overdue() {
  std::vector<std::uint64_t> overdue;
  {
    const std::scoped_lock held(lock);
    for (const auto& [question, waits] : waiting)
      if (table.end_of(question) <= Clock::now()) overdue.push_back(question);
  }
  for (const std::uint64_t question : overdue)
    if (auto waits = take(question))
      refuse(*std::move(waits), question_name(question) + ": nobody answered");
}

void GrantDesk::State::forget_those_gone() {
  std::vector<std::uint64_t> gone;
  {
    const std::scoped_lock held(lock);
    for (const auto& [question, waits] : waiting)
      if (!waits.pending.still_valid()) gone.push_back(question);
  }
  for (const std::uint64_t question : gone)
    if (auto waits = take(question))
      refuse(*std::move(waits), question_name(question) + ": who asked has left");
}

std::vector<pollfd> GrantDesk::State::watched() {
  std::vector<pollfd> watched{{.fd = bell.get(), .events = POLLIN, .revents = 0}};
  const bool full = connections.size() >= kMostConnections;
  watched.push_back({.fd = full ? -1 : socket.get(), .events = POLLIN, .revents = 0});
  watched.push_back({.fd = line.get(), .events = POLLIN, .revents = 0});
  for (const UniqueFd& connection : connections)
    watched.push_back({.fd = connection.get(), .events = POLLIN, .revents = 0});
  return watched;
}

int GrantDesk::State::poll_time() {
  const std::scoped_lock held(lock);
  if (waiting.empty()) return -1;
  auto time = kLook;
  for (const auto& [question, waits] : waiting)
    time = std::min(time, std::chrono::ceil<milliseconds>(table.end_of(question) - Clock::now()));
  return static_cast<int>(std::max(time, milliseconds(0)).count());
}

void GrantDesk::State::serve() {
  for (;;) {
    std::vector<pollfd> watch = watched();
    if (::poll(watch.data(), watch.size(), poll_time()) < 0 && errno != EINTR) break;
    eventfd_t rung = 0;
    ::eventfd_read(bell.get(), &rung);
    {
      const std::scoped_lock held(lock);
      if (stopping) break;
    }
    if (watch[2].revents != 0) serve_line();
    for (std::size_t i = 3; i < watch.size(); ++i)
      if (watch[i].revents != 0) serve_connection(connections[i - 3]);
    std::erase_if(connections, [](const UniqueFd& each) { return !each.valid(); });
    if (watch[1].revents != 0) take_new_connection();
    refuse_overdue();
    forget_those_gone();
  }
  const std::scoped_lock held(lock);
  ended = true;
  ended_changed.notify_all();
}

Result<std::shared_ptr<GrantDesk>> GrantDesk::start(Answerers answerers, BorrowedFd listener,
                                                    const SandboxPlan& plan, AuditSink& audit) {
  auto state = std::make_shared<State>(plan, audit);
  const BorrowedFd socket = answerers.socket;
  state->socket = copy_of(socket);
  state->line = copy_of(answerers.line);
  state->on_question = std::move(answerers.tell);
  state->anybody = socket.valid() || answerers.connection.valid() || state->line.valid();
  if (answerers.connection.valid()) state->connections.push_back(std::move(answerers.connection));
  state->listener = copy_of(listener);
  if (!state->listener.valid() || !state->bell.valid() || socket.valid() != state->socket.valid() ||
      answerers.line.valid() != state->line.valid())
    return fail(errno_error("duplicate", "descriptors of questions"));
  const auto run = [](void* given) -> void* {
    const std::unique_ptr<std::shared_ptr<State>> own(static_cast<std::shared_ptr<State>*>(given));
    (*own)->serve();
    return nullptr;
  };
  auto own = std::make_unique<std::shared_ptr<State>>(state);
  const int error = start_signal_free(state->thread, nullptr, run, own.get());
  if (error != 0) return fail(errno_error(error, "start a thread", "questions"));
  static_cast<void>(own.release());  // the thread's now
  return std::shared_ptr<GrantDesk>(new GrantDesk(std::move(state)));
}

BorrowedFd GrantDesk::asked() const { return state_->asked.borrow(); }

GrantDesk::~GrantDesk() { stop(); }

void GrantDesk::stop() {
  std::map<std::uint64_t, Waiting> refused;
  {
    std::unique_lock held(state_->lock);
    if (std::exchange(state_->stopping, true)) return;
    refused.swap(state_->waiting);
  }
  state_->wake();
  for (auto& [question, waits] : refused)
    state_->refuse(std::move(waits), question_name(question) + ": the sandbox has ended");
  std::unique_lock held(state_->lock);
  state_->ended_changed.wait_for(held, kPatienceAtEnd, [this] { return state_->ended; });
  state_->audit = nullptr;
  const bool ended = state_->ended;
  held.unlock();
  if (ended)
    ::pthread_join(state_->thread, nullptr);
  else
    ::pthread_detach(state_->thread);
}

BorrowedFd GrantDesk::remembered(const AskedFile& file, LastingRights& rights) const {
  const std::scoped_lock held(state_->lock);
  if (!state_->table.is_remembered(subject_of(file))) return {};
  if (!state_->shown.contains(subject_of(file))) rights.give_back();
  return state_->show(file);
}

bool GrantDesk::repeats_remembered(const AskedFile& file) const {
  const std::scoped_lock held(state_->lock);
  return state_->audit != nullptr && state_->audit->repeat(alike_token(file));
}

void GrantDesk::note_remembered(const AskedFile& file, const Asker& asker) {
  state_->record(file, asker, VerdictKind::allow, 0,
                 "[on] violation = \"ask\": allowed for this sandbox before", alike_token(file));
}

void GrantDesk::ask(PendingNotification pending, AskedFile file, Asker asker) {
  Waiting waits{.pending = std::move(pending).through(state_->listener.borrow()),
                .file = std::move(file),
                .asker = std::move(asker)};
  if (!state_->anybody)
    return state_->refuse(std::move(waits), "[on] violation = \"ask\": there is nobody to ask");
  std::optional<std::uint64_t> question;
  {
    const std::scoped_lock held(state_->lock);
    if (!state_->stopping) question = state_->table.open(Clock::now(), waits.file.patience);
  }
  if (!question)
    return state_->refuse(std::move(waits), "[on] violation = \"ask\": too many questions");
  waits.question = *question;
  state_->record(waits.file, waits.asker, VerdictKind::ask, 0, question_name(*question));
  {
    const std::scoped_lock held(state_->lock);
    if (!state_->stopping) {
      state_->tell(state_->reply_of(waits));
      state_->waiting.emplace(*question, std::move(waits));
      ::eventfd_write(state_->asked.get(), 1);
      return state_->wake();
    }
  }
  state_->refuse(std::move(waits), question_name(*question) + ": the sandbox has ended");
}

}  // namespace yett
