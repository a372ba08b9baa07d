#include "supervisor/daemon/daemon.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <list>
#include <memory>
#include <optional>
#include <utility>

#include "ioctl_uapi/named_socket.hpp"
#include "supervisor/daemon/activation.hpp"
#include "supervisor/daemon/daemon_client.hpp"
#include "supervisor/daemon/daemon_log.hpp"
#include "supervisor/daemon/left_starters.hpp"
#include "supervisor/daemon/metrics_server.hpp"
#include "supervisor/daemon/own_program.hpp"

namespace yett {
namespace {

using Clock = FrameConnection::Clock;

constexpr std::size_t kMostClients = 2048;
constexpr std::size_t kPlacesOfRoot = 32;
constexpr std::ptrdiff_t kMostOfUser = 64;
constexpr std::chrono::seconds kStopTime{5};  // for programs to end by themselves
constexpr std::array kSignals{SIGTERM, SIGINT, SIGHUP, SIGUSR2};

// By which its starters are known to be its own.
std::string served_path(const DaemonConfig& config) {
  const std::string passed = passed_socket_path();
  return passed.empty() ? config.socket : passed;
}

class Daemon {
 public:
  Daemon(const DaemonService& service, DaemonConfig config, Starter starter, std::string door,
         OwnProgram program, Poller poller)
      : service_(service),
        config_(std::move(config)),
        starter_(std::move(starter)),
        door_(std::move(door)),
        program_(std::move(program)),
        poller_(std::move(poller)) {
    log_.set_format(config_.log);
  }
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  Status prepare();
  Status serve();

 private:
  struct Connection {
    DaemonClient client;
    Poller::Key key = 0;
    bool over = false;
  };
  Status listen();
  Status watch_signals();
  // What a yettd before this one has left.
  void adopt();
  void adopt_from(Starter found);
  void on_starter(Starter& starter);
  void set_patience(std::chrono::seconds patience);
  void upgrade();
  void open_metrics();
  void on_signals();
  void reload();
  void take_connection();
  [[nodiscard]] bool has_place(uid_t uid) const;
  void pause_listening();
  // In ms; -1: it listens.
  int listen_when_due();
  void on_client(std::uint64_t number, std::uint32_t events);
  void on_ended(const RosterEntry& program, int status);
  void on_event(const RosterEntry& program, const yett_event_data& event);
  [[nodiscard]] bool may_connect(uid_t uid) const;
  // Sends what waits, lets go of who has left. Until when nobody has a turn, in ms; -1: no matter.
  int tend_clients();
  [[nodiscard]] std::string metrics_text() const;
  void begin_to_stop();

  const DaemonService& service_;
  DaemonConfig config_;
  DaemonLog log_;
  Starter starter_;
  const std::string door_;  // of that one
  const OwnProgram program_;
  struct LeftStarter {
    Starter starter;
    Poller::Key key = 0;
  };
  std::list<LeftStarter> left_;  // each until its last supervisor has ended
  Poller poller_;
  Metrics metrics_;
  Roster roster_{
      poller_,
      metrics_,
      {.ended = [this](const auto& program, int status) { on_ended(program, status); },
       .event = [this](const auto& program, const auto& event) { on_event(program, event); }}};
  WarmForks forks_{poller_, starter_, log_};
  WarmPool pool_{poller_, starter_, forks_, log_, service_.read_run};
  Closer closer_;
  ProgramStarter programs_{config_,  starter_, pool_,   forks_,           roster_,
                           metrics_, log_,     closer_, service_.read_run};
  UniqueFd socket_;
  bool owns_path_ = false;
  Poller::Key listening_ = 0;
  UniqueFd signals_;
  std::unique_ptr<MetricsServer> metrics_server_;
  std::uint64_t last_client_ = 0;
  std::map<std::uint64_t, Connection> clients_;
  std::optional<Clock::time_point> stop_at_;
  std::optional<Clock::time_point> listen_again_;
  bool starter_lost_ = false;
};

Daemon::~Daemon() {
  clients_.clear();
  pool_.clear();
  forks_.clear();
  roster_.kill_all();
  for (LeftStarter& each : left_) each.starter.end();
  starter_.end();
  if (owns_path_) ::unlink(config_.socket.c_str());
  if (metrics_server_) ::unlink(config_.metrics.c_str());
}

Status Daemon::prepare() {
  YETT_CHECK(watch_signals());
  YETT_CHECK(listen());
  adopt();  // not before: what is there may be another yettd's
  open_metrics();
  forks_.set_templates(config_.templates);
  pool_.set_templates(config_.templates);
  const auto starter =
      poller_.watch(starter_.socket(), EPOLLIN, [this](std::uint32_t) { on_starter(starter_); });
  return starter ? Status() : fail(starter.error());
}

void Daemon::adopt() {
  const auto began = Clock::now();
  for (const std::string& door : find_doors(service_.directory, served_path(config_))) {
    if (door == door_) continue;
    auto found = Starter::find(door);
    if (found)
      adopt_from(*std::move(found));
    else if (found.error().sys_errno == ECONNREFUSED)
      ::unlink(door.c_str());  // of one that was killed, and all of its supervisors with it
    else if (found.error().kind != ErrorKind::target_gone)
      log_.error("sandboxes could not be adopted",
                 {{"of", door}, {"error", found.error().message()}});
  }
  set_patience(config_.adoption_time);
  if (roster_.count() == 0) return;
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
  log_.info("sandboxes adopted", {{"sandboxes", std::to_string(roster_.count())},
                                  {"milliseconds", std::to_string(took.count())}});
}

void Daemon::adopt_from(Starter found) {
  LeftStarter& left = left_.emplace_back(LeftStarter{.starter = std::move(found)});
  const auto watched = poller_.watch(left.starter.socket(), EPOLLIN,
                                     [this, &left](std::uint32_t) { on_starter(left.starter); });
  const auto adopted = watched ? roster_.adopt(left.starter) : fail(watched.error());
  if (watched) left.key = *watched;
  if (adopted) return metrics_.count_adopted(*adopted);
  log_.error("sandboxes could not be adopted", {{"error", adopted.error().message()}});
}

void Daemon::set_patience(std::chrono::seconds patience) {
  starter_.set_patience(patience);
  for (const LeftStarter& each : left_) each.starter.set_patience(patience);
}

void Daemon::on_starter(Starter& starter) {
  for (const EndedSupervisor& each : starter.take_ends()) roster_.on_end(starter, each);
  if (!starter.is_gone()) return;
  roster_.on_end_of(starter);
  if (&starter == &starter_) {
    log_.error("the process that begins sandboxes has died", {{"mend", "start yettd again"}});
    starter_lost_ = true;
    return begin_to_stop();
  }
  starter.end();
  const auto left = std::ranges::find_if(
      left_, [&starter](const LeftStarter& each) { return &each.starter == &starter; });
  poller_.forget(left->key);
  left_.erase(left);
}

// A mistake in what comes next would end what runs, so it is looked at first.
void Daemon::upgrade() {
  auto read = service_.read_config();
  if (read && read->socket != config_.socket)
    read = fail(request_error("socket", "cannot change while yettd runs", "stop and start it"));
  const Status there = program_.check();
  if (!read || !there)
    return log_.error("this yettd goes on",
                      {{"error", read ? there.error().message() : read.error().message()}});
  log_.info("executing", {{"program", program_.path()}});
  tell_service_manager("RELOADING=1");
  if (!owns_path_) ::fcntl(socket_.get(), F_SETFD, 0);  // it is handed over as it came
  const Error why = program_.execute();
  ::fcntl(socket_.get(), F_SETFD, FD_CLOEXEC);
  log_.error("this yettd goes on", {{"error", why.message()}});
  tell_service_manager("READY=1");
}

Status Daemon::listen() {
  YETT_TRY(socket_, take_passed_socket());
  if (!socket_.valid()) {
    // Who may connect is decided by who it is: see may_connect().
    YETT_TRY(socket_, listen_at({.path = config_.socket,
                                 .mode = config_.users.empty() ? 0600U : 0666U,
                                 .asked_by = "socket " + config_.socket}));
    owns_path_ = true;  // not before: what is there may be another yettd's
  }
  YETT_TRY(listening_,
           poller_.watch(socket_.borrow(), EPOLLIN, [this](std::uint32_t) { take_connection(); }));
  return {};
}

Status Daemon::watch_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int number : kSignals) ::sigaddset(&signals, number);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);
  signals_.reset(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_.valid()) return fail(errno_error("signalfd"));
  const auto key =
      poller_.watch(signals_.borrow(), EPOLLIN, [this](std::uint32_t) { on_signals(); });
  return key ? Status() : fail(key.error());
}

// No reason not to begin sandboxes.
void Daemon::open_metrics() {
  if (config_.metrics.empty()) return;
  auto socket = listen_at(
      {.path = config_.metrics, .type = SOCK_STREAM, .asked_by = "metrics " + config_.metrics});
  if (!socket) return log_.error("no metrics can be read", {{"error", socket.error().message()}});
  metrics_server_ = std::make_unique<MetricsServer>(poller_, *std::move(socket),
                                                    [this] { return metrics_text(); });
}

std::string Daemon::metrics_text() const {
  return metrics_.text(
      {.running = roster_.count(), .clients = clients_.size(), .pools = pool_.state()});
}

void Daemon::on_signals() {
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGHUP)
      reload();
    else if (info.ssi_signo == SIGUSR2 && !stop_at_)
      upgrade();
    else if (info.ssi_signo == SIGUSR2)
      continue;
    else
      begin_to_stop();
  }
}

// What listens already stays where it is; programs that run keep what they were begun with.
void Daemon::reload() {
  tell_service_manager("RELOADING=1");
  auto read = service_.read_config();
  if (read) {
    read->socket = config_.socket;
    read->metrics = config_.metrics;
    config_ = *std::move(read);
    log_.set_format(config_.log);
    set_patience(config_.adoption_time);
    forks_.set_templates(config_.templates);
    pool_.set_templates(config_.templates);
    for (auto& [number, connection] : clients_)
      if (!may_connect(connection.client.uid())) connection.over = true;
    metrics_.count_reload();
    log_.info("configuration read again",
              {{"templates", std::to_string(config_.templates.size())}});
  } else {
    log_.error("the configuration stays as it was", {{"error", read.error().message()}});
  }
  tell_service_manager("READY=1");
}

bool Daemon::may_connect(uid_t uid) const {
  return uid == 0 || std::ranges::find(config_.users, uid) != config_.users.end();
}

// SECURITY(daemon-places): no user takes all connections, and root finds one.
bool Daemon::has_place(uid_t uid) const {
  if (uid == 0) return clients_.size() < kMostClients;
  const auto own = std::ranges::count_if(
      clients_, [uid](const auto& each) { return each.second.client.uid() == uid; });
  return own < kMostOfUser && clients_.size() < kMostClients - kPlacesOfRoot;
}

void Daemon::pause_listening() {
  constexpr std::chrono::milliseconds kPause{100};
  poller_.change(listening_, 0);
  listen_again_ = Clock::now() + kPause;
}

void Daemon::take_connection() {
  UniqueFd connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  // Nothing to be had for a while: who waits is not asked for again and again.
  if (!connection.valid()) return errno == EAGAIN ? void() : pause_listening();
  auto rights = read_rights(connection.borrow());
  // SECURITY(control-peer): whoever could reach the socket.
  if (!rights || !may_connect(rights->uid)) {
    metrics_.count_refused_client();
    log_.error("a connection was refused",
               {{"uid", rights ? std::to_string(rights->uid) : "unknown"}});
    refuse_connection(connection.borrow(), EACCES);
    return closer_.close(std::move(connection));
  }
  if (!has_place(rights->uid)) {
    refuse_connection(connection.borrow(), EAGAIN);
    return closer_.close(std::move(connection));
  }
  const std::uint64_t number = ++last_client_;
  const auto key =
      poller_.watch(connection.borrow(), EPOLLIN,
                    [this, number](std::uint32_t events) { on_client(number, events); });
  if (!key) return;
  clients_.emplace(
      number, Connection{.client = DaemonClient(number, std::move(connection), *std::move(rights),
                                                programs_, roster_, metrics_, closer_),
                         .key = *key});
}

void Daemon::on_client(std::uint64_t number, std::uint32_t events) {
  const auto found = clients_.find(number);
  if (found == clients_.end()) return;
  DaemonClient& client = found->second.client;
  const auto on_call = [&client](ControlFrame& frame, std::vector<UniqueFd> passed) {
    client.answer(frame, std::move(passed));
  };
  if (!client.frames().receive(static_cast<short>(events), Clock::now(), on_call))
    found->second.over = true;
}

int Daemon::tend_clients() {
  const auto now = Clock::now();
  auto first = Clock::time_point::max();
  for (auto at = clients_.begin(); at != clients_.end();) {
    auto& [number, connection] = *at;
    FrameConnection& frames = connection.client.frames();
    if (!connection.over && frames.send_waiting()) {
      poller_.change(connection.key, static_cast<std::uint32_t>(frames.events(now)));
      if (frames.next_call() > now) first = std::min(first, frames.next_call());
      ++at;
      continue;
    }
    poller_.forget(connection.key);
    roster_.end_of_client(number);
    closer_.close(frames.take_socket());
    at = clients_.erase(at);
  }
  if (first == Clock::time_point::max()) return -1;
  return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(first - now).count());
}

void Daemon::on_ended(const RosterEntry& program, int status) {
  const auto found = clients_.find(program.caller.client);
  if (found != clients_.end())
    found->second.client.tell_end(program.caller.sequence, program.number, status);
}

void Daemon::on_event(const RosterEntry& program, const yett_event_data& event) {
  for (auto& [number, connection] : clients_) connection.client.tell_event(program.number, event);
}

// Programs are asked first; who stays is killed.
void Daemon::begin_to_stop() {
  if (stop_at_) return;
  tell_service_manager("STOPPING=1");
  log_.info("stopping", {{"sandboxes", std::to_string(roster_.count())}});
  stop_at_ = Clock::now() + kStopTime;
  poller_.forget(listening_);
  pool_.clear();
  set_patience(std::chrono::seconds(0));  // who is in a hurry kills this process
  for (const int number : roster_.numbers(0, 0, SIZE_MAX))
    static_cast<void>(roster_.send(number, 0, SIGTERM));
}

// The soonest of two times, where -1 is never.
int sooner(int one, int other) {
  if (one < 0) return other;
  return other < 0 ? one : std::min(one, other);
}

int Daemon::listen_when_due() {
  if (!listen_again_ || stop_at_) return -1;
  const auto left = *listen_again_ - Clock::now();
  if (left > left.zero())
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
  listen_again_.reset();
  poller_.change(listening_, EPOLLIN);
  return -1;
}

Status Daemon::serve() {
  log_.info("ready", {{"socket", owns_path_ ? config_.socket : "from the service manager"},
                      {"templates", std::to_string(config_.templates.size())}});
  tell_service_manager("READY=1");
  while (!stop_at_ || (roster_.count() != 0 && Clock::now() < *stop_at_)) {
    int timeout = sooner(tend_clients(), listen_when_due());
    if (stop_at_)
      timeout = sooner(timeout, 100);
    else
      for (const auto& due : {forks_.tend(), pool_.refill()})
        if (due) timeout = sooner(timeout, static_cast<int>(due->count()));
    poller_.wait(starter_.has_ends() ? 0 : timeout);
    if (starter_.has_ends()) on_starter(starter_);
  }
  static_cast<void>(tend_clients());  // the last ends are told
  log_.info("stopped");
  return starter_lost_ ? fail(Error{.kind = ErrorKind::internal,
                                    .operation = "yettd",
                                    .detail = "the process that begins sandboxes has died"})
                       : Status();
}

// Two descriptors a sandbox.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Status serve_daemon(const DaemonService& service) {
  YETT_TRY(DaemonConfig config, service.read_config());
  YETT_TRY(OwnProgram program, OwnProgram::find());
  const std::string door = make_door_path(service.directory, served_path(config));
  YETT_TRY(Starter starter, Starter::make(service.run, door));
  raise_descriptor_limit();
  YETT_TRY(Poller poller, Poller::make());
  Daemon daemon(service, std::move(config), std::move(starter), door, std::move(program),
                std::move(poller));
  YETT_CHECK(daemon.prepare());
  return daemon.serve();
}

}  // namespace yett
