#include "supervisor/daemon/daemon.hpp"

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
#include <memory>
#include <optional>
#include <utility>

#include "ioctl_uapi/named_socket.hpp"
#include "supervisor/daemon/activation.hpp"
#include "supervisor/daemon/daemon_client.hpp"
#include "supervisor/daemon/daemon_log.hpp"
#include "supervisor/daemon/metrics_server.hpp"

namespace yett {
namespace {

using Clock = FrameConnection::Clock;

constexpr std::size_t kMostClients = 2048;
constexpr std::size_t kPlacesOfRoot = 32;
constexpr std::ptrdiff_t kMostOfUser = 64;
constexpr std::chrono::seconds kStopTime{5};  // for programs to end by themselves
constexpr std::array kSignals{SIGTERM, SIGINT, SIGHUP};

class Daemon {
 public:
  Daemon(const DaemonService& service, DaemonConfig config, Starter starter, Poller poller)
      : service_(service),
        config_(std::move(config)),
        starter_(std::move(starter)),
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
  Poller poller_;
  Metrics metrics_;
  Roster roster_{
      poller_,
      metrics_,
      {.ended = [this](const auto& program, int status) { on_ended(program, status); },
       .event = [this](const auto& program, const auto& event) { on_event(program, event); }}};
  WarmPool pool_{poller_, starter_, log_};
  Closer closer_;
  ProgramStarter programs_{config_, starter_, pool_, roster_, metrics_, log_, closer_};
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
  roster_.kill_all();
  if (owns_path_) ::unlink(config_.socket.c_str());
  if (metrics_server_) ::unlink(config_.metrics.c_str());
}

Status Daemon::prepare() {
  YETT_CHECK(watch_signals());
  YETT_CHECK(listen());
  open_metrics();
  pool_.set_templates(config_.templates);
  const auto starter = poller_.watch(starter_.pidfd(), EPOLLIN, [this](std::uint32_t) {
    log_.error("the process that begins sandboxes has died", {{"mend", "start yettd again"}});
    starter_lost_ = true;
    begin_to_stop();
  });
  return starter ? Status() : fail(starter.error());
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
    else if (const auto due = pool_.refill())
      timeout = sooner(timeout, static_cast<int>(due->count()));
    poller_.wait(timeout);
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
  YETT_TRY(Starter starter, Starter::make(service.run));
  raise_descriptor_limit();
  YETT_TRY(Poller poller, Poller::make());
  Daemon daemon(service, std::move(config), std::move(starter), std::move(poller));
  YETT_CHECK(daemon.prepare());
  return daemon.serve();
}

}  // namespace yett
