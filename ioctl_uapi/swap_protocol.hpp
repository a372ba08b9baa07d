// Another policy for a sandbox that runs: what `yett policy swap` and the sandbox's supervisor say
// to each other over a SOCK_SEQPACKET connection in the sandbox's state directory. One request, one
// reply. Both ends are root's.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct SwapRequest {
  std::uint32_t magic = kMagic;
  std::uint32_t size = sizeof(SwapRequest);
  std::array<char, 4096> name{};  // of the policy: an absolute path, or a built-in's name
  static constexpr std::uint32_t kMagic = 0x59505331;  // "YPS1"
};

struct SwapReply {
  std::int32_t error = 0;  // 0: it is in force; else nothing has changed, and `text` says why
  std::uint32_t took_us = 0;
  std::array<char, 72> old_hash{};  // NUL-terminated, as what follows
  std::array<char, 72> new_hash{};
  std::array<char, 16384> text{};  // the reason, or what changed, a line each
};

// Of a policy: sealed, so that it is read whole and without waiting for anybody.
inline constexpr std::size_t kMostPolicyBytes = 1UL << 20;
[[nodiscard]] Result<UniqueFd> make_policy_memory(const std::string& text);
// Error: it is none that make_policy_memory made.
[[nodiscard]] Result<std::string> read_policy_memory(BorrowedFd memory);

[[nodiscard]] Status send_swap_request(BorrowedFd socket, const std::string& name,
                                       BorrowedFd memory);
struct ReceivedSwapRequest {
  std::string name;
  std::string text;
};
// Does not wait. Error: no such request; sys_errno EAGAIN: none yet.
[[nodiscard]] Result<ReceivedSwapRequest> receive_swap_request(BorrowedFd socket);

// Whoever asked may have gone: no error, and no wait.
void send_swap_reply(BorrowedFd socket, const SwapReply& reply);
[[nodiscard]] Result<SwapReply> receive_swap_reply(BorrowedFd socket);

}  // namespace yett
