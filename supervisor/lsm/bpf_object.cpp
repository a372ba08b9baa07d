#include "supervisor/lsm/bpf_object.hpp"

#include <fcntl.h>
#include <sys/random.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

namespace yett {
namespace {

std::string& first_warning() {
  thread_local std::string warning;
  return warning;
}

// The last line of a verifier's log that says something: the log ends with counts and a marker.
std::string verifier_complaint(const std::string& log) {
  std::string complaint;
  for (std::size_t begin = 0; begin < log.size();) {
    const std::size_t end = std::min(log.find('\n', begin), log.size());
    const std::string line = log.substr(begin, end - begin);
    const bool says_something =
        !line.empty() && !line.starts_with("processed ") && !line.starts_with("-- ");
    if (says_something) complaint = line;
    begin = end + 1;
  }
  return complaint;
}

// Of libbpf's warnings the first names the culprit, and a verifier's log, whole in one of them,
// says why; the rest repeats.
__attribute__((format(printf, 2, 0))) int keep_warning(libbpf_print_level level, const char* format,
                                                       std::va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  char* text = nullptr;
  if (::vasprintf(&text, format, arguments) < 0) return 0;
  std::string message = text;
  std::free(text);
  const bool is_log = message.find("BEGIN PROG LOAD LOG") != std::string::npos;
  while (!message.empty() && message.back() == '\n') message.pop_back();
  std::string& kept = first_warning();
  if (kept.empty())
    kept = message;
  else if (is_log)
    kept += ": " + verifier_complaint(message);
  return 0;
}

}  // namespace

Result<BpfObject> open_bpf_object(const char* name, std::span<const std::byte> elf) {
  libbpf_set_print(keep_warning);
  first_warning().clear();
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = name;
  BpfObject object(bpf_object__open_mem(elf.data(), elf.size(), &options));
  if (!object) return fail(bpf_error(-errno, "open BPF object", name));
  return object;
}

Error bpf_error(int code, std::string operation, std::string subject) {
  Error error = errno_error(-code, std::move(operation), std::move(subject));
  error.detail = first_warning();
  if (code == -EPERM)
    error.mend =
        "needs CAP_BPF and CAP_PERFMON and a kernel that permits it; yett doctor tells more";
  return error;
}

Result<UniqueFd> duplicate_map_fd(const bpf_object& object, const char* name) {
  const int fd = bpf_object__find_map_fd_by_name(&object, name);
  if (fd < 0) return fail(bpf_error(fd, "find BPF map", name));
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 3));
  if (!copy.valid()) return fail(errno_error("duplicate BPF map", name));
  return copy;
}

Result<std::uint64_t> random_bits() {
  std::uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != static_cast<ssize_t>(sizeof bits))
    return fail(errno_error("getrandom"));
  return bits;
}

}  // namespace yett
