#include "supervisor/explain/change_effects.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.hpp"
#include "sandbox/profiles/argument_profiles.hpp"

namespace yett {
namespace {

struct CallRisk {
  std::string_view call;
  const char* text;
};

// Why the default table leaves them out. What is not here is told in general.
constexpr std::array kRisks{
    CallRisk{"ptrace", "it can read and steer every other process of the sandbox, and no other"},
    CallRisk{"process_vm_readv", "it can read the memory of every other process of the sandbox"},
    CallRisk{"process_vm_writev", "it can write the memory of every other process of the sandbox"},
    CallRisk{"kcmp", "it can compare what two processes of the sandbox share"},
    CallRisk{"mincore",
             "it can see which pages of shared files are in memory, and with it what "
             "others have read (a side channel)"},
    CallRisk{"shmget", "System V shared memory, of its own IPC namespace"},
    CallRisk{"semget", "System V semaphores, of its own IPC namespace"},
    CallRisk{"msgget", "System V message queues, of its own IPC namespace"},
    CallRisk{"mq_open", "POSIX message queues, of its own IPC namespace"},
    CallRisk{"keyctl",
             "the kernel's key rings: code that gave attackers the kernel more than once"},
    CallRisk{"add_key", "it can store keys in its own key rings, which cost the host memory"},
    CallRisk{"io_uring_setup",
             "calls made through the ring pass no filter: what the mounts, Landlock and the "
             "network's planes do not hold is open"},
    CallRisk{"io_setup", "the older asynchronous I/O, whose requests the filter does not see"},
    CallRisk{"bpf", "it can ask the kernel's verifier to judge its programs"},
    CallRisk{"userfaultfd",
             "it can stop the kernel in the middle of a copy, which makes races in "
             "the kernel easy to win"},
    CallRisk{"perf_event_open",
             "it can measure the processor: a large and often faulty part of "
             "the kernel"},
    CallRisk{"mlock2", "it can keep memory from being swapped out, up to its limits"},
    CallRisk{"mlockall", "it can keep all its memory from being swapped out, up to its limits"},
    CallRisk{"name_to_handle_at", "it can learn the handles of files, not open them"},
    CallRisk{"ioprio_set", "it can change the I/O priority of its own processes"},
    CallRisk{"ioprio_get", "it can read the I/O priority of its own processes"},
    CallRisk{"vmsplice", "it can give pages of its memory to a pipe, as several attacks did"},
    CallRisk{"splice", "it can move pages between files and pipes without copying"},
    CallRisk{"tee", "it can share pages between pipes without copying"},
};

std::string call_effect(std::string_view call) {
  const auto* risk = std::ranges::find(kRisks, call, &CallRisk::call);
  std::string text = fmt::format("{} with any arguments", call);
  if (const ArgumentProfile* profile = find_argument_profile(call);
      profile != nullptr && !profile->when.empty())
    text = fmt::format("{} within its condition: {}", call, profile->reason);
  return risk == kRisks.end() ? text : fmt::format("{}: {}", text, risk->text);
}

std::string file_effect(const PolicyChange& change, const IsDirectory& is_directory) {
  const std::string path = escape_for_terminal(change.value);
  const bool directory = is_directory(change.value);
  if (change.kind == ChangeKind::remove && change.key == "deny")
    return fmt::format("{}{} is there again, to be read and executed as the rules around it say",
                       path, directory ? " and every file below it" : "");
  if (change.kind == ChangeKind::remove) return {};
  if (change.key == "set_ids")
    return "it can make files on the host that run with their owner's rights, whoever starts them: "
           "in a directory of root's they are root's";
  if (change.key == "read")
    return directory ? fmt::format("it can list and read every file below {}", path)
                     : fmt::format("nothing: it can read {}, this one file of the host", path);
  if (change.key == "write")
    return directory
               ? fmt::format(
                     "this also lets it create, change, rename and delete every file "
                     "below {}, on the host",
                     path)
               : fmt::format("it can also change and empty {}, this one file of the host", path);
  return directory
             ? fmt::format("every program below {} can be executed, with any arguments", path)
             : fmt::format("{} can be executed with any arguments, and no other program", path);
}

std::string network_effect(const PolicyChange& change) {
  if (change.key == "mode")
    return "it shares the host's network: it sees its interfaces and addresses, and reaches only "
           "what a rule names";
  const std::string where = escape_for_terminal(change.value);
  if (change.key == "listen") return fmt::format("whoever reaches {} talks to it", where);
  return fmt::format("all that it can read it can send to {}, and to no other place", where);
}

std::string limit_effect(const PolicyChange& change) {
  if (change.key == "open_files")
    return fmt::format("each of its processes can hold {} descriptors", change.value);
  if (change.key == "pids")
    return fmt::format("it can have {} processes and threads at a time", change.value);
  if (change.key == "file_size")
    return fmt::format("each file that it writes can have {} bytes", change.value);
  return fmt::format("{} can be {}", change.key, change.value);
}

std::string exec_effect(const PolicyChange& change) {
  if (change.key == "memfd") return "it can execute from memory what it downloads or makes";
  return "every file that it can write can be executed: also what it downloads, unpacks or makes";
}

std::string tmpfs_effect(const PolicyChange& change) {
  const auto size = parse_decimal(change.value);
  return fmt::format("it can keep {} of the machine's memory there",
                     size ? format_size(*size) : change.value);
}

std::string syscall_effect(const PolicyChange& change) {
  if (change.kind == ChangeKind::remove)
    return fmt::format(
        "{} is what the extended policy says of it: where that refuses it, too, it "
        "stays refused",
        change.value);
  if (change.key == "emulate") return "nothing: the supervisor answers it, the kernel is not asked";
  return call_effect(change.value);
}

}  // namespace

std::vector<std::string> effects_of(const std::vector<PolicyChange>& changes,
                                    const IsDirectory& is_directory) {
  std::vector<std::string> effects;
  for (const PolicyChange& change : changes) {
    std::string text;
    if (change.section == "files" && change.key == "tmpfs")
      text = tmpfs_effect(change);
    else if (change.section == "files")
      text = file_effect(change, is_directory);
    else if (change.section == "network")
      text = network_effect(change);
    else if (change.section == "syscalls")
      text = syscall_effect(change);
    else if (change.section == "limits")
      text = limit_effect(change);
    else
      text = exec_effect(change);
    if (!text.empty()) effects.push_back(std::move(text));
  }
  return effects;
}

}  // namespace yett
