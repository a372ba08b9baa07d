#include "supervisor/meter/disk_meter.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <optional>
#include <utility>

#include "supervisor/meter/stand_still.hpp"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

namespace yett {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;

// The shortest only while something is written.
constexpr microseconds kShortestAtRest{1000};
// A walk takes a fifth of a processor at most, half of one where the limit may be passed, a
// twentieth where others may have freed what the sandbox has written, and where nothing is written
// hardly any of it.
constexpr int kRestPerWalk = 4;
constexpr int kRestPerWalkInDoubt = 20;
constexpr int kRestPerWalkAtRest = 100;
constexpr microseconds kLongestWithoutWalk{250'000};
// One file can be as large as the limit (RLIMIT_FSIZE): its writer is told so, and not killed.
constexpr std::uint64_t kSlack = 128 << 10;
// A long walk is no time to write: the sandbox stands still once it may be so far beyond.
constexpr std::uint64_t kTwentieth = 20;

// A file takes room of its own, which most file systems have apart; xfs makes it of blocks.
std::uint64_t free_bytes(const DiskPlace& place) {
  struct statfs status{};
  if (::fstatfs(place.directory.get(), &status) != 0) return 0;
  const std::uint64_t files = status.f_type == XFS_SUPER_MAGIC ? 0 : status.f_ffree;
  return status.f_bfree * static_cast<std::uint64_t>(status.f_bsize) + files * kBytesPerName;
}

// What is written there is missing from its free blocks at once, before it is anywhere on a disk.
bool tells_at_once(const DiskPlace& place) {
  struct statfs status{};
  if (::fstatfs(place.directory.get(), &status) != 0) return false;
  constexpr std::array<unsigned long, 3> kKnown{TMPFS_MAGIC, EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC};
  return std::ranges::find(kKnown, static_cast<unsigned long>(status.f_type)) != kKnown.end();
}

}  // namespace

DiskMeter::DiskMeter(SandboxProcesses processes, std::uint64_t limit_bytes, const Pace& pace,
                     std::shared_ptr<DiskRoom> room)
    : processes_(std::move(processes)),
      limit_bytes_(limit_bytes),
      pace_(pace),
      room_(std::move(room)) {}

Result<DiskMeter> DiskMeter::open(SandboxProcesses processes, const Places& places,
                                  std::uint64_t limit_bytes, const Pace& pace,
                                  std::shared_ptr<DiskRoom> room) {
  DiskMeter meter(std::move(processes), limit_bytes, pace, std::move(room));
  YETT_CHECK(meter.add_place(places.own, true));
  for (const std::string& path : places.of_tree) YETT_CHECK(meter.add_place(path, false));
  return meter;
}

Status DiskMeter::add_place(const std::string& path, bool is_sandboxes) {
  UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return fail(errno_error("open", path));
  // As /proc tells the ways to what lies in it.
  std::array<char, PATH_MAX> text;
  const std::string link = "/proc/self/fd/" + std::to_string(directory.get());
  const ssize_t size = ::readlink(link.c_str(), text.data(), text.size());
  if (size <= 0) return fail(errno_error("find", path));
  places_.push_back({.path = {text.data(), static_cast<std::size_t>(size)},
                     .directory = std::move(directory),
                     .is_sandboxes = is_sandboxes});
  free_.push_back(free_bytes(places_.back()));
  tells_at_once_ = tells_at_once_ && tells_at_once(places_.back());
  return {};
}

std::uint64_t DiskMeter::count(const std::function<void()>& meanwhile) {
  DiskWalk walk(limit_bytes_ + kSlack, meanwhile);
  for (const DiskPlace& place : places_) walk.add(place);
  return walk.bytes() + unlinked_.bytes(processes_, places_, walk);
}

bool DiskMeter::is_over() const { return walked_bytes_ > limit_bytes_ + kSlack; }

// No walk sees everything at one time. What was removed while as much was written elsewhere counts
// twice: nobody is killed for what was not counted while all stood still. What was moved to where
// the walk had been is not found: less than was thought is believed for a moment only.
void DiskMeter::walk() {
  const auto began = Clock::now();
  const std::uint64_t thought = has_walked_ ? guessed() : 0;
  std::optional<StandStill> still;
  gone_ = 0;
  walked_bytes_ = count([&] {
    look_at_free();
    if (!still && thought + gone_ > limit_bytes_ + limit_bytes_ / kTwentieth)
      still.emplace(processes_);
  });
  const std::uint64_t found = walked_bytes_;
  if (is_over()) {
    if (!still) still.emplace(processes_);
    walked_bytes_ = count({});
  }
  if (is_over()) kill_all(processes_);
  is_doubtful_ = walked_bytes_ + kSlack < std::max(thought, found);
  has_walked_ = true;
  walked_ = Clock::now();
  walk_took_ = duration_cast<microseconds>(walked_ - began);
}

// What is missing may be anybody's, and places can be of one file system, where it counts several
// times: a walk tells. What comes back hides what is written at the same time.
void DiskMeter::look_at_free() {
  for (std::size_t i = 0; i < places_.size(); ++i) {
    const std::uint64_t now = free_bytes(places_[i]);
    gone_ += free_[i] - std::min(free_[i], now);
    is_doubtful_ = is_doubtful_ || now > free_[i];
    free_[i] = now;
  }
}

bool DiskMeter::is_walk_due() const {
  const auto since = duration_cast<microseconds>(Clock::now() - walked_);
  if (!has_walked_) return true;
  if (guessed() > limit_bytes_) return since >= walk_took_;
  if (!tells_at_once_) return since >= walk_took_ * kRestPerWalk;
  if (is_doubtful_) return since >= walk_took_ * kRestPerWalkInDoubt;
  return since >= std::max(kLongestWithoutWalk, walk_took_ * kRestPerWalkAtRest);
}

DiskMeter::Look DiskMeter::look() {
  look_at_free();
  if (is_walk_due()) walk();
  Look look{.bytes = guessed()};
  look.over = is_over();
  const std::uint64_t left = limit_bytes_ - std::min(limit_bytes_, look.bytes);
  room_->set(left);
  const bool is_written = look.bytes != std::exchange(last_guess_, look.bytes);
  look.next = std::clamp(microseconds(left / pace_.bytes_per_microsecond),
                         is_written ? pace_.shortest : kShortestAtRest, pace_.longest);
  return look;
}

}  // namespace yett
