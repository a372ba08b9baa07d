#include "sandbox/seccomp/seccomp_section.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace yett {
namespace {

template <typename T>
struct Named {
  std::string_view name;
  T value;
};

// The canonical name of a value comes before its other names.
constexpr auto kActions = std::to_array<Named<SectionAction>>({
    {"SCMP_ACT_KILL_THREAD", SectionAction::kill_thread},
    {"SCMP_ACT_KILL", SectionAction::kill_thread},
    {"SCMP_ACT_KILL_PROCESS", SectionAction::kill_process},
    {"SCMP_ACT_TRAP", SectionAction::trap},
    {"SCMP_ACT_ERRNO", SectionAction::errno_},
    {"SCMP_ACT_TRACE", SectionAction::trace},
    {"SCMP_ACT_ALLOW", SectionAction::allow},
    {"SCMP_ACT_LOG", SectionAction::log},
    {"SCMP_ACT_NOTIFY", SectionAction::notify},
});

constexpr auto kCompares = std::to_array<Named<SectionCompare>>({
    {"SCMP_CMP_NE", SectionCompare::ne},
    {"SCMP_CMP_LT", SectionCompare::lt},
    {"SCMP_CMP_LE", SectionCompare::le},
    {"SCMP_CMP_EQ", SectionCompare::eq},
    {"SCMP_CMP_GE", SectionCompare::ge},
    {"SCMP_CMP_GT", SectionCompare::gt},
    {"SCMP_CMP_MASKED_EQ", SectionCompare::masked_eq},
});

template <typename T, std::size_t N>
const char* name_in(const std::array<Named<T>, N>& table, T value) {
  return std::ranges::find(table, value, &Named<T>::value)->name.data();
}

template <typename T, std::size_t N>
std::optional<T> find_in(const std::array<Named<T>, N>& table, std::string_view name) {
  const auto* found = std::ranges::find(table, name, &Named<T>::name);
  if (found == table.end()) return std::nullopt;
  return found->value;
}

}  // namespace

const char* section_action_name(SectionAction action) { return name_in(kActions, action); }
std::optional<SectionAction> find_section_action(std::string_view name) {
  return find_in(kActions, name);
}
const char* section_compare_name(SectionCompare compare) { return name_in(kCompares, compare); }
std::optional<SectionCompare> find_section_compare(std::string_view name) {
  return find_in(kCompares, name);
}

bool section_notifies(const SeccompSection& section) {
  return section.default_action == SectionAction::notify ||
         std::ranges::any_of(section.syscalls, [](const SectionSyscalls& rule) {
           return rule.action == SectionAction::notify;
         });
}

}  // namespace yett
