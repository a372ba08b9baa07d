// Answers by number as a binary tree of comparisons, for filters whose numbers fall into ranges
// that share an answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "sandbox/guard/bpf_assembler.hpp"

namespace yett {

// Numbers from `first` up to the next range's first: one answer, or what a rule says of arguments.
struct BpfRange {
  std::uint32_t first = 0;
  std::uint32_t answer = 0;
  std::optional<std::size_t> conditional;  // which rule, in its owner's list
};

// Joins `range` to the last one where both give the same answer whatever the arguments.
void append_range(std::vector<BpfRange>& ranges, const BpfRange& range);

// Writes what looks at the arguments of a call that falls into a conditional range.
using WriteConditional = std::function<Result<BpfPlace>(const BpfRange& range, BpfWriter& code)>;

// `ranges` are in order, the first begins at 0; the accumulator holds the number. Errors: those of
// `conditional`.
[[nodiscard]] Result<BpfPlace> write_range_tree(std::span<const BpfRange> ranges,
                                                const WriteConditional& conditional,
                                                BpfWriter& code);

}  // namespace yett
