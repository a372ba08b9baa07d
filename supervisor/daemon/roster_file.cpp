#include "supervisor/daemon/roster_file.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace yett {
namespace {

// No record crosses a page, within which the kernel copies without looking for signals.
constexpr std::size_t kPlaceSize = 1024;
static_assert(sizeof(ProgramRecord) <= kPlaceSize);

off_t offset_of(RosterFile::Place place) { return static_cast<off_t>(place * kPlaceSize); }

}  // namespace

Result<RosterFile> RosterFile::make() {
  UniqueFd file(::memfd_create("yettd-roster", MFD_CLOEXEC));
  if (!file.valid()) return fail(errno_error("memfd_create", "roster"));
  return RosterFile(std::move(file));
}

Result<RosterFile::Content> RosterFile::read() {
  struct stat status{};
  if (::fstat(file_.get(), &status) != 0) return fail(errno_error("read", "roster"));
  Content content;
  if (::pread(file_.get(), &content.last_number, sizeof content.last_number, 0) < 0)
    return fail(errno_error("read", "roster"));
  for (; offset_of(places_) < status.st_size; ++places_) {
    ProgramRecord record;
    const ssize_t got = ::pread(file_.get(), &record, sizeof record, offset_of(places_));
    if (got != static_cast<ssize_t>(sizeof record) || record.supervisor == 0) {
      free_.insert(places_);
      continue;
    }
    record.made_of.back() = record.cgroups.back() = '\0';
    content.records[record.supervisor] = {places_, record};
  }
  return content;
}

RosterFile::Place RosterFile::take_place() {
  return free_.empty() ? places_++ : free_.extract(free_.begin()).value();
}

void RosterFile::write(Place place, const ProgramRecord& record) const {
  static_cast<void>(!::pwrite(file_.get(), &record, sizeof record, offset_of(place)));
}

void RosterFile::free(Place place) {
  write(place, {});
  free_.insert(place);
}

void RosterFile::write_last_number(int number) const {
  static_cast<void>(!::pwrite(file_.get(), &number, sizeof number, 0));
}

}  // namespace yett
