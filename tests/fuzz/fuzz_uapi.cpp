// The commands of yett/uapi.h, as a hostile program makes them: structs of every size and content,
// addresses where there is no memory, numbers of sandboxes, paths. A real process waits in a real
// ioctl(2), and what the supervisor does with its memory and descriptors is done for real; only the
// registers are made up. YETT_ADD_SELF with a number that exists is left to the live program
// (tests/adversarial/attacks/uapi_storm.c), for it changes the process that waits.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "supervisor/control/control_calls.hpp"
#include "supervisor/verdict/verdict.hpp"
#include "tests/fuzz/fuzz_input.hpp"
#include "tests/support/notified_child.hpp"

namespace {

using yett::BorrowedFd;
using yett::PendingNotification;
using yett::UniqueFd;
using yett::test::FuzzInput;
using yett::test::need;

// The child's memory at that place, which is the fuzzer's too: two pages as usual, one that the
// child may only read, one that it does not have.
constexpr std::uint64_t kPlace = 0x30000000;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kWindow = 4 * kPage;
constexpr std::uint64_t kReadOnly = kPlace + 2 * kPage;
constexpr std::uint64_t kMissing = kPlace + 3 * kPage;
// The child's descriptors.
constexpr int kDevice = 100;
constexpr int kOtherNull = 101;
constexpr int kRegular = 102;

using Memory = std::array<std::uint8_t, kWindow>;

Memory& memory() { return *reinterpret_cast<Memory*>(kPlace); }

// ---- the process that waits ----

// Under this number alone.
bool open_as(const char* path, int flags, int number) {
  const UniqueFd opened(::open(path, flags, 0600));
  return opened.valid() && ::dup2(opened.get(), number) == number;
}

bool make_device() {
  const UniqueFd null(::open("/dev/null", O_RDWR));
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         ::mount("tmpfs", "/dev", "tmpfs", 0, nullptr) == 0 &&
         ::mknod(YETT_DEVICE, S_IFCHR | 0666, ::makedev(1, 3)) == 0 &&
         open_as(YETT_DEVICE, O_RDWR, kDevice) && ::dup2(null.get(), kOtherNull) == kOtherNull &&
         open_as("/dev/file", O_RDWR | O_CREAT, kRegular);
}

int wait_in_ioctl() {
  if (!make_device()) return 1;
  ::mprotect(reinterpret_cast<void*>(kReadOnly), kPage, PROT_READ);
  ::munmap(reinterpret_cast<void*>(kMissing), kPage);
  return ::ioctl(kDevice, YETT_INFO, kPlace);
}

// ---- the supervisor ----

yett::MountEntry bind(const char* place, yett::Writable writable) {
  yett::MountEntry entry;
  entry.source = entry.target = place;
  entry.writable = writable;
  return entry;
}

yett::SandboxPlan make_plan() {
  yett::SandboxPlan plan;
  plan.sandbox = "fuzzed";
  plan.policy_name = std::string(200, 'p');
  plan.mounts = {bind("/usr", yett::Writable::no), bind("/usr/share", yett::Writable::yes),
                 bind("/tmp", yett::Writable::yes)};
  yett::SyscallRule rule;
  rule.name = "ioctl";
  rule.number = SYS_ioctl;
  rule.action = yett::SyscallAction::refuse;
  yett::SyscallRule filters;
  filters.name = "seccomp";
  filters.number = SYS_seccomp;
  filters.action = yett::SyscallAction::allow;
  plan.filter.rules = {rule, filters};
  plan.ask.opens = true;
  return plan;
}

class Supervisor {
 public:
  Supervisor()
      : child_({SYS_ioctl}, wait_in_ioctl),
        plan_(make_plan()),
        engine_(plan_),
        calls_(plan_, [] { return yett::SandboxUsage{.memory_bytes = 1, .processes = 2}; }) {
    if (!child_.notified()) {
      std::fprintf(stderr, "fuzz_uapi needs root, for a process with a /dev of its own\n");
      std::exit(1);
    }
    auto received = yett::receive_notification(child_.listener());
    if (!received || !*received) std::abort();
    notification_ = (*received)->notification();
    forget(std::move(**received));
    begin();
  }

  // With no sandboxes.
  void begin() {
    manager_ = std::make_shared<yett::SandboxManager>(plan_, [](const yett::InsteadOf&) {
      return yett::Result<yett::ChildProcess>(yett::fail(yett::errno_error(EPERM, "start")));
    });
    calls_.set_manager(manager_);
  }

  // Nothing: it is not for the control room.
  std::optional<yett::CallAnswer> ask(const std::array<std::uint64_t, 3>& arguments) {
    seccomp_notif made = notification_;
    std::ranges::copy(arguments, made.data.args);
    yett::Snapshot snapshot{.architecture = made.data.arch,
                            .call = static_cast<std::uint32_t>(made.data.nr)};
    std::ranges::copy(made.data.args, snapshot.arguments.begin());
    const auto verdict = engine_.decide(snapshot);
    const bool ours = (arguments[1] >> 8 & 0xff) == YETT_UAPI_MAGIC;
    need(ours == (verdict.emulation == yett::Emulation::control), "our commands, and no others");
    if (!ours) return std::nullopt;
    PendingNotification pending(child_.listener(), made);
    calls_.refresh();
    auto answer = calls_.wants_file(made.data) ? wish(pending) : calls_.answer(pending);
    need(pending.still_valid(), "the caller still waits");
    forget(std::move(pending));
    return answer;
  }

 private:
  // What is wanted is for the desk: here it is only read.
  [[nodiscard]] yett::CallAnswer wish(const PendingNotification& pending) const {
    const yett::OpenedFile wanted = calls_.wanted_file(pending);
    need(wanted.error != 0 && !wanted.file.valid(), "nothing is opened by asking");
    need((wanted.error == ENOENT) == wanted.wanted.absolute.starts_with('/'), "a path or an error");
    return {.error = wanted.error};
  }
  // The call is never answered.
  static void forget(PendingNotification pending) {
    const auto gone = std::move(pending).through(BorrowedFd(-1));
  }

  yett::test::NotifiedChild child_;
  yett::SandboxPlan plan_;
  yett::PolicyEngine engine_;
  yett::ControlCalls calls_;
  std::shared_ptr<yett::SandboxManager> manager_;
  seccomp_notif notification_{};
};

// ---- one input: calls, one after another ----

std::uint64_t read_descriptor(FuzzInput& input) {
  const std::uint64_t choice = input.number(1);
  if (choice < 0xf0) return kDevice | (choice & 1) << 33;  // the kernel's int has 32 bits
  if (choice == 0xff) return input.number(8);
  return choice % 2 == 0 ? kOtherNull : kRegular;
}

std::uint64_t read_command(FuzzInput& input) {
  constexpr std::array kCommands{YETT_INFO,   YETT_STAT,          YETT_LOG,
                                 YETT_CREATE, YETT_ADD_SELF,      YETT_REMOVE,
                                 YETT_SPAWN,  YETT_RESTRICT_SELF, YETT_REQUEST_GRANT};
  const std::uint64_t choice = input.number(1);
  if (choice < 0xc0) return kCommands[choice % kCommands.size()];
  if (choice < 0xe0) return _IO(YETT_UAPI_MAGIC, choice);
  return input.number(8);
}

std::uint64_t read_argument(FuzzInput& input) {
  const std::uint64_t choice = input.number(1);
  if (choice < 0x40) return choice;  // a number, or no address
  if (choice < 0xf0) return kPlace + input.number(2) % kWindow;
  return input.number(8);
}

// What the input says stands in memory at `argument`.
void fill_memory(FuzzInput& input, std::uint64_t argument) {
  const auto content = input.take(input.number(1));
  if (argument < kPlace || argument >= kPlace + kWindow) return;
  const std::size_t at = argument - kPlace;
  std::memcpy(&memory()[at], content.data(), std::min(content.size(), kWindow - at));
}

bool lies_in_memory(std::uint64_t address, std::uint64_t size) {
  return address >= kPlace && address < kMissing && size <= kMissing - address;
}

bool differ_outside(const Memory& before, std::uint64_t from, std::uint64_t size) {
  for (std::size_t i = 0; i < kWindow; ++i)
    if (before[i] != memory()[i] && (kPlace + i < from || kPlace + i >= from + size)) return true;
  return false;
}

// What the header promises of a struct that is given back.
void check_given_back(const Memory& before, std::uint64_t address, std::size_t known, int error) {
  std::uint32_t size = 0;
  const bool has_size = lies_in_memory(address, sizeof size);
  if (has_size) std::memcpy(&size, &before[address - kPlace], sizeof size);
  const bool fits = has_size && size >= known && size <= YETT_STRUCT_MAX;
  need(!differ_outside(before, address, fits ? size : 0), "nothing beside the struct is written");
  if (!has_size) return;  // memory of the child's that is no business of ours
  if (error != 0) return need(fits ? error == EFAULT : true, "a good size and good memory do");
  need(fits && address + size <= kReadOnly, "only into memory that can be written");
  std::uint32_t told = 0;
  std::memcpy(&told, &memory()[address - kPlace], sizeof told);
  need(told == known, "the supervisor's own size");
  for (std::size_t i = known; i < size; ++i)
    need(memory()[address - kPlace + i] == 0, "what it does not know becomes 0");
}

void check_log(const Memory& before, std::uint64_t address, const yett::CallAnswer& answer) {
  need(!differ_outside(before, 0, 0), "reading writes nothing");
  need((answer.error == 0) == !answer.logged.empty(), "a line or an error");
  yett_log given{};
  if (answer.error != 0 || !lies_in_memory(address, sizeof given)) return;
  std::memcpy(&given, &before[address - kPlace], sizeof given);
  need(given.text_size == answer.logged.size() && given.text_size <= YETT_LOG_MAX, "its length");
  if (lies_in_memory(given.text, given.text_size))
    need(std::memcmp(&before[given.text - kPlace], answer.logged.data(), given.text_size) == 0,
         "its own words");
}

// The filter goes where the struct says, and nothing else is written but the struct.
void check_restrict(const Memory& before, std::uint64_t address, int error) {
  yett_restrict given{};
  if (!lies_in_memory(address, sizeof given)) return;
  std::memcpy(&given, &before[address - kPlace], sizeof given);
  if (error == EFAULT || lies_in_memory(given.filter, 1)) return;
  const bool fits = given.size >= sizeof given && given.size <= YETT_STRUCT_MAX;
  need(!differ_outside(before, address, fits ? given.size : 0), "nothing beside the struct");
}

void check_create(const Memory& before, std::uint64_t address, const yett::CallAnswer& answer,
                  std::set<int>& alive) {
  need(!differ_outside(before, 0, 0), "reading writes nothing");
  need((answer.error == 0) == (answer.value > 0), "a number or an error");
  if (answer.error != 0 || !lies_in_memory(address, 1)) return;
  const std::string_view path(reinterpret_cast<const char*>(&before[address - kPlace]));
  need(path.starts_with("/usr/") && !path.starts_with("/usr/share"), "what was lent read-only");
  need(alive.insert(static_cast<int>(answer.value)).second, "a number of its own");
  need(alive.size() <= yett::SandboxManager::kMostSandboxes, "not too many");
}

void make_call(Supervisor& supervisor, FuzzInput& input, std::set<int>& alive) {
  const std::array arguments{read_descriptor(input), read_command(input), read_argument(input)};
  fill_memory(input, arguments[2]);
  const auto command = static_cast<std::uint32_t>(arguments[1]);
  const int number = static_cast<int>(arguments[2]);
  const bool is_device = static_cast<int>(arguments[0]) == kDevice;
  if (is_device && command == YETT_ADD_SELF && alive.contains(number)) return;
  const Memory before = memory();
  const auto answer = supervisor.ask(arguments);
  if (!answer) return;
  constexpr std::array kErrors{0,        EFAULT,       EINVAL, E2BIG,      ENOTTY,
                               EMSGSIZE, ENOENT,       EACCES, ELOOP,      EAGAIN,
                               ENOTDIR,  ENAMETOOLONG, EIO,    EOPNOTSUPP, ENOSPC};
  need(std::ranges::find(kErrors, answer->error) != kErrors.end(), "an error that the header has");
  if (!is_device) return need(answer->error == ENOTTY, "the device and nothing else");
  switch (command) {
    case YETT_INFO:
      return check_given_back(before, arguments[2], YETT_INFO_SIZE_1, answer->error);
    case YETT_STAT:
      return check_given_back(before, arguments[2], YETT_STAT_SIZE_1, answer->error);
    case YETT_LOG:
      return check_log(before, arguments[2], *answer);
    case YETT_CREATE:
      return check_create(before, arguments[2], *answer, alive);
    case YETT_ADD_SELF:
      return need(answer->error == ENOENT, "there is none of that number");
    case YETT_REQUEST_GRANT:
      return need(!differ_outside(before, 0, 0), "reading writes nothing");
    case YETT_REMOVE:
      return need((answer->error == 0) == (alive.erase(number) == 1), "it was there");
    case YETT_RESTRICT_SELF:
      return check_restrict(before, arguments[2], answer->error);
    case YETT_SPAWN:
      return need(answer->error == EOPNOTSUPP, "it is the socket's");
    default:
      return need(answer->error == ENOTTY, "no other command");
  }
}

void map_memory() {
  void* made = ::mmap(reinterpret_cast<void*>(kPlace), kWindow, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  need(made == reinterpret_cast<void*>(kPlace), "the place of the shared memory is free");
}

// Never ended: the sanitizers' last looks are not the child's affair.
Supervisor& supervisor() {
  static Supervisor* only = [] {
    map_memory();
    return new Supervisor();
  }();
  return *only;
}

}  // namespace

// Before there are other threads: a process is made.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  supervisor();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  memory().fill(0);
  FuzzInput input(data, size);
  std::set<int> alive;
  for (int calls = 0; calls < 32 && !input.empty(); ++calls) make_call(supervisor(), input, alive);
  if (!alive.empty()) supervisor().begin();
  return 0;
}
