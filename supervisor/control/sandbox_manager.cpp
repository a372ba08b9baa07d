#include "supervisor/control/sandbox_manager.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <system_error>
#include <utility>

#include "supervisor/control/start_program.hpp"
#include "supervisor/emulate/in_target.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/emulate/target_tasks_child.hpp"
#include "supervisor/notify/target_process.hpp"

namespace yett {
namespace {

void kill_by(BorrowedFd process) {
  ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
}

// errno, 0: the program reaches this very directory at `path`, with its own rights.
int look_as_target(const PendingNotification& pending, const IdentityPlan& identity,
                   const std::string& path, BorrowedFd directory) {
  struct stat status{};
  if (directory.valid() && ::fstat(directory.get(), &status) != 0) return errno;
  const auto place = open_target_place(pending, AT_FDCWD);
  if (!place) return errno_of_copy(place.error());
  const SightTask task{.path = path.c_str(), .device = status.st_dev, .inode = status.st_ino};
  return run_in_target(*place, identity, see_directory_child, &task);
}

}  // namespace

// Threads that stand in keep it, too.
struct SandboxManager::State {
  struct Sandbox {
    HostDirectory root;
    std::map<int, int> programs;  // serial -> pidfd of one that runs; the thread's
  };

  std::mutex lock;
  int last_number = 0;
  int last_serial = 0;
  std::size_t threads = 0;
  bool ending = false;
  std::map<int, Sandbox> sandboxes;

  // False: the sandbox is gone, and the program shall be.
  bool add(int number, int serial, BorrowedFd program) {
    const std::scoped_lock held(lock);
    const auto found = sandboxes.find(number);
    if (ending || found == sandboxes.end()) return false;
    found->second.programs[serial] = program.get();
    return true;
  }
  void take_away(int number, int serial) {
    const std::scoped_lock held(lock);
    if (const auto found = sandboxes.find(number); found != sandboxes.end())
      found->second.programs.erase(serial);
  }
  static void kill_programs(const Sandbox& sandbox) {
    for (const auto& [serial, program] : sandbox.programs) kill_by(BorrowedFd(program));
  }
};

SandboxManager::SandboxManager(const SandboxPlan& plan, StartInstead start)
    : plan_(plan), start_(std::move(start)), state_(std::make_shared<State>()) {}

SandboxManager::~SandboxManager() {
  const std::scoped_lock held(state_->lock);
  state_->ending = true;
  for (const auto& [number, sandbox] : state_->sandboxes) State::kill_programs(sandbox);
}

int SandboxManager::create(const PendingNotification& pending, const std::string& path) {
  if (const int error = check_lent(plan_.mounts, path); error != 0) return -error;
  HostDirectory root = find_host_directory(plan_.mounts, path);
  // First, whatever the host's says: a name that the program cannot reach is not told from one that
  // is not there.
  if (const int error = look_as_target(pending, plan_.identity, path, root.opened.borrow());
      error != 0)
    return -error;
  return root.error != 0 ? -root.error : add(std::move(root));
}

int SandboxManager::create_of_host(const std::string& path) {
  HostDirectory root = find_plain_directory(path);
  return root.error != 0 ? -root.error : add(std::move(root));
}

int SandboxManager::add(HostDirectory root) {
  const std::scoped_lock held(state_->lock);
  if (state_->sandboxes.size() >= kMostSandboxes) return -EAGAIN;
  const int number = ++state_->last_number;
  state_->sandboxes[number].root = std::move(root);
  return number;
}

int SandboxManager::remove(int number) {
  const std::scoped_lock held(state_->lock);
  const auto found = state_->sandboxes.find(number);
  if (found == state_->sandboxes.end()) return ENOENT;
  State::kill_programs(found->second);
  state_->sandboxes.erase(found);
  return 0;
}

// One thread that begins a program and waits for it: what it needs, whatever becomes of the
// manager.
struct SandboxManager::Joining {
  std::shared_ptr<State> state;
  StartInstead start;
  int number = 0;
  int serial = 0;
  InsteadOf wanted;
  StandIn traced;

  // Until the notification is answered it is the caller's; from then on nobody's.
  int seize(const PendingNotification& pending) {
    const auto process = read_process_id(pending);
    if (!process) return ESRCH;
    const int error = traced.seize(static_cast<int>(pending.thread_id()), *process);
    if (error != 0) return error;
    // SECURITY(stand-in-valid): valid now means that the number meant our target all along.
    if (!pending.still_valid()) return ESRCH;
    traced.interrupt();
    return 0;
  }

  void carry_out() {
    if (!traced.wait_for_exec(wanted)) return;
    // SECURITY(create-swapped): a path is what is handed on, and other sandboxes may write there.
    if (!is_still_there(wanted.directory, wanted.root.borrow())) return traced.leave(kCannotRun);
    const auto program = start(wanted);
    wanted.descriptors = {};
    if (!program || !state->add(number, serial, program->pidfd())) return traced.leave(kCannotRun);
    traced.stand_in_for(*program);
    state->take_away(number, serial);  // before its descriptor is closed
  }

  // Its exit status.
  int run_to_end() {
    if (!is_still_there(wanted.directory, wanted.root.borrow())) return kCannotRun;
    const auto program = start(wanted);
    wanted.descriptors = {};
    if (!program || !state->add(number, serial, program->pidfd())) return kCannotRun;
    const int status = wait_for_end(*program);
    state->take_away(number, serial);
    return status;
  }

  ~Joining() {
    const std::scoped_lock held(state->lock);
    --state->threads;
  }
};

int SandboxManager::join(int number, InsteadOf wanted, std::shared_ptr<Joining>& joining) {
  const std::scoped_lock held(state_->lock);
  const auto found = state_->sandboxes.find(number);
  if (found == state_->sandboxes.end()) return ENOENT;
  if (state_->threads >= kMostPrograms) return EAGAIN;
  ++state_->threads;
  joining = std::make_shared<Joining>();
  joining->state = state_;
  joining->start = start_;
  joining->number = number;
  joining->serial = ++state_->last_serial;
  joining->wanted = std::move(wanted);
  joining->wanted.directory = found->second.root.path;
  joining->wanted.root.reset(::fcntl(found->second.root.opened.get(), F_DUPFD_CLOEXEC, 3));
  return 0;
}

int SandboxManager::add_self(const PendingNotification& pending, int number) {
  std::shared_ptr<Joining> joining;
  if (const int error = join(number, {}, joining); error != 0) return error;
  std::promise<int> promise;
  auto seized = promise.get_future();
  const auto run = [&pending](const std::shared_ptr<Joining>& mine, std::promise<int> told) {
    const int error = mine->seize(pending);
    told.set_value(error);
    if (error == 0) mine->carry_out();
  };
  try {
    std::thread(run, std::move(joining), std::move(promise)).detach();
  } catch (const std::system_error&) {
    return EAGAIN;
  }
  return seized.get();
}

int SandboxManager::spawn(int number, InsteadOf wanted, std::function<void(int status)> ended) {
  std::shared_ptr<Joining> joining;
  if (const int error = join(number, std::move(wanted), joining); error != 0) return -error;
  if (!is_there(joining->wanted)) return -ENOENT;
  const int serial = joining->serial;
  const auto run = [](std::shared_ptr<Joining> mine, const std::function<void(int)>& tell) {
    const int status = mine->run_to_end();
    mine.reset();  // its place is free before anybody hears of it
    tell(status);
  };
  try {
    std::thread(run, std::move(joining), std::move(ended)).detach();
  } catch (const std::system_error&) {
    return -EAGAIN;
  }
  return serial;
}

}  // namespace yett
