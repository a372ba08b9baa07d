#include "runsc-like/images/tree_stamp.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>

#include "runsc-like/images/beneath.hpp"
#include "runsc-like/images/digest.hpp"

namespace yett {
namespace {

constexpr std::size_t kDeepest = 300;

class Stamping {
 public:
  Status look_into(BorrowedFd directory, std::size_t depth) {
    if (depth > kDeepest) return fail(request_error("tree", "lies too deep"));
    YETT_TRY(const std::vector<std::string> names, names_in(directory));
    for (const std::string& name : names) YETT_CHECK(look_at(directory, name, depth));
    digest_.add_text("/");
    return {};
  }
  [[nodiscard]] TreeStamp take() {
    return {.digest = digest_.take(), .bytes = bytes_, .entries = entries_};
  }

 private:
  Status look_at(BorrowedFd directory, const std::string& name, std::size_t depth) {
    struct stat status{};
    if (::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
      return fail(errno_error("look at", name));
    const bool is_directory = S_ISDIR(status.st_mode);
    digest_.add_text(name);
    const std::array<std::int64_t, 8> facts{
        status.st_mode,        status.st_uid,          is_directory ? 0 : status.st_size,
        status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
        status.st_ctim.tv_nsec};
    digest_.add({reinterpret_cast<const char*>(facts.data()), sizeof facts});
    ++entries_;
    if (S_ISREG(status.st_mode)) bytes_ += static_cast<std::uint64_t>(status.st_size);
    if (!is_directory) return {};
    const UniqueFd inside = open_beneath(directory, name, O_RDONLY | O_DIRECTORY);
    if (!inside.valid()) return fail(errno_error("open", name));
    return look_into(inside.borrow(), depth + 1);
  }

  Digest digest_;
  std::uint64_t bytes_ = 0;
  std::uint64_t entries_ = 0;
};

}  // namespace

Result<TreeStamp> stamp_tree(BorrowedFd top) {
  Stamping stamping;
  YETT_CHECK(stamping.look_into(top, 0));
  return stamping.take();
}

}  // namespace yett
