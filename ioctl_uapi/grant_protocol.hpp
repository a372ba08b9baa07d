// Open questions of a sandbox: what `yett grant` and the sandbox's supervisor say to each other
// over a SOCK_SEQPACKET connection in the sandbox's state directory. One request, its replies, and
// the next one. Both ends are root's. On a supervisor's line to yettd questions are told unasked,
// and so is what has become of them; requests have no reply of their own there.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

enum class GrantCommand : std::uint32_t {
  list = 1,    // replies: `question` for each that is open, then `end`
  allow = 2,   // once; reply: `end`
  always = 3,  // and whenever the same is asked again
  deny = 4,
  substitute = 5,  // once, the file that comes with the request in place of the one asked for
};

struct GrantRequest {
  std::uint32_t magic = kMagic;
  GrantCommand command = GrantCommand::list;
  std::uint64_t question = 0;                          // its number; 0 for list
  static constexpr std::uint32_t kMagic = 0x59475131;  // "YGQ1"
};

enum class GrantReplyKind : std::uint32_t {
  question = 1,
  end = 2,
  settled = 3,  // on the line to yettd: it is not open any more; `error`: 0 a file was given
};

struct GrantReply {
  GrantReplyKind kind = GrantReplyKind::end;
  std::int32_t error = 0;  // of end: ESRCH no such question is open, EINVAL malformed, ...
  std::uint64_t question = 0;
  std::uint32_t left_ms = 0;    // then it is a no
  std::uint32_t for_write = 0;  // 0: to read
  std::int32_t pid = 0;         // of the thread that waits, as the supervisor sees it
  std::array<char, 16> comm{};  // its name, of its own choosing; NUL-terminated, as what follows
  std::array<char, 16> call{};
  std::array<char, 4096> object{};
};

// A request of another size, with another magic or an unknown command is none.
[[nodiscard]] std::optional<GrantRequest> read_grant_request(const void* bytes, std::size_t size);

[[nodiscard]] Status send_grant_request(BorrowedFd socket, const GrantRequest& request,
                                        BorrowedFd file = {});
// Error: the supervisor has gone, or says something else.
[[nodiscard]] Result<GrantReply> receive_grant_reply(BorrowedFd socket);

}  // namespace yett
