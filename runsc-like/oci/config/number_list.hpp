// Lists of CPUs and memory nodes, "0-3,7", as the kernel's masks.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace yett::oci {

// Far beyond any machine (the kernel's NR_CPUS is 8192 at most), and a bound for what is read.
inline constexpr std::uint64_t kMostListed = 65536;

// Bit n of word n / 64 is number n; no word for an empty list. Nothing: it is no list, a range is
// the wrong way round, or a number is kMostListed or more. Blanks around numbers are taken.
[[nodiscard]] std::optional<std::vector<std::uint64_t>> parse_number_list(std::string_view text);

}  // namespace yett::oci
