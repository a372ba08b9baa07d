// Records as JSON, and the folding of floods.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "supervisor/audit/audit_sink.hpp"
#include "supervisor/audit/summary.hpp"

namespace yett {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

AuditRecord make_record(const std::string& object) {
  return AuditRecord{.time_ns = 1'700'000'000'000'000'001,
                     .sandbox = "box",
                     .pid = 42,
                     .comm = "sh",
                     .plane = "supervisor",
                     .call = "ptrace",
                     .object = object,
                     .rule = "plugin table: ptrace",
                     .verdict = VerdictKind::deny,
                     .error = EPERM,
                     .mend = "[syscalls] allow = [\"ptrace\"]"};
}

// An audit log in memory: what the sink wrote, line by line.
class Log {
 public:
  Log() : fd_(::memfd_create("audit", MFD_CLOEXEC)) {}
  [[nodiscard]] UniqueFd writer() const { return UniqueFd(::dup(fd_.get())); }
  [[nodiscard]] std::vector<std::string> lines() const {
    std::string text;
    std::array<char, 4096> block;
    for (off_t at = 0;;) {
      const ssize_t count = ::pread(fd_.get(), block.data(), block.size(), at);
      if (count <= 0) break;
      text.append(block.data(), static_cast<std::size_t>(count));
      at += count;
    }
    std::vector<std::string> lines;
    for (std::size_t begin = 0, end; (end = text.find('\n', begin)) != std::string::npos;
         begin = end + 1)
      lines.push_back(text.substr(begin, end - begin));
    return lines;
  }

 private:
  UniqueFd fd_;
};

TEST(AuditRecord, HasEveryKeyInOrder) {
  EXPECT_EQ(to_json(make_record("request 16")),
            R"({"time":"2023-11-14T22:13:20.000000001Z","sandbox":"box","pid":42,"comm":"sh",)"
            R"("plane":"supervisor","call":"ptrace","object":"request 16",)"
            R"("rule":"plugin table: ptrace","verdict":"deny","errno":"EPERM",)"
            R"("mend":"[syscalls] allow = [\"ptrace\"]","repeated":1,)"
            R"("id":"","policy":"","arguments":"","resolved":"","stack":[]})");
}

TEST(AuditRecord, NamesErrnos) {
  EXPECT_EQ(errno_name(0), "");
  EXPECT_EQ(errno_name(ENOSYS), "ENOSYS");
  EXPECT_EQ(errno_name(4095), "errno 4095");
}

// SECURITY(audit-forgery): a target that chooses its name cannot end the line or move a cursor.
TEST(AuditRecord, EscapesWhatATargetMayChoose) {
  EXPECT_EQ(json_string("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json_string("\n\r\x1b[2J\x7f"), R"("\u000a\u000d\u001b[2J\u007f")");
  EXPECT_EQ(json_string("gr\xc3\xbc\xc3\x9f"), "\"gr\xc3\xbc\xc3\x9f\"");
  EXPECT_EQ(json_string("\xff\xc3"), R"("\\xff\\xc3")");
  EXPECT_EQ(json_string("\xc2\x9b"), R"("\\xc2\\x9b")");
  EXPECT_EQ(json_string(std::string("a\0b", 3)), R"("a\u0000b")");
}

TEST(AuditSink, WritesTheFirstAndFoldsTheAlike) {
  const Log log;
  {
    AuditSink sink(log.writer());
    for (int i = 0; i < 1000; ++i) sink.record(make_record("a"));
    sink.record(make_record("b"));
  }
  std::uint64_t total = 0;
  for (const std::string& line : log.lines()) {
    constexpr std::string_view kKey = "\"repeated\":";
    total += std::stoull(line.substr(line.find(kKey) + kKey.size()));
  }
  EXPECT_EQ(total, 1001U);
  EXPECT_LE(log.lines().size(), 7U);  // a second boundary or two may fall in between
}

TEST(AuditSink, RepeatCountsOnlyWhatWasRecorded) {
  AuditSink sink;
  EXPECT_FALSE(sink.repeat(7));
  sink.record(make_record("a"), 7);
  EXPECT_FALSE(sink.repeat(8));
  std::uint64_t expected = 1;
  if (sink.repeat(7)) ++expected;
  ASSERT_EQ(sink.refusals().size(), 1U);
  EXPECT_EQ(sink.refusals().begin()->second.count, expected);
}

TEST(AuditSink, CountsEmulationsAsNoRefusal) {
  AuditSink sink;
  AuditRecord record = make_record("a");
  record.verdict = VerdictKind::emulate;
  sink.record(record);
  EXPECT_TRUE(sink.refusals().empty());
}

// SECURITY(audit-flood)
TEST(AuditSink, BoundsDistinctLines) {
  const Log log;
  const auto began = std::chrono::steady_clock::now();
  {
    AuditSink sink(log.writer());
    for (int i = 0; i < 20'000; ++i) sink.record(make_record("path " + std::to_string(i)));
    ASSERT_EQ(sink.refusals().size(), 1U);
    EXPECT_EQ(sink.refusals().begin()->second.count, 20'000U);
  }
  // A slow machine takes more seconds over it: each begun one may have its lines, and the last one
  // perhaps so few that none is folded.
  const auto seconds =
      std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - began);
  EXPECT_LE(log.lines().size(),
            (static_cast<std::size_t>(seconds.count()) + 2) * AuditSink::kMaxDistinctPerSecond);
  EXPECT_THAT(log.lines(), testing::Contains(HasSubstr("(many others)")));
}

std::size_t size_of(const std::vector<std::string>& lines) {
  std::size_t size = 0;
  for (const std::string& line : lines) size += line.size();
  return size;
}

// SECURITY(kept-refusals): what a program says of itself, and as long as it likes, is not kept
// beside other sandboxes' refusals.
TEST(AuditSink, KeepsRefusalsAndNothingElse) {
  AuditSink sink;
  AuditRecord words = make_record(std::string(3000, '\x01'));
  words.verdict = VerdictKind::allow;
  sink.record(words);
  EXPECT_TRUE(sink.kept().empty());
  sink.record(make_record("short"));
  ASSERT_EQ(sink.kept().size(), 1U);
  EXPECT_THAT(sink.kept()[0], HasSubstr(R"("object":"short")"));
  EXPECT_THAT(sink.kept()[0], HasSubstr(R"("id":"box.1")"));
}

TEST(AuditSink, BoundsWhatIsKept) {
  AuditSink sink;
  AuditRecord longest = make_record(std::string(3000, '\x01'));
  longest.arguments = std::string(9000, 'a');
  longest.stack.assign(1000, "libc.so.6+0x1234");
  sink.record(longest);
  ASSERT_EQ(sink.kept().size(), 1U);
  EXPECT_LE(sink.kept()[0].size(), AuditSink::kMaxKeptLine);
  EXPECT_THAT(sink.kept()[0], HasSubstr("..."));
  for (int i = 0; i < 250; ++i)
    sink.record(make_record(std::to_string(i) + std::string(3000, 'x')));
  EXPECT_LE(size_of(sink.kept()), AuditSink::kMaxKeptBytes);
  EXPECT_GT(size_of(sink.kept()), AuditSink::kMaxKeptBytes / 2);
}

TEST(AuditSink, CountsWhatAFullDiskLost) {
  AuditSink sink(UniqueFd(::open("/dev/full", O_WRONLY | O_CLOEXEC)));
  EXPECT_FALSE(sink.write_header({}).has_value());
  sink.record(make_record("a"));
  EXPECT_EQ(sink.lost(), 2U);
  EXPECT_THAT(format_refusals(sink), HasSubstr("2 audit records could not be written"));
}

TEST(AuditSink, HeaderTellsWhatIsInForce) {
  const Log log;
  AuditSink sink(log.writer());
  ASSERT_TRUE(sink.write_header({.sandbox = "box",
                                 .start = "cold",
                                 .policy_name = "plugin",
                                 .policy_hash = "abc",
                                 .mode = "full",
                                 .kernel = "6.1",
                                 .backends = {"filter", "landlock-6"},
                                 .reduced = {}}));
  EXPECT_THAT(
      log.lines().at(0),
      HasSubstr(
          R"("sandbox":"box","event":"start","start":"cold","policy":"plugin","policy_hash":"abc",)"
          R"("mode":"full","kernel":"6.1","backends":["filter","landlock-6"],)"
          R"("reduced":[]})"));
}

TEST(Summary, IsEmptyWithoutRefusals) { EXPECT_EQ(format_refusals(AuditSink()), ""); }

TEST(Summary, TellsCountCallRuleErrnoAndMend) {
  AuditSink sink;
  for (int i = 0; i < 3; ++i) sink.record(make_record(""));
  const std::string text = format_refusals(sink);
  EXPECT_THAT(text, HasSubstr("3x  ptrace"));
  EXPECT_THAT(text, HasSubstr("EPERM    plugin table: ptrace"));
  EXPECT_THAT(text, HasSubstr("to allow: [syscalls] allow = [\"ptrace\"]"));
}

TEST(Summary, EscapesObjects) {
  AuditSink sink;
  sink.record(make_record("/tmp/\x1b]0;title\n"));
  EXPECT_THAT(format_refusals(sink), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace yett
