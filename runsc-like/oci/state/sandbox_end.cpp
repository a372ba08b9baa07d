#include "runsc-like/oci/state/sandbox_end.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>

#include "base/text.hpp"

namespace yett::oci {
namespace {

// The last field is followed by a line feed, which tells a whole record from a torn one.
constexpr char kSeparator = ' ';
constexpr std::uint64_t kHighestStatus = 255;

}  // namespace

Status write_sandbox_end(BorrowedFd file, const SandboxEnd& end) {
  const std::string text =
      std::to_string(end.exit_status) + kSeparator + end.reason + kSeparator + end.finished + "\n";
  if (::pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return fail(errno_error("write", "the sandbox's end"));
  return {};
}

std::optional<SandboxEnd> read_sandbox_end(BorrowedFd file) {
  std::array<char, 256> bytes{};
  const ssize_t got = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  const std::string_view text(bytes.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  const std::size_t reason = text.find(kSeparator);
  const std::size_t finished = text.find(kSeparator, reason + 1);
  if (!text.ends_with('\n') || reason == std::string_view::npos ||
      finished == std::string_view::npos)
    return std::nullopt;
  const auto status = parse_decimal(text.substr(0, reason), kHighestStatus);
  if (!status) return std::nullopt;
  return SandboxEnd{.exit_status = static_cast<int>(*status),
                    .reason = std::string(text.substr(reason + 1, finished - reason - 1)),
                    .finished = std::string(text.substr(finished + 1, text.size() - finished - 2))};
}

std::optional<SandboxEnd> read_sandbox_end(const ContainerDirectory& directory) {
  const UniqueFd file(::openat(directory.fd().get(), "end", O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return file.valid() ? read_sandbox_end(file.borrow()) : std::nullopt;
}

}  // namespace yett::oci
