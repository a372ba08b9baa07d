// What yettd knows of each program, in memory that its starter holds and never reads: for the next
// yettd (memfd_create(2)). A record is written whole by one call, so that none is half of another.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct ProgramRecord {
  std::uint64_t supervisor = 0;  // its id; 0: the record is of nobody
  std::int32_t number = 0;
  uid_t owner = 0;
  std::int32_t guard_pid = 0;
  std::int32_t app_pid = 0;
  std::uint32_t warm = 0;
  std::uint32_t reserved = 0;
  std::uint64_t refusals = 0;
  std::int64_t began_ns = 0;        // CLOCK_MONOTONIC
  std::array<char, 128> made_of{};  // these end with NUL
  std::array<char, 400> cgroups{};  // a line each
};

class RosterFile {
 public:
  using Place = std::uint32_t;
  struct Content {
    int last_number = 0;
    std::map<std::uint64_t, std::pair<Place, ProgramRecord>> records;  // by the supervisor's id
  };

  [[nodiscard]] static Result<RosterFile> make();
  explicit RosterFile(UniqueFd file) : file_(std::move(file)) {}

  [[nodiscard]] BorrowedFd file() const { return file_.borrow(); }
  // Places that are taken stay so.
  [[nodiscard]] Result<Content> read();
  [[nodiscard]] Place take_place();
  void write(Place place, const ProgramRecord& record) const;
  void free(Place place);
  // The highest number ever given: it is nobody else's again.
  void write_last_number(int number) const;

 private:
  UniqueFd file_;
  Place places_ = 1;  // the first holds the last number
  std::set<Place> free_;
};

}  // namespace yett
