#include "runsc-like/images/archive_reader.hpp"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "base/text.hpp"
#include "ioctl_uapi/clone.hpp"
#include "runsc-like/images/archive_message.hpp"
#include "runsc-like/images/archive_parser.hpp"
#include "sandbox/package/confined_reader.hpp"
#include "sandbox/package/image_bytes.hpp"
#include "sandbox/package/squashfs_walker.hpp"

namespace yett {
namespace {

using Message = ArchiveMessage;
using MessageKind = ArchiveMessageKind;
using EntryHeader = ArchiveEntryHeader;
constexpr std::uint32_t kMostData = kMostArchiveData;
constexpr std::uint32_t kMostText = kMostArchiveText;
constexpr std::uint32_t kMostEntry = sizeof(EntryHeader) + 2 * kMostText;

// ---- the child ----------------------------------------------------------------------------------

bool send(int fd, const void* data, std::size_t size) {
  const auto* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t put = ::write(fd, bytes, size);
    if (put <= 0) return false;
    bytes += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

bool send_message(int fd, MessageKind kind, std::string_view bytes) {
  const Message message{.kind = kind, .size = static_cast<std::uint32_t>(bytes.size())};
  return send(fd, &message, sizeof message) && send(fd, bytes.data(), bytes.size());
}

bool send_entry(int fd, const ArchiveEntry& entry) {
  const std::string_view path = std::string_view(entry.path).substr(0, kMostText);
  const std::string_view link = std::string_view(entry.link).substr(0, kMostText);
  const EntryHeader header{.modified = entry.modified,
                           .kind = entry.kind,
                           .mode = entry.mode,
                           .path_size = static_cast<std::uint32_t>(path.size()),
                           .link_size = static_cast<std::uint32_t>(link.size())};
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes += path;
  bytes += link;
  return send_message(fd, MessageKind::entry, bytes);
}

Status send_all(ArchiveParser& parser, int fd) {
  std::string bytes(kMostData, '\0');
  for (;;) {
    YETT_TRY(const std::optional<ArchiveEntry> entry, parser.next());
    if (!entry) break;
    if (!send_entry(fd, *entry)) return {};  // nobody listens any more
    for (std::size_t got = 1; entry->kind == EntryKind::file && got > 0;) {
      YETT_TRY(got, parser.read(bytes));
      if (got > 0 && !send_message(fd, MessageKind::data, {bytes.data(), got})) return {};
    }
  }
  send_message(fd, MessageKind::end, {});
  return {};
}

Status parse_archive(BorrowedFd file, const std::string& name, int answers) {
  YETT_TRY(ArchiveParser parser, ArchiveParser::open(file, name));
  return send_all(parser, answers);
}

class SendingListener final : public TreeListener {
 public:
  explicit SendingListener(int answers) : answers_(answers) {}
  [[nodiscard]] bool entry(const ArchiveEntry& entry) override {
    return send_entry(answers_, entry);
  }
  [[nodiscard]] bool data(std::string_view bytes) override {
    return send_message(answers_, MessageKind::data, bytes);
  }

 private:
  int answers_;
};

Status parse_squashfs(BorrowedFd file, const std::string& name, int answers) {
  const off_t size = ::lseek(file.get(), 0, SEEK_END);
  if (size < 0) return fail(errno_error("seek", name));
  SendingListener listener(answers);
  const std::string refusal =
      walk_squashfs(FileBytes(file, static_cast<std::uint64_t>(size)), listener);
  if (!refusal.empty()) return fail(request_error(name, refusal));
  send_message(answers, MessageKind::end, {});
  return {};
}

template <typename Parse>
[[noreturn]] void parse_and_answer(BorrowedFd file, const std::string& name, BorrowedFd answers,
                                   Parse parse) {
  if (!confine_archive_parser(file, answers)) ::_exit(2);
  const Status sent = parse(file, name, answers.get());
  if (!sent) {
    const std::string text = sent.error().detail.substr(0, kMostText);
    send_message(answers.get(), MessageKind::error, text);
  }
  ::_exit(0);
}

// Nobody's. In a user namespace that has no such id root stays root of it, which is nobody outside.
bool become_nobody() {
  constexpr unsigned kNobody = 65534;
  if (::geteuid() != 0) return true;
  const bool done = ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 &&
                    ::setresuid(kNobody, kNobody, kNobody) == 0;
  return done || errno == EINVAL;
}

}  // namespace

// SECURITY(archive_parser_confined): a parser taken over by a hostile archive holds nothing,
// reaches nothing and ends some time.
bool confine_archive_parser(BorrowedFd archive, BorrowedFd answers) {
  // Times of zip are local: with this the C library asks no file for the zone.
  if (::setenv("TZ", "UTC0", 1) != 0) return false;
  ::tzset();
  ::signal(SIGPIPE, SIG_IGN);
  if (!become_nobody()) return false;
  return confine_reader(
      archive, answers,
      {.cpu_seconds = 3600, .memory_bytes = std::uint64_t{1} << 30, .refused = RefusedCall::fails});
}

// ---- the parent ---------------------------------------------------------------------------------

Result<ArchiveReader> ArchiveReader::open(UniqueFd file, std::string name) {
  return start(std::move(file), std::move(name), parse_archive);
}

Result<ArchiveReader> ArchiveReader::open_squashfs(UniqueFd file, std::string name) {
  return start(std::move(file), std::move(name), parse_squashfs);
}

Result<ArchiveReader> ArchiveReader::start(UniqueFd file, std::string name, Parse parse) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail(errno_error("pipe", name));
  UniqueFd answers(ends[0]);
  const UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return fail(errno_error("fork", "parser of " + name));
  if (child == 0) parse_and_answer(file.borrow(), name, writing.borrow(), parse);
  auto pidfd = open_pidfd(child);
  if (!pidfd) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return fail(std::move(pidfd).error());
  }
  // The processor's time of the parser is bounded, too; this is for one that waits.
  constexpr std::chrono::hours kLongest{2};
  return of_parser(ChildProcess(child, std::move(*pidfd)), std::move(answers), std::move(name),
                   kLongest);
}

ArchiveReader ArchiveReader::of_parser(ChildProcess parser, UniqueFd answers, std::string name,
                                       std::chrono::milliseconds longest) {
  return {std::move(name), std::move(parser), std::move(answers),
          std::chrono::steady_clock::now() + longest};
}

Error ArchiveReader::broken_off() const {
  return request_error(name_, "cannot be read as an archive: its parser ended without an answer",
                       "the archive is damaged or hostile");
}

Status ArchiveReader::await_answer() const {
  using std::chrono::milliseconds;
  struct pollfd ready{.fd = answers_.get(), .events = POLLIN, .revents = 0};
  for (;;) {
    const auto left =
        std::chrono::ceil<milliseconds>(until_ - std::chrono::steady_clock::now()).count();
    const int found = ::poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left, 0)));
    if (found > 0) return {};
    if (found < 0 && errno != EINTR) return fail(errno_error("poll", name_));
    if (found == 0)
      return fail(request_error(name_, "takes too long to read: two hours are the most",
                                "the archive is damaged or hostile"));
  }
}

Status ArchiveReader::read_whole(void* into, std::size_t size) {
  auto* bytes = static_cast<char*>(into);
  while (size > 0) {
    YETT_CHECK(await_answer());
    const ssize_t got = ::read(answers_.get(), bytes, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return fail(broken_off());
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
  return {};
}

Result<std::string> ArchiveReader::read_text(std::uint32_t size) {
  std::string text(size, '\0');
  YETT_CHECK(read_whole(text.data(), size));
  return text;
}

// What the child answers is looked at as the archive would be: no size of its is believed.
Result<std::uint32_t> ArchiveReader::next_message(std::uint32_t& size) {
  Message message;
  YETT_CHECK(read_whole(&message, sizeof message));
  size = message.size;
  const auto kind = static_cast<std::uint32_t>(message.kind);
  const std::uint32_t most = message.kind == MessageKind::entry  ? kMostEntry
                             : message.kind == MessageKind::data ? kMostData
                             : message.kind == MessageKind::end  ? 0
                                                                 : kMostText;
  const bool is_data = message.kind == MessageKind::data;
  if (kind > static_cast<std::uint32_t>(MessageKind::error) || size > most ||
      (is_data && (size == 0 || !has_data_)))
    return fail(broken_off());
  if (message.kind != MessageKind::error) return kind;
  YETT_TRY(const std::string text, read_text(size));
  return fail(request_error(name_, escape_for_terminal(text)));
}

Result<std::optional<ArchiveEntry>> ArchiveReader::next() {
  // What nobody has read of the last entry's file is passed over.
  std::array<char, kMostData> passed;
  for (std::size_t got = 1; got > 0;) {
    YETT_TRY(got, read(passed));
  }
  if (!entry_waits_) return std::nullopt;
  entry_waits_ = false;
  EntryHeader header;
  if (waiting_size_ < sizeof header) return fail(broken_off());
  YETT_CHECK(read_whole(&header, sizeof header));
  const std::uint64_t texts = std::uint64_t{header.path_size} + header.link_size;
  if (texts != waiting_size_ - sizeof header || header.kind > EntryKind::other)
    return fail(broken_off());
  ArchiveEntry entry{.path = {},
                     .kind = header.kind,
                     .link = {},
                     .mode = header.mode,
                     .modified = header.modified};
  YETT_TRY(entry.path, read_text(header.path_size));
  YETT_TRY(entry.link, read_text(header.link_size));
  // SECURITY(archive-names): a name ends where the kernel would end it, so that what is looked at
  // is what is used.
  if ((entry.path + entry.link).find('\0') != std::string::npos) return fail(broken_off());
  has_data_ = entry.kind == EntryKind::file;
  return entry;
}

Result<std::size_t> ArchiveReader::read(std::span<char> bytes) {
  if (ended_ || entry_waits_) return 0U;
  while (bytes_left_ == 0) {
    std::uint32_t size = 0;
    YETT_TRY(const std::uint32_t kind, next_message(size));
    ended_ = kind == static_cast<std::uint32_t>(MessageKind::end);
    entry_waits_ = kind == static_cast<std::uint32_t>(MessageKind::entry);
    if (ended_) return 0U;
    (entry_waits_ ? waiting_size_ : bytes_left_) = size;
    if (entry_waits_) return 0U;
  }
  const std::size_t count = std::min<std::size_t>(bytes.size(), bytes_left_);
  YETT_CHECK(read_whole(bytes.data(), count));
  bytes_left_ -= static_cast<std::uint32_t>(count);
  return count;
}

}  // namespace yett
