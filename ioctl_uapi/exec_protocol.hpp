// One more program in a sandbox that runs: what `yett exec` and the sandbox's supervisor say to
// each other over a SOCK_SEQPACKET connection in the sandbox's state directory. Both are root's.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct ExecRequest {
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // beside the sandbox's own
  std::string working_directory;         // empty: the sandbox's own
  bool terminal = false;
};

struct ReceivedExecRequest {
  ExecRequest request;
  std::array<UniqueFd, 3> stdio;
};

inline constexpr std::size_t kMostExecRequestBytes = 128UL * 1024;

// Error: it is longer than kMostExecRequestBytes; the other side has gone.
[[nodiscard]] Status send_exec_request(BorrowedFd socket, const ExecRequest& request,
                                       const std::array<int, 3>& stdio);
[[nodiscard]] Result<ReceivedExecRequest> receive_exec_request(BorrowedFd socket);

enum class ExecEvent : std::uint32_t {
  started,  // the program has been executed; `pid` stands in for it: signals go there
  failed,   // it has not, and `text` says why
  ended,    // `exit_status`, as bash gives it
};

struct ExecNews {
  ExecEvent event = ExecEvent::failed;
  std::int32_t exit_status = 0;
  std::int32_t pid = 0;
  std::array<char, 1000> text{};  // NUL-terminated
};

// Whoever listened may have gone: no error, and no signal.
void send_exec_news(BorrowedFd socket, const ExecNews& news);
[[nodiscard]] Result<ExecNews> receive_exec_news(BorrowedFd socket);

}  // namespace yett
