#include "sandbox/package/confined_reader.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <optional>
#include <utility>

#include "base/scope_exit.hpp"
#include "base/text.hpp"

namespace yett {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kDeadline{5};
constexpr std::size_t kMaxRefusalBytes = 512;

struct AnswerHeader {
  ReadOutcome outcome = ReadOutcome::refused;
  std::uint32_t length = 0;
};

bool write_whole(BorrowedFd fd, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t put = ::write(fd.get(), bytes, size);
    if (put <= 0) return false;
    bytes += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

// The child: the only one that ever looks behind the image's superblock. It allocates freely (it
// is a fork, not a clone on the way to an exec) and leaves without running anybody's destructors.
[[noreturn]] void serve(const ImageFile& image, ImageKind kind, std::string_view name,
                        std::size_t limit, BorrowedFd answer_fd) {
  if (!confine_reader(image.fd.borrow(), answer_fd)) ::_exit(2);
  const FileBytes bytes(image.fd.borrow(), image.size);
  const ReadAnswer answer = kind == ImageKind::squashfs ? read_from_squashfs(bytes, name, limit)
                                                        : read_from_erofs(bytes, name, limit);
  const AnswerHeader header{.outcome = answer.outcome,
                            .length = static_cast<std::uint32_t>(answer.text.size())};
  const bool told = write_whole(answer_fd, &header, sizeof header) &&
                    write_whole(answer_fd, answer.text.data(), answer.text.size());
  ::_exit(told ? 0 : 2);
}

// All that comes before the end of the pipe, or nullopt: too much of it, or too late.
std::optional<std::string> collect(BorrowedFd fd, std::size_t most) {
  std::string all;
  const auto end = Clock::now() + kDeadline;
  std::array<char, 16384> part;
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now());
    struct pollfd waiting{.fd = fd.get(), .events = POLLIN, .revents = 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return std::nullopt;
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return all;
    all.append(part.data(), static_cast<std::size_t>(got));
    if (all.size() > most) return std::nullopt;
  }
}

// What the child sent is as untrusted as the image.
std::optional<ReadAnswer> decode(const std::string& frame, std::size_t limit) {
  AnswerHeader header;
  if (frame.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, frame.data(), sizeof header);
  if (frame.size() - sizeof header != header.length || header.outcome > ReadOutcome::refused)
    return std::nullopt;
  if (header.length > (header.outcome == ReadOutcome::present ? limit : kMaxRefusalBytes))
    return std::nullopt;
  return ReadAnswer{.outcome = header.outcome, .text = frame.substr(sizeof header)};
}

int reap(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::unexpected<Error> reader_failed(const ImageFile& image, int status) {
  const std::string how = WIFSIGNALED(status)
                              ? "its reader ended by signal " + std::to_string(WTERMSIG(status))
                              : "its reader could not be confined or gave no answer";
  return fail(request_error(image.path, "cannot be read: " + how,
                            "the image is damaged or hostile: do not run it"));
}

}  // namespace

Result<ReadAnswer> read_confined(const ImageFile& image, ImageKind kind, std::string_view name,
                                 std::size_t limit) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errno_error("pipe", image.path));
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail(errno_error("fork", "reader of " + image.path));
  if (child == 0) serve(image, kind, name, limit, writing.borrow());
  writing.reset();
  const auto frame = collect(reading.borrow(), sizeof(AnswerHeader) + limit + kMaxRefusalBytes);
  if (!frame) ::kill(child, SIGKILL);
  const int status = reap(child);
  const auto answer = frame ? decode(*frame, limit) : std::nullopt;
  if (!answer || status != 0) return reader_failed(image, status);
  return *answer;
}

}  // namespace yett
