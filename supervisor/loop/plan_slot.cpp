#include "supervisor/loop/plan_slot.hpp"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <utility>

namespace yett {

// Two places for texts: the one in force, and the one that is written. A reader that is overtaken
// twice while it copies sees it by the generation.
struct PlanSlot::Shared {
  struct Written {
    std::uint32_t name_size = 0;
    std::uint32_t text_size = 0;
    std::array<char, kMostName> name{};
    std::array<char, kMostText> text{};
  };
  std::atomic<std::uint64_t> generation{0};
  std::array<Written, 2> places;

  static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
};

Result<std::shared_ptr<PlanSlot>> PlanSlot::make(MakePlan make_plan) {
  void* memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return fail(errno_error("map", "the policy in force"));
  // Zero already, and not to be touched: most sandboxes are never swapped.
  return std::shared_ptr<PlanSlot>(
      new PlanSlot(std::move(make_plan), static_cast<Shared*>(memory)));
}

PlanSlot::PlanSlot(MakePlan make_plan, Shared* shared)
    : make_plan_(std::move(make_plan)), shared_(shared) {}

PlanSlot::~PlanSlot() { ::munmap(shared_, sizeof(Shared)); }

std::uint64_t PlanSlot::generation() const {
  return shared_->generation.load(std::memory_order_acquire);
}

PlanSlot::Plan PlanSlot::make_current(std::uint64_t& generation) const {
  for (;;) {
    generation = this->generation();
    const Shared::Written& written = shared_->places[generation % 2];
    const std::string name(written.name.data(),
                           std::min<std::size_t>(written.name_size, kMostName));
    const std::string text(written.text.data(),
                           std::min<std::size_t>(written.text_size, kMostText));
    if (this->generation() != generation) continue;
    auto made = make_plan_(name, text);
    if (made) return std::make_shared<const SandboxPlan>(*std::move(made));
    return std::make_shared<const SandboxPlan>();
  }
}

PlanSlot::Plan PlanSlot::current(std::uint64_t& generation) {
  const std::scoped_lock held(lock_);
  generation = this->generation();
  if (generation != known_) {
    plan_ = make_current(generation);
    known_ = generation;
  }
  return plan_;
}

void PlanSlot::publish(const std::string& name, const std::string& text, Plan plan) {
  const std::scoped_lock held(lock_);
  const std::uint64_t next = generation() + 1;
  Shared::Written& written = shared_->places[next % 2];
  written.name_size = static_cast<std::uint32_t>(name.copy(written.name.data(), kMostName));
  written.text_size = static_cast<std::uint32_t>(text.copy(written.text.data(), kMostText));
  plan_ = std::move(plan);
  known_ = next;
  // SECURITY(swap-atomic): from here on, for whoever looks.
  shared_->generation.store(next, std::memory_order_release);
}

}  // namespace yett
