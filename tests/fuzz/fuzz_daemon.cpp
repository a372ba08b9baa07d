// yettd, as hostile clients use it: two of them, root's and another user's, with messages of any
// content and descriptors, beside supervisors that end, say anything, and clients that come and go.
// The daemon's own parts in one process; in the starter's place stands one that begins nobody.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/daemon/daemon_client.hpp"
#include "tests/fuzz/fuzz_frame.hpp"

namespace {

using yett::UniqueFd;
using yett::test::FuzzInput;
using yett::test::Message;
using yett::test::need;

constexpr uid_t kAlice = 1000;
constexpr std::array<unsigned, 15> kCommands{
    YETT_INFO,     YETT_CREATE, YETT_SPAWN,    YETT_SPAWN,  YETT_REMOVE,
    YETT_RUN,      YETT_SIGNAL, YETT_PROGRAM,  YETT_LIST,   YETT_PROGRAMS,
    YETT_QUESTION, YETT_ANSWER, YETT_ADD_SELF, YETT_EVENTS, YETT_ENTER};

// The other ends of a supervisor that nobody is: what its process is known by, and its line.
struct StandIn {
  std::uint64_t id = 0;
  UniqueFd process;
  UniqueFd line;
  bool of_pool = false;
};
std::vector<StandIn> stand_ins;

UniqueFd copy_of(const UniqueFd& fd) { return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)); }

}  // namespace

namespace yett {

// What the daemon's room would link besides.
SupervisorProcess& SupervisorProcess::operator=(SupervisorProcess&& other) noexcept {
  pidfd_ = std::move(other.pidfd_);
  return *this;
}

void SupervisorProcess::kill() { pidfd_.reset(); }

Result<Starter> Starter::make(const RunWords&, const std::string&) {
  YETT_TRY(RosterFile roster, RosterFile::make());
  return Starter(ChildProcess(), UniqueFd(), std::move(roster));
}

void Starter::tell(const StarterRequest&) const {}

Result<StartedSupervisor> Starter::start(const SupervisorWanted& wanted) {
  need(!wanted.words.empty() && wanted.words[0] == "run", "nothing but `run`");
  std::array<int, 2> ends{};
  need(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0, "a line");
  UniqueFd process(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  stand_ins.push_back({.id = ++last_,
                       .process = copy_of(process),
                       .line = UniqueFd(ends[1]),
                       .of_pool = wanted.when == WhenStarted::when_told});
  return StartedSupervisor{.process = SupervisorProcess(std::move(process)),
                           .news = UniqueFd(ends[0]),
                           .starter = this,
                           .id = last_};
}

}  // namespace yett

namespace {

yett::DaemonConfig config() {
  yett::DaemonConfig made;
  made.users = {kAlice};
  made.most_sandboxes = 12;
  made.most_per_user = 4;
  made.templates["warm"] = {.options = {"-m", "64M"}, .users = {kAlice}, .pool = 2};
  made.templates["cold"] = {.options = {}, .users = {kAlice}, .pool = 0};
  made.templates["roots"] = {.options = {}, .users = {}, .pool = 1};
  return made;
}

// Threads that close are begun once.
const yett::Closer& closer() {
  static const yett::Closer only;
  return only;
}

// yettd without its loop's sockets; its clients are called when they have said something.
class Daemon {
 public:
  Daemon() {
    pool_.set_templates(config_.templates);
    for (std::size_t i = 0; i < clients_.size(); ++i) connect(i);
  }
  ~Daemon() {
    clients_ = {};
    pool_.clear();
    roster_.kill_all();
    stand_ins.clear();
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  void say(std::size_t which, const Message& message) {
    if (message.bytes.empty()) return;
    Client& client = clients_[which];
    yett::test::send_message(client.ours.get(), message);
    const auto now = yett::FrameConnection::Clock::now();
    const bool goes_on = client.theirs->frames().receive(
        POLLIN, now, [&](yett::ControlFrame& frame, std::vector<UniqueFd> passed) {
          client.theirs->answer(frame, std::move(passed));
        });
    need(goes_on == message.head.has_value(), "frames are answered, what is none ends it");
    hear(client, &message);
    if (!goes_on) connect_again(which);
  }
  void connect_again(std::size_t which) {
    roster_.end_of_client(clients_[which].number);
    connect(which);
  }
  void end(FuzzInput& input) {
    if (stand_ins.empty()) return;
    const StandIn& ended = stand_ins[input.number(1) % stand_ins.size()];
    // The daemon's log has a line of each that waits still, and is the fuzzer's own.
    if (ended.of_pool && !has_program(ended)) return;
    ::eventfd_write(ended.process.get(), 1);
    roster_.on_end(starter_, {.id = ended.id, .status = static_cast<int>(input.number(1))});
  }
  // What a supervisor says: questions and times with anything in them.
  static void ask(FuzzInput& input) {
    if (stand_ins.empty()) return;
    const StandIn& asking = stand_ins[input.number(1) % stand_ins.size()];
    yett::GrantReply question{};
    yett::CallTimesReport times{};
    const std::uint64_t kind = input.number(1);
    question.kind = static_cast<yett::GrantReplyKind>(kind % 4);
    question.question = input.number(1) % 64;
    question.left_ms = static_cast<std::uint32_t>(input.number(2));
    question.for_write = static_cast<std::uint32_t>(kind >> 4 & 1);
    const auto path = input.take(input.number(2) % sizeof question.object);
    std::memcpy(question.object.data(), path.data(), path.size());
    question.comm.fill('p');
    times.kinds[kind % times.kinds.size()].counts.fill(static_cast<std::uint32_t>(kind));
    const int socket = asking.line.get();
    static_cast<void>(
        kind >= 0xc0 ? ::send(socket, &times, sizeof times, MSG_DONTWAIT | MSG_NOSIGNAL)
                     : ::send(socket, &question, sizeof question, MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  // The same: news with anything in them, or no news.
  static void tell(FuzzInput& input) {
    if (stand_ins.empty()) return;
    const StandIn& telling = stand_ins[input.number(1) % stand_ins.size()];
    yett::News news{};
    const std::uint64_t kind = input.number(1);
    news.kind = static_cast<yett::NewsKind>(kind % 6);
    news.value = static_cast<std::int32_t>(input.number(2));
    news.pid = static_cast<std::int32_t>(input.number(1));
    news.verdict = static_cast<std::uint32_t>(input.number(1));
    news.count = input.number(1);
    const auto text = input.take(input.number(1));
    std::memcpy(news.text.data(), text.data(), std::min(text.size(), news.text.size()));
    news.call.fill('c');
    const std::size_t size = kind < 0xf0 ? sizeof news : sizeof news - (kind & 0xf) * 16;
    static_cast<void>(::send(telling.line.get(), &news, size, MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  // A round of the loop: ends and news are taken in, the pool is filled.
  void go_round() {
    static_cast<void>(pool_.refill());
    poller_.wait(0);
    for (Client& client : clients_) hear(client, nullptr);
    need(roster_.count() <= config_.most_sandboxes, "no more than there may be");
    need(roster_.count_of(kAlice) <= config_.most_per_user, "nor of one user's");
  }

 private:
  struct Client {
    uid_t uid = 0;
    std::uint64_t number = 0;
    UniqueFd ours;
    std::unique_ptr<yett::DaemonClient> theirs;
  };
  void connect(std::size_t which) {
    std::array<int, 2> ends{};
    need(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) == 0, "a socket");
    const uid_t uid = which == 0 ? 0 : kAlice;
    const std::uint64_t number = ++last_client_;
    clients_[which] = {
        .uid = uid,
        .number = number,
        .ours = UniqueFd(ends[0]),
        .theirs = std::make_unique<yett::DaemonClient>(
            number, UniqueFd(ends[1]), yett::Rights{.uid = uid, .gid = uid, .groups = {}},
            programs_, roster_, metrics_, closer())};
  }
  [[nodiscard]] static bool has_program(const StandIn& stand_in) {
    char byte = 0;
    return ::recv(stand_in.line.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
  }
  // SECURITY(daemon-owner): whatever it is, it is not another user's.
  void check_own(const Client& client, int program) {
    const auto owner = owners_.find(program);
    need(owner != owners_.end(), "a program that was begun");
    need(client.uid == 0 || client.uid == owner->second, "no other user's program is told of");
  }
  template <typename Struct>
  static Struct read_answer(const yett::ControlFrame& answer) {
    Struct told{};
    need(yett::read_memory(answer.memory, answer.head.argument,
                           std::as_writable_bytes(std::span(&told, 1))) == 0,
         "a whole answer");
    return told;
  }
  // Numbers of programs within an array that was given back. One that lies where the struct does
  // was written over.
  void check_array(const Client& client, const yett::ControlFrame& answer, std::uint64_t address,
                   std::uint32_t count, std::size_t stride, std::size_t struct_size) {
    const std::uint64_t at = answer.head.argument;
    if (address < at + struct_size && at < address + count * stride) return;
    for (std::uint32_t i = 0; i < count; ++i) {
      int number = 0;
      const std::size_t offset = stride == sizeof number ? 0 : offsetof(yett_program_info, program);
      need(yett::read_memory(answer.memory, address + i * stride + offset,
                             std::as_writable_bytes(std::span(&number, 1))) == 0,
           "an array within the memory");
      check_own(client, number);
    }
  }
  void check_programs(const Client& client, const yett::ControlFrame& answer) {
    const auto command = answer.head.command;
    if (command == YETT_PROGRAM || command == YETT_QUESTION || command == YETT_ANSWER) {
      std::array<int, 2> size_and_number = read_answer<std::array<int, 2>>(answer);
      check_own(client, size_and_number[1]);
    } else if (answer.head.command == YETT_LIST) {
      const auto told = read_answer<yett_list>(answer);
      need(told.count <= told.room, "as many as there is room for");
      check_array(client, answer, told.numbers, told.count, sizeof(int), YETT_STRUCT_MAX);
    } else if (answer.head.command == YETT_PROGRAMS) {
      const auto told = read_answer<yett_programs>(answer);
      need(told.count <= told.room && told.count <= YETT_PROGRAMS_MAX, "as many as there may be");
      check_array(client, answer, told.programs, told.count, told.each_size, YETT_STRUCT_MAX);
    }
  }
  void check_answer(const Client& client, const Message& message,
                    const yett::ControlFrame& answer) {
    const yett_frame& head = *message.head;
    need(answer.head.command == head.command && answer.head.sequence == head.sequence &&
             answer.head.argument == head.argument && answer.head.size == head.size,
         "the answer to this call");
    constexpr std::array kErrors{EFAULT,  EINVAL,       E2BIG,      ENOTTY, ENOENT, EACCES, EPERM,
                                 ENOTDIR, ENAMETOOLONG, EOPNOTSUPP, ELOOP,  EAGAIN, ESRCH};
    const int result = answer.head.result;
    need(result >= 0 || std::ranges::find(kErrors, -result) != kErrors.end(),
         "an error that the header has");
    if (result > 0) {
      need(head.command == YETT_CREATE || head.command == YETT_SPAWN || head.command == YETT_RUN ||
               head.command == YETT_ENTER,
           "a number");
      // SECURITY(enter-root)
      need(head.command != YETT_ENTER || client.uid == 0, "functions are root's alone");
      if (head.command != YETT_CREATE)
        need(owners_.emplace(result, client.uid).second, "a number of its own");
    } else if (result == 0) {
      check_programs(client, answer);
    }
  }
  // All that the daemon has to say to it; `message`: and its answer is among that.
  void hear(Client& client, const Message* message) {
    bool answered = false;
    static_cast<void>(client.theirs->frames().send_waiting());
    while (const auto frame = yett::test::receive_frame_of(client.ours.get())) {
      // Calls of these two numbers are answered, too: -ENOTTY.
      const bool is_news = frame->head.result >= 0;
      if (frame->head.command == YETT_EVENT && is_news) {
        yett_event_data event{};
        std::memcpy(&event, frame->memory.data(), sizeof event);
        if (event.kind != YETT_EVENT_LOST)
          check_own(client, static_cast<int>(frame->head.argument));
      } else if (frame->head.command == YETT_ENDED && is_news) {
        check_own(client, static_cast<int>(frame->head.argument));
      } else {
        need(message != nullptr && !answered, "nothing but answers, ends and events");
        answered = true;
        if (message->head)
          check_answer(client, *message, *frame);
        else
          need(frame->head.result == -EPROTO || frame->head.result == -EPROTONOSUPPORT, "and why");
      }
      static_cast<void>(client.theirs->frames().send_waiting());
    }
    need(message == nullptr || answered, "an answer");
  }
  yett::DaemonConfig config_ = config();
  yett::DaemonLog log_;
  yett::Poller poller_ = *yett::Poller::make();
  yett::Starter starter_ = *yett::Starter::make({}, {});
  yett::Metrics metrics_;
  std::array<Client, 2> clients_;
  yett::Roster roster_{poller_,
                       metrics_,
                       {.ended =
                            [this](const yett::RosterEntry& program, int status) {
                              for (Client& each : clients_)
                                if (each.number == program.caller.client)
                                  each.theirs->tell_end(program.caller.sequence, program.number,
                                                        status);
                            },
                        .event =
                            [this](const yett::RosterEntry& program, const yett_event_data& event) {
                              for (Client& each : clients_)
                                each.theirs->tell_event(program.number, event);
                            }}};
  yett::WarmForks forks_{poller_, starter_, log_};
  yett::WarmPool pool_{poller_, starter_, forks_, log_};
  yett::ProgramStarter programs_{config_, starter_, pool_, forks_,
                                 roster_, metrics_, log_,  closer()};
  std::uint64_t last_client_ = 0;
  std::map<int, uid_t> owners_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzInput input(data, size);
  Daemon daemon;
  for (int steps = 0; steps < 64 && !input.empty(); ++steps) {
    const std::uint64_t step = input.number(1);
    const std::size_t which = step >> 4 & 1;
    switch (step & 0xf) {
      case 0xb:
        daemon.end(input);
        break;
      case 0xc:
      case 0xd:
        Daemon::tell(input);
        break;
      case 0xe:
        daemon.connect_again(which);
        break;
      case 0xf:
        Daemon::ask(input);
        break;
      default:
        daemon.say(which, yett::test::read_message(input, kCommands));
        break;
    }
    daemon.go_round();
  }
  return 0;
}
