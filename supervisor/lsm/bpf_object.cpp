#include "supervisor/lsm/bpf_object.hpp"

#include <fcntl.h>
#include <sys/random.h>

#include <array>
#include <cstdarg>
#include <cstdio>

namespace yett {
namespace {

std::string& last_warning() {
  thread_local std::string warning;
  return warning;
}

// Keeps the last line of the last warning: libbpf prints whole verifier logs as one message.
__attribute__((format(printf, 2, 0))) int keep_warning(libbpf_print_level level, const char* format,
                                                       std::va_list arguments) {
  if (level != LIBBPF_WARN) return 0;
  std::array<char, 512> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  std::string line = text.data();
  while (!line.empty() && line.back() == '\n') line.pop_back();
  if (const auto newline = line.rfind('\n'); newline != std::string::npos)
    line.erase(0, newline + 1);
  last_warning() = line;
  return 0;
}

}  // namespace

Result<BpfObject> open_bpf_object(const char* name, std::span<const std::byte> elf) {
  libbpf_set_print(keep_warning);
  last_warning().clear();
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = name;
  BpfObject object(bpf_object__open_mem(elf.data(), elf.size(), &options));
  if (!object) return fail(bpf_error(-errno, "open BPF object", name));
  return object;
}

Error bpf_error(int code, std::string operation, std::string subject) {
  Error error = errno_error(-code, std::move(operation), std::move(subject));
  error.detail = last_warning();
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
