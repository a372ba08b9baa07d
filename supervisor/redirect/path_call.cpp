#include "supervisor/redirect/path_call.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace yett {
namespace {

constexpr int kFchmodat2 = 452;  // Linux 6.6
constexpr int kCreat = O_CREAT | O_WRONLY | O_TRUNC;

class Registers {
 public:
  explicit Registers(const seccomp_data& data) : args_(data.args) {}
  [[nodiscard]] int number(int index) const { return static_cast<int>(args_[index]); }
  [[nodiscard]] unsigned mode(int index) const { return static_cast<unsigned>(args_[index]); }
  [[nodiscard]] std::uint64_t at(int index) const { return args_[index]; }
  // The address in one register, below the descriptor in the one before it.
  [[nodiscard]] NamedByTarget below(int index) const { return {number(index - 1), args_[index]}; }
  [[nodiscard]] NamedByTarget here(int index) const { return {AT_FDCWD, args_[index]}; }

 private:
  const __u64* args_;
};

std::optional<PathCall> opening(int call, const Registers& r) {
  switch (call) {
    case SYS_open:
      return PathCall{.name = r.here(0), .flags = r.number(1), .mode = r.mode(2)};
    case SYS_creat:
      return PathCall{.name = r.here(0), .flags = kCreat, .mode = r.mode(1)};
    case SYS_openat:
      return PathCall{.name = r.below(1), .flags = r.number(2), .mode = r.mode(3)};
    default:
      return std::nullopt;
  }
}

std::optional<PathCall> looking(int call, const Registers& r) {
  switch (call) {
    case SYS_stat:
      return PathCall{.act = PathAct::look, .name = r.here(0), .out = r.at(1)};
    case SYS_lstat:
      return PathCall{
          .act = PathAct::look, .name = r.here(0), .flags = AT_SYMLINK_NOFOLLOW, .out = r.at(1)};
    case SYS_newfstatat:
      return PathCall{
          .act = PathAct::look, .name = r.below(1), .flags = r.number(3), .out = r.at(2)};
    case SYS_statx:
      return PathCall{.act = PathAct::look_wide,
                      .name = r.below(1),
                      .flags = r.number(2),
                      .out = r.at(4),
                      .number = r.at(3)};
    case SYS_access:
      return PathCall{.act = PathAct::access, .name = r.here(0), .mode = r.mode(1)};
    case SYS_faccessat:
      return PathCall{.act = PathAct::access, .name = r.below(1), .mode = r.mode(2)};
    case SYS_faccessat2:
      return PathCall{
          .act = PathAct::access, .name = r.below(1), .flags = r.number(3), .mode = r.mode(2)};
    case SYS_readlink:
      return PathCall{
          .act = PathAct::read_link, .name = r.here(0), .out = r.at(1), .number = r.at(2)};
    case SYS_readlinkat:
      return PathCall{
          .act = PathAct::read_link, .name = r.below(1), .out = r.at(2), .number = r.at(3)};
    case SYS_chdir:
      return PathCall{.act = PathAct::enter, .name = r.here(0)};
    case SYS_execve:
      return PathCall{.act = PathAct::execute, .name = r.here(0)};
    case SYS_execveat:
      return PathCall{.act = PathAct::execute, .name = r.below(1), .flags = r.number(4)};
    default:
      return std::nullopt;
  }
}

std::optional<PathCall> naming(int call, const Registers& r) {
  switch (call) {
    case SYS_mkdir:
      return PathCall{.act = PathAct::make_directory, .name = r.here(0), .mode = r.mode(1)};
    case SYS_mkdirat:
      return PathCall{.act = PathAct::make_directory, .name = r.below(1), .mode = r.mode(2)};
    case SYS_symlink:
      return PathCall{.act = PathAct::make_link, .name = r.here(1), .text = r.at(0)};
    case SYS_symlinkat:
      return PathCall{.act = PathAct::make_link, .name = r.below(2), .text = r.at(0)};
    case SYS_unlink:
      return PathCall{.act = PathAct::remove, .name = r.here(0)};
    case SYS_rmdir:
      return PathCall{.act = PathAct::remove, .name = r.here(0), .flags = AT_REMOVEDIR};
    case SYS_unlinkat:
      return PathCall{.act = PathAct::remove, .name = r.below(1), .flags = r.number(2)};
    case SYS_link:
      return PathCall{.act = PathAct::link, .name = r.here(0), .other = r.here(1)};
    case SYS_linkat:
      return PathCall{
          .act = PathAct::link, .name = r.below(1), .other = r.below(3), .flags = r.number(4)};
    case SYS_rename:
      return PathCall{.act = PathAct::rename, .name = r.here(0), .other = r.here(1)};
    case SYS_renameat:
      return PathCall{.act = PathAct::rename, .name = r.below(1), .other = r.below(3)};
    case SYS_renameat2:
      return PathCall{
          .act = PathAct::rename, .name = r.below(1), .other = r.below(3), .flags = r.number(4)};
    default:
      return std::nullopt;
  }
}

std::optional<PathCall> changing(int call, const Registers& r) {
  switch (call) {
    case SYS_truncate:
      return PathCall{.act = PathAct::truncate, .name = r.here(0), .number = r.at(1)};
    case SYS_chmod:
      return PathCall{.act = PathAct::set_mode, .name = r.here(0), .mode = r.mode(1)};
    case SYS_fchmodat:
      return PathCall{.act = PathAct::set_mode, .name = r.below(1), .mode = r.mode(2)};
    case kFchmodat2:
      return PathCall{
          .act = PathAct::set_mode, .name = r.below(1), .flags = r.number(3), .mode = r.mode(2)};
    case SYS_utimensat:
      if (r.at(1) == 0) return std::nullopt;
      return PathCall{
          .act = PathAct::set_times, .name = r.below(1), .flags = r.number(3), .out = r.at(2)};
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<PathCall> path_call_of(const seccomp_data& data) {
  const Registers registers(data);
  for (const auto kind : {opening, looking, naming, changing})
    if (auto call = kind(data.nr, registers)) return call;
  return std::nullopt;
}

bool only_looks(const PathCall& call) {
  switch (call.act) {
    case PathAct::open:
      return (call.flags & (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))) == 0;
    case PathAct::look:
    case PathAct::look_wide:
    case PathAct::read_link:
    case PathAct::enter:
    case PathAct::execute:
      return true;
    case PathAct::access:  // what is shown can be written
      return (call.mode & W_OK) == 0;
    default:
      return false;
  }
}

bool changes_attributes(const PathCall& call) {
  return call.act == PathAct::set_mode || call.act == PathAct::set_times;
}

}  // namespace yett
