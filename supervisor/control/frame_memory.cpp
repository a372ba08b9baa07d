#include "supervisor/control/frame_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace yett {
namespace {

static_assert(sizeof(yett_frame) == 32);

// SECURITY(frame-bounds): no sum that could wrap.
bool is_within(std::size_t whole, std::uint64_t address, std::size_t size) {
  return address <= whole && size <= whole - address;
}

}  // namespace

std::vector<std::byte> ControlFrame::message() const {
  const auto bytes = std::as_bytes(std::span(&head, 1));
  std::vector<std::byte> whole(bytes.begin(), bytes.end());
  whole.insert(whole.end(), memory.begin(), memory.end());
  return whole;
}

ControlFrame ended_frame(std::uint32_t sequence, int number, int status) {
  return {.head = {.magic = YETT_FRAME_MAGIC,
                   .version = YETT_FRAME_VERSION,
                   .command = YETT_ENDED,
                   .sequence = sequence,
                   .argument = static_cast<std::uint64_t>(number),
                   .size = 0,
                   .result = status},
          .memory = {}};
}

int parse_frame(std::span<const std::byte> message, ControlFrame& into) {
  if (message.size() < sizeof into.head) return EPROTO;
  std::memcpy(&into.head, message.data(), sizeof into.head);
  const auto memory = message.subspan(sizeof into.head);
  if (into.head.magic != YETT_FRAME_MAGIC) return EPROTO;
  if (into.head.version != YETT_FRAME_VERSION) return EPROTONOSUPPORT;
  if (into.head.size != memory.size() || memory.size() > YETT_FRAME_MAX || into.head.result != 0)
    return EPROTO;
  into.memory.assign(memory.begin(), memory.end());
  return 0;
}

int read_memory(std::span<const std::byte> memory, std::uint64_t address,
                std::span<std::byte> into) {
  if (!is_within(memory.size(), address, into.size())) return EFAULT;
  std::ranges::copy(memory.subspan(address, into.size()), into.begin());
  return 0;
}

int write_memory(std::span<std::byte> memory, std::uint64_t address,
                 std::span<const std::byte> from) {
  if (!is_within(memory.size(), address, from.size())) return EFAULT;
  std::ranges::copy(from, memory.subspan(address).begin());
  return 0;
}

std::string read_memory_text(std::span<const std::byte> memory, std::uint64_t address,
                             std::size_t limit) {
  if (address >= memory.size()) return {};
  const auto tail = memory.subspan(address);
  const auto end = std::ranges::find(tail, std::byte{0});
  if (end == tail.end()) return {};
  const auto size = std::min(static_cast<std::size_t>(end - tail.begin()), limit);
  return {reinterpret_cast<const char*>(tail.data()), size};
}

}  // namespace yett
