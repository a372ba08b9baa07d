#include "supervisor/daemon/starter_children.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <memory>

namespace yett {

Result<StarterChildren> StarterChildren::make() {
  constexpr std::size_t kSize = kMost * sizeof(StarterChild);
  void* memory = ::mmap(nullptr, kSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED || ::madvise(memory, kSize, MADV_DONTFORK) != 0)
    return fail(errno_error("map", "supervisors"));
  return StarterChildren({static_cast<StarterChild*>(memory), kMost});
}

bool StarterChildren::add(std::uint64_t id, int pid, UniqueFd line) {
  auto place = std::ranges::find(all(), 0U, &StarterChild::id);
  if (place == all().end()) {
    if (used_ == kMost) return false;
    place = places_.begin() + static_cast<std::ptrdiff_t>(used_++);
  }
  std::construct_at(&*place, StarterChild{.id = id, .pid = pid, .line = line.release()});
  ++count_;
  return true;
}

StarterChild* StarterChildren::find(std::uint64_t id) {
  const auto found = std::ranges::find(all(), id, &StarterChild::id);
  return id == 0 || found == all().end() ? nullptr : &*found;
}

StarterChild* StarterChildren::find_living(int pid) {
  const auto found = std::ranges::find_if(
      all(), [pid](const auto& each) { return each.id != 0 && !each.ended && each.pid == pid; });
  return found == all().end() ? nullptr : &*found;
}

void StarterChildren::remove(StarterChild& child) {
  const UniqueFd closed(child.line);
  child = {};
  --count_;
}

}  // namespace yett
