#include "sandbox/guard/bpf_assembler.hpp"

#include <algorithm>

namespace yett {
namespace {

constexpr std::size_t kMaxJump = 255;  // jt and jf are one byte
constexpr std::size_t kUsualAnswers = 8;

}  // namespace

BpfWriter::BpfWriter(std::size_t usual_length) {
  code_.reserve(usual_length);
  answers_.reserve(kUsualAnswers);
}

BpfPlace BpfWriter::write(int code, std::uint32_t operand, std::size_t yes, std::size_t no) {
  code_.push_back({static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(yes),
                   static_cast<std::uint8_t>(no), operand});
  return code_.size() - 1;
}

BpfPlace BpfWriter::give(std::uint32_t answer) {
  const auto known = std::ranges::find(answers_, answer, &Answer::value);
  if (known == answers_.end()) {
    const BpfPlace place = write(BPF_RET | BPF_K, answer);
    answers_.push_back({answer, place});
    return place;
  }
  if (distance(known->place) >= kMaxJump) known->place = write(BPF_RET | BPF_K, answer);
  return known->place;
}

// What `target` does, here: an answer is given again, anything else is jumped to.
BpfPlace BpfWriter::repeat(BpfPlace target) {
  const sock_filter instruction = code_[target];
  if (instruction.code == (BPF_RET | BPF_K)) return write(instruction.code, instruction.k);
  return write(BPF_JMP | BPF_JA, static_cast<std::uint32_t>(distance(target)));
}

// One less than the most, for what brings the other target of the same jump within reach.
BpfPlace BpfWriter::within_reach(BpfPlace target) {
  return distance(target) < kMaxJump ? target : repeat(target);
}

BpfPlace BpfWriter::jump(int code, std::uint32_t value, BpfPlace yes, BpfPlace no) {
  if (yes == no) return yes;
  yes = within_reach(yes);
  no = within_reach(no);
  return write(code, value, distance(yes), distance(no));
}

BpfPlace BpfWriter::load(std::uint32_t offset, std::uint32_t mask, BpfPlace next) {
  if (distance(next) != 0) repeat(next);
  if (mask != UINT32_MAX) write(BPF_ALU | BPF_AND | BPF_K, mask);
  return write(BPF_LD | BPF_W | BPF_ABS, offset);
}

BpfPlace BpfWriter::when_equal(std::uint32_t value, BpfPlace yes, BpfPlace no) {
  return jump(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no);
}

BpfPlace BpfWriter::when_at_least(std::uint32_t value, BpfPlace yes, BpfPlace no) {
  return jump(BPF_JMP | BPF_JGE | BPF_K, value, yes, no);
}

}  // namespace yett
