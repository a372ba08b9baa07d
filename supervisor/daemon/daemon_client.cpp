#include "supervisor/daemon/daemon_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "ioctl_uapi/peer.hpp"
#include "supervisor/control/sized_struct.hpp"

namespace yett {
namespace {

static_assert(sizeof(yett_run) == YETT_RUN_SIZE_1);
static_assert(sizeof(yett_signal) == YETT_SIGNAL_SIZE_1);
static_assert(offsetof(yett_program_info, cpu_ns) == YETT_PROGRAM_SIZE_1);
static_assert(sizeof(yett_programs) == YETT_PROGRAMS_SIZE_1);
static_assert(sizeof(yett_list) == YETT_LIST_SIZE_1);
static_assert(sizeof(yett_question) == YETT_QUESTION_SIZE_1);
static_assert(sizeof(yett_answer_call) == YETT_ANSWER_CALL_SIZE_1);

constexpr std::size_t kStdio = 3;
constexpr std::size_t kMostListed = 4096;
// Of each, files are read, and all others wait for it: some 3 ms.
constexpr std::size_t kMostTold = YETT_PROGRAMS_MAX;

constexpr std::uint64_t bit_of(unsigned command) { return 1ULL << _IOC_NR(command); }

template <typename Struct>
int take(CallMemory& memory, std::uint64_t address, std::size_t first_size, Struct& into) {
  return read_struct(memory, address, first_size, std::as_writable_bytes(std::span(&into, 1)));
}

template <typename Struct>
int give(CallMemory& memory, std::uint64_t address, std::size_t first_size, Struct& from) {
  from.size = sizeof from;
  return write_struct(memory, address, first_size, std::as_bytes(std::span(&from, 1)));
}

template <typename Struct>
CallStrings strings_of(const Struct& given) {
  return {.address = given.strings,
          .size = given.strings_size,
          .argument_count = given.argument_count,
          .environment_count = given.environment_count};
}

yett_program_info info_of(const RosterEntry& program, const CgroupFigures& figures) {
  yett_program_info told{};
  told.program = program.number;
  told.owner = program.caller.uid;
  told.guard_pid = program.guard_pid;
  told.app_pid = program.app_pid;
  told.warm = program.warm ? 1 : 0;
  told.age_ns = static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::steady_clock::now() - program.began).count());
  told.memory_bytes = figures.memory_bytes;
  told.process_count = figures.processes;
  told.refusals = program.refusals;
  copy_text(program.made_of, told.made_of);
  told.cpu_ns = figures.cpu_ns;
  told.memory_limit = figures.memory_limit;
  told.process_limit = figures.process_limit;
  return told;
}

}  // namespace

Result<Rights> read_rights(BorrowedFd connection) {
  const auto peer = read_peer(connection);
  if (!peer) return fail(errno_error("read who connects"));
  Rights rights{.uid = peer->uid, .gid = peer->gid, .groups = {}};
  socklen_t size = 0;
  if (::getsockopt(connection.get(), SOL_SOCKET, SO_PEERGROUPS, nullptr, &size) != 0 &&
      errno != ERANGE)
    return fail(errno_error("read who connects"));
  rights.groups.resize(size / sizeof(gid_t));
  if (size != 0 &&
      ::getsockopt(connection.get(), SOL_SOCKET, SO_PEERGROUPS, rights.groups.data(), &size) != 0)
    return fail(errno_error("read who connects"));
  return rights;
}

ProgramCaller DaemonClient::caller(const yett_frame& head) const {
  return {.uid = rights_.uid, .client = number_, .sequence = head.sequence};
}

void DaemonClient::answer(ControlFrame& frame, std::vector<UniqueFd> passed) {
  frame.head.result = carry_out(frame, passed);
  closer_.close(passed);
}

int DaemonClient::carry_out(ControlFrame& frame, std::vector<UniqueFd>& passed) {
  FrameMemory memory(frame.memory);
  const std::uint64_t argument = frame.head.argument;
  switch (frame.head.command) {
    case YETT_INFO:
      return -info(memory, argument);
    case YETT_CREATE:
      return create(memory, argument);
    case YETT_REMOVE:
      return remove(static_cast<int>(argument));
    case YETT_SPAWN:
      return spawn(memory, frame.head, passed);
    case YETT_ENTER:
      return enter(frame.head, passed);
    case YETT_RUN:
      return run(memory, frame.head, passed);
    case YETT_SIGNAL:
      return -signal(memory, argument);
    case YETT_PROGRAM:
      return -program(memory, argument);
    case YETT_LIST:
      return -list(memory, argument);
    case YETT_PROGRAMS:
      return -programs(memory, argument);
    case YETT_QUESTION:
      return -question(memory, argument);
    case YETT_ANSWER:
      return -answer_question(memory, argument, passed);
    case YETT_TAKE:
      return -roster_.take(static_cast<int>(argument), caller(frame.head));
    case YETT_EVENTS:
      wants_events_ = argument != 0;
      return 0;
    default:
      return frame.head.command == YETT_ADD_SELF ? -EOPNOTSUPP : -ENOTTY;
  }
}

int DaemonClient::info(CallMemory& memory, std::uint64_t address) const {
  yett_info info{};
  info.version = YETT_UAPI_VERSION;
  info.commands = bit_of(YETT_INFO) | bit_of(YETT_CREATE) | bit_of(YETT_SPAWN) |
                  bit_of(YETT_REMOVE) | bit_of(YETT_RUN) | bit_of(YETT_SIGNAL) |
                  bit_of(YETT_PROGRAM) | bit_of(YETT_LIST) | bit_of(YETT_EVENTS) |
                  bit_of(YETT_PROGRAMS) | bit_of(YETT_TAKE) | bit_of(YETT_QUESTION) |
                  bit_of(YETT_ANSWER) | bit_of(YETT_ENTER);
  copy_text("yettd", info.sandbox);
  copy_text("full", info.mode);
  return give(memory, address, YETT_INFO_SIZE_1, info);
}

int DaemonClient::create(CallMemory& memory, std::uint64_t address) {
  const std::string name = memory.read_text(address, PATH_MAX);
  if (name.empty()) return -EFAULT;
  if (name.size() >= PATH_MAX) return -ENAMETOOLONG;
  if (recipes_.size() >= kMostRecipes || last_recipe_ == INT_MAX) return -EAGAIN;
  Recipe recipe;
  if (name.starts_with('/')) {
    // SECURITY(daemon-directory): the supervisor is root, and would look with root's eyes.
    if (rights_.uid != 0) return -EPERM;
    recipe.directory = find_plain_directory(name);
    if (recipe.directory.error != 0) return -recipe.directory.error;
  } else {
    if (const int error = programs_.check(name, rights_.uid); error != 0) return error;
    recipe.template_name = name;
  }
  recipes_.emplace(++last_recipe_, std::move(recipe));
  return last_recipe_;
}

int DaemonClient::remove(int number) {
  if (recipes_.erase(number) == 0) return -ENOENT;
  const auto [first, last] = begun_.equal_range(number);
  for (auto at = first; at != last; ++at)
    static_cast<void>(roster_.send(at->second, rights_.uid, SIGKILL));
  begun_.erase(first, last);
  return 0;
}

int DaemonClient::spawn(CallMemory& memory, const yett_frame& head, std::vector<UniqueFd>& passed) {
  yett_spawn_call given{};
  if (const int error = take(memory, head.argument, YETT_SPAWN_SIZE_1, given); error != 0)
    return -error;
  if (given.reserved != 0 || (!passed.empty() && passed.size() != kStdio)) return -EINVAL;
  const auto recipe = recipes_.find(given.sandbox);
  if (recipe == recipes_.end()) return -ENOENT;
  ProgramWanted wanted;
  if (const int error =
          read_strings(memory, strings_of(given), wanted.arguments, wanted.environment);
      error != 0)
    return -error;
  std::ranges::move(passed, wanted.descriptors.begin());
  const int number = programs_.begin(recipe->second, std::move(wanted), caller(head));
  if (number > 0) begun_.emplace(given.sandbox, number);
  return number;
}

// SECURITY(enter-root): descriptors of the sandbox's inside are root's alone.
int DaemonClient::enter(const yett_frame& head, std::vector<UniqueFd>& passed) {
  if (rights_.uid != 0) return -EPERM;
  if (passed.size() != 1) return -EINVAL;
  const int number = static_cast<int>(head.argument);
  const auto recipe = recipes_.find(number);
  if (recipe == recipes_.end()) return -ENOENT;
  const int program =
      programs_.begin_function(recipe->second, std::move(passed.front()), caller(head));
  if (program > 0) begun_.emplace(number, program);
  return program;
}

int DaemonClient::run(CallMemory& memory, const yett_frame& head, std::vector<UniqueFd>& passed) {
  yett_run given{};
  if (const int error = take(memory, head.argument, YETT_RUN_SIZE_1, given); error != 0)
    return -error;
  SupervisorWanted wanted{.words = {},
                          .environment = {},
                          .rights = rights_,
                          .when = WhenStarted::now,
                          .descriptors = {}};
  if (passed.size() != wanted.descriptors.size()) return -EINVAL;
  std::vector<std::string> words;
  if (const int error = read_strings(memory, strings_of(given), words, wanted.environment);
      error != 0)
    return -error;
  wanted.words = {"run"};
  std::ranges::move(words, std::back_inserter(wanted.words));
  std::ranges::move(passed, wanted.descriptors.begin());
  return programs_.run(std::move(wanted), caller(head));
}

int DaemonClient::signal(CallMemory& memory, std::uint64_t address) const {
  yett_signal given{};
  if (const int error = take(memory, address, YETT_SIGNAL_SIZE_1, given); error != 0) return error;
  return given.reserved != 0 ? EINVAL : roster_.send(given.program, rights_.uid, given.signal);
}

int DaemonClient::program(CallMemory& memory, std::uint64_t address) {
  yett_program_info asked{};
  if (const int error = take(memory, address, YETT_PROGRAM_SIZE_1, asked); error != 0) return error;
  const RosterEntry* found = roster_.find(asked.program, rights_.uid);
  if (found == nullptr) return ENOENT;
  yett_program_info told = info_of(*found, figures_.read(found->cgroups));
  return give(memory, address, YETT_PROGRAM_SIZE_1, told);
}

// SECURITY(daemon-owner): the roster's numbers are the asker's own.
int DaemonClient::programs(CallMemory& memory, std::uint64_t address) {
  yett_programs given{};
  if (const int error = take(memory, address, YETT_PROGRAMS_SIZE_1, given); error != 0)
    return error;
  if (given.reserved != 0 || given.each_size < YETT_PROGRAM_SIZE_1) return EINVAL;
  if (given.each_size > YETT_STRUCT_MAX) return E2BIG;
  const auto numbers =
      roster_.numbers(rights_.uid, given.after, std::min<std::size_t>(given.room, kMostTold));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const RosterEntry& program = *roster_.find(numbers[i], rights_.uid);
    yett_program_info told = info_of(program, figures_.read(program.cgroups));
    told.size = sizeof told;
    std::vector<std::byte> each(given.each_size);
    std::memcpy(each.data(), &told, std::min(each.size(), sizeof told));
    if (const int error = memory.write(given.programs + i * each.size(), each); error != 0)
      return error;
  }
  given.count = static_cast<std::uint32_t>(numbers.size());
  return give(memory, address, YETT_PROGRAMS_SIZE_1, given);
}

int DaemonClient::list(CallMemory& memory, std::uint64_t address) const {
  yett_list given{};
  if (const int error = take(memory, address, YETT_LIST_SIZE_1, given); error != 0) return error;
  const auto numbers =
      roster_.numbers(rights_.uid, given.after, std::min<std::size_t>(given.room, kMostListed));
  if (const int error = memory.write(given.numbers, std::as_bytes(std::span(numbers))); error != 0)
    return error;
  given.count = static_cast<std::uint32_t>(numbers.size());
  return give(memory, address, YETT_LIST_SIZE_1, given);
}

int DaemonClient::question(CallMemory& memory, std::uint64_t address) const {
  yett_question given{};
  if (const int error = take(memory, address, YETT_QUESTION_SIZE_1, given); error != 0)
    return error;
  const auto* found = roster_.find_question(given.program, rights_.uid, given.question);
  if (found == nullptr) return ENOENT;
  const std::string_view path(found->told.object.data());
  if (path.size() >= given.path_room) return EFAULT;
  const auto bytes = std::as_bytes(std::span(path.data(), path.size() + 1));
  if (const int error = memory.write(given.path, bytes); error != 0) return error;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      found->end - OpenQuestions::Clock::now());
  given.question = found->told.question;
  given.access = found->told.for_write != 0 ? YETT_GRANT_WRITE : YETT_GRANT_READ;
  given.left_ms = static_cast<std::uint32_t>(std::max<std::int64_t>(left.count(), 0));
  given.pid = found->told.pid;
  copy_text(found->told.comm.data(), given.comm);
  copy_text(found->told.call.data(), given.call);
  return give(memory, address, YETT_QUESTION_SIZE_1, given);
}

// What comes with it is looked at by the program's own supervisor, for that may take as long as its
// file system likes.
int DaemonClient::answer_question(CallMemory& memory, std::uint64_t address,
                                  std::span<const UniqueFd> passed) const {
  constexpr std::array kCommands{GrantCommand::deny, GrantCommand::allow, GrantCommand::always,
                                 GrantCommand::substitute};
  yett_answer_call given{};
  if (const int error = take(memory, address, YETT_ANSWER_CALL_SIZE_1, given); error != 0)
    return error;
  const bool is_known = given.answer >= 1 && given.answer <= kCommands.size();
  const std::size_t files = given.answer == YETT_ANSWER_INSTEAD ? 1 : 0;
  if (given.reserved != 0 || !is_known || passed.size() != files) return EINVAL;
  return roster_.answer(given.program, rights_.uid,
                        {.command = kCommands[given.answer - 1], .question = given.question},
                        files == 0 ? BorrowedFd() : passed.front().borrow());
}

void DaemonClient::tell_end(std::uint32_t sequence, int program, int status) {
  std::erase_if(begun_, [program](const auto& each) { return each.second == program; });
  frames_.queue(ended_frame(sequence, program, status));
}

// SECURITY(daemon-owner): events tell of nobody else's program.
void DaemonClient::tell_event(int program, const yett_event_data& event) {
  if (!wants_events_ || (rights_.uid != 0 && rights_.uid != event.owner)) return;
  if (frames_.waiting() >= kMostWaiting) {
    ++lost_events_;
    return metrics_.count_lost_events(1);
  }
  const auto queue = [this, program](const yett_event_data& data) {
    const auto bytes = std::as_bytes(std::span(&data, 1));
    frames_.queue({.head = {.magic = YETT_FRAME_MAGIC,
                            .version = YETT_FRAME_VERSION,
                            .command = YETT_EVENT,
                            .sequence = 0,
                            .argument = static_cast<std::uint64_t>(program),
                            .size = sizeof data,
                            .result = 0},
                   .memory = {bytes.begin(), bytes.end()}});
  };
  if (lost_events_ != 0) {
    yett_event_data lost{};
    lost.size = sizeof lost;
    lost.kind = YETT_EVENT_LOST;
    lost.count = std::exchange(lost_events_, 0);
    queue(lost);
  }
  queue(event);
}

}  // namespace yett
