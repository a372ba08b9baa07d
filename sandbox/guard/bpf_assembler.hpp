// Classic BPF over struct seccomp_data, written from its end: whatever a jump leads to is there
// before the jump, so that none needs patching and what several places share is written once. The
// kernel's compiler takes 0.3 us for each instruction at each start.
#pragma once

#include <linux/filter.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace yett {

// Where an instruction stands, counted from the program's end.
using BpfPlace = std::size_t;

class BpfWriter {
 public:
  explicit BpfWriter(std::size_t usual_length);

  // Each writes what runs before the places it is given, and returns where that begins.
  BpfPlace give(std::uint32_t answer);
  // The accumulator becomes the word at `offset` of struct seccomp_data, under `mask`.
  BpfPlace load(std::uint32_t offset, std::uint32_t mask, BpfPlace next);
  BpfPlace when_equal(std::uint32_t value, BpfPlace yes, BpfPlace no);
  BpfPlace when_at_least(std::uint32_t value, BpfPlace yes, BpfPlace no);

  // The program, which begins with what was written last.
  [[nodiscard]] std::vector<sock_filter> program() const { return {code_.rbegin(), code_.rend()}; }

 private:
  BpfPlace write(int code, std::uint32_t operand, std::size_t yes = 0, std::size_t no = 0);
  BpfPlace jump(int code, std::uint32_t value, BpfPlace yes, BpfPlace no);
  [[nodiscard]] std::size_t distance(BpfPlace target) const { return code_.size() - 1 - target; }
  BpfPlace within_reach(BpfPlace target);
  BpfPlace repeat(BpfPlace target);

  std::vector<sock_filter> code_;  // the last instruction first
  struct Answer {
    std::uint32_t value = 0;
    BpfPlace place = 0;
  };
  std::vector<Answer> answers_;  // the nearest place of each
};

}  // namespace yett
