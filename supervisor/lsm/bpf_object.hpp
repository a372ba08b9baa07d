// Owners and errors of libbpf objects, for the files of this room.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct BpfObjectCloser {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
using BpfObject = std::unique_ptr<bpf_object, BpfObjectCloser>;

struct BpfLinkCloser {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using BpfLink = std::unique_ptr<bpf_link, BpfLinkCloser>;

struct RingBufferCloser {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};
using RingBuffer = std::unique_ptr<ring_buffer, RingBufferCloser>;

// The object of a skeleton, opened and not yet loaded. From here on libbpf's own messages of this
// thread are kept for bpf_error() instead of going to stderr.
[[nodiscard]] Result<BpfObject> open_bpf_object(const char* name, std::span<const std::byte> elf);

// The error of a libbpf call that returned `code` (negative errno), with libbpf's last warning.
[[nodiscard]] Error bpf_error(int code, std::string operation, std::string subject);

// A duplicate of the descriptor of the object's map `name`, which outlives the object.
[[nodiscard]] Result<UniqueFd> duplicate_map_fd(const bpf_object& object, const char* name);

// Unpredictable bits for ids and generations.
[[nodiscard]] Result<std::uint64_t> random_bits();

}  // namespace yett
