#include "sandbox/guard/range_tree.hpp"

namespace yett {
namespace {

// One number between two ranges that share an answer.
bool is_exception(std::span<const BpfRange> ranges) {
  return ranges.size() == 3 && ranges[2].first == ranges[1].first + 1 && !ranges[0].conditional &&
         !ranges[2].conditional && ranges[0].answer == ranges[2].answer;
}

Result<BpfPlace> write_answer(const BpfRange& range, const WriteConditional& conditional,
                              BpfWriter& code) {
  return range.conditional ? conditional(range, code) : code.give(range.answer);
}

}  // namespace

void append_range(std::vector<BpfRange>& ranges, const BpfRange& range) {
  const bool same = !ranges.empty() && !ranges.back().conditional && !range.conditional &&
                    ranges.back().answer == range.answer;
  if (!same) ranges.push_back(range);
}

Result<BpfPlace> write_range_tree(std::span<const BpfRange> ranges,
                                  const WriteConditional& conditional, BpfWriter& code) {
  if (ranges.size() == 1) return write_answer(ranges[0], conditional, code);
  if (is_exception(ranges)) {
    YETT_TRY(const BpfPlace exception, write_answer(ranges[1], conditional, code));
    return code.when_equal(ranges[1].first, exception, code.give(ranges[0].answer));
  }
  // Threes, where there are more: many of them are a number between two alike.
  const std::size_t middle =
      ranges.size() > 3 ? (ranges.size() / 2 + 1) / 3 * 3 : ranges.size() / 2;
  YETT_TRY(const BpfPlace above, write_range_tree(ranges.subspan(middle), conditional, code));
  YETT_TRY(const BpfPlace below, write_range_tree(ranges.first(middle), conditional, code));
  return code.when_at_least(ranges[middle].first, above, below);
}

}  // namespace yett
