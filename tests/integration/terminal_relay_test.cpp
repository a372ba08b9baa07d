// The terminal relay, seen from outside: a process that supervises a sandbox with a pty, its own
// stdin and stdout being pipes or a terminal of ours.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <termios.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>

#include "supervisor/loop/supervise.hpp"
#include "tests/support/fake_sandbox.hpp"

namespace yett {
namespace {

using std::chrono::milliseconds;
using test::FakeSandbox;
using ::testing::EndsWith;
using ::testing::HasSubstr;

// A forked process with the given stdin and stdout that supervises `app` on a pty.
pid_t start_supervisor(int in, int out, const std::function<int()>& app) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::close_range(3, ~0U, 0);
  int status = 125;
  {
    const FakeSandbox sandbox(app, FakeSandbox::Terminal::pty);
    AuditSink audit;
    const auto outcome = supervise(test::make_test_plan(), sandbox.handles(), audit);
    if (outcome) status = outcome->exit_status;
  }
  ::_exit(status);
}

struct Pipe {
  UniqueFd reader;
  UniqueFd writer;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
};

std::string read_all(int fd, milliseconds pause = milliseconds(0)) {
  std::string text;
  std::array<char, 4096> block;
  ssize_t count = 0;
  while ((count = ::read(fd, block.data(), block.size())) > 0) {
    text.append(block.data(), static_cast<std::size_t>(count));
    if (pause.count() != 0) std::this_thread::sleep_for(pause);
  }
  return text;
}

void say(const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = ::write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (count <= 0) ::_exit(99);
    done += static_cast<std::size_t>(count);
  }
}

int echo_lines() {
  std::array<char, 256> line;
  ssize_t count = 0;
  while ((count = ::read(STDIN_FILENO, line.data(), line.size())) > 0)
    say("got " + std::string(line.data(), static_cast<std::size_t>(count)));
  say("end\n");
  return 7;
}

int exit_status_of(pid_t pid) {
  const int status = test::wait_status(pid);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(TerminalRelay, LosesNoOutput) {
  constexpr int kLines = 20'000;
  for (const milliseconds pause : {milliseconds(0), milliseconds(1)}) {
    Pipe out;
    const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    const pid_t pid = start_supervisor(nothing.get(), out.writer.get(), [] {
      for (int i = 0; i < kLines; ++i) say("line " + std::to_string(i) + "\n");
      return 0;
    });
    out.writer.reset();
    const std::string text = read_all(out.reader.get(), pause);
    EXPECT_EQ(std::ranges::count(text, '\n'), kLines);
    EXPECT_THAT(text, EndsWith("line 19999\r\n"));
    EXPECT_EQ(exit_status_of(pid), 0);
  }
}

TEST(TerminalRelay, CarriesInputAndItsEnd) {
  for (const std::string text : {"one\n", "unfinished"}) {
    Pipe in;
    Pipe out;
    const pid_t pid = start_supervisor(in.reader.get(), out.writer.get(), echo_lines);
    in.reader.reset();
    out.writer.reset();
    ASSERT_EQ(::write(in.writer.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
    in.writer.reset();
    const std::string heard = read_all(out.reader.get());
    EXPECT_THAT(heard, HasSubstr("got " + text.substr(0, text.find('\n'))));
    EXPECT_THAT(heard, EndsWith("end\r\n"));
    EXPECT_EQ(exit_status_of(pid), 7);
  }
}

// As at the end of `yett run -t yes | head -1`.
TEST(TerminalRelay, HangsUpWhenNobodyReads) {
  Pipe out;
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const pid_t pid = start_supervisor(nothing.get(), out.writer.get(), [] {
    while (true) say("y\n");
    return 0;
  });
  out.writer.reset();
  char byte = 0;
  ASSERT_EQ(::read(out.reader.get(), &byte, 1), 1);
  out.reader.reset();
  EXPECT_EQ(exit_status_of(pid), 128 + SIGHUP);
}

// A regular file shares its offset with whoever else writes to it.
TEST(TerminalRelay, AppendsToAFileInTurn) {
  const UniqueFd file(::memfd_create("out", MFD_CLOEXEC));
  ASSERT_EQ(::write(file.get(), "before ", 7), 7);
  const UniqueFd nothing(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const pid_t pid = start_supervisor(nothing.get(), file.get(), [] {
    say("during ");
    return 0;
  });
  EXPECT_EQ(exit_status_of(pid), 0);
  ASSERT_EQ(::write(file.get(), "after", 5), 5);
  std::array<char, 64> text{};
  ASSERT_GT(::pread(file.get(), text.data(), text.size(), 0), 0);
  EXPECT_STREQ(text.data(), "before during after");
}

// The caller's terminal, of which the supervising process is in the foreground.
class CallersTerminal : public ::testing::Test {
 protected:
  CallersTerminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    ::grantpt(master_.get());
    ::unlockpt(master_.get());
  }

  // The supervisor in a session of its own, with the terminal as its controlling one.
  pid_t start(const std::function<int()>& app) {
    const std::string name = ::ptsname(master_.get());
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::setsid();
    const int slave = ::open(name.c_str(), O_RDWR);
    const pid_t supervisor = start_supervisor(slave, slave, app);
    forward_ = supervisor;
    ::signal(SIGTERM, [](int number) { ::kill(forward_, number); });
    ::_exit(exit_status_of(supervisor));
  }

  [[nodiscard]] bool is_raw() const {
    termios settings{};
    ::tcgetattr(master_.get(), &settings);
    return (settings.c_lflag & ICANON) == 0;
  }
  bool wait_for_raw(bool wanted) const {
    for (int i = 0; i < 500 && is_raw() != wanted; ++i)
      std::this_thread::sleep_for(milliseconds(10));
    return is_raw() == wanted;
  }
  std::string hear_until(const std::string& wanted) {
    std::string text;
    std::array<char, 256> block;
    while (text.find(wanted) == std::string::npos) {
      const ssize_t count = ::read(master_.get(), block.data(), block.size());
      if (count <= 0) break;
      text.append(block.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

  UniqueFd master_;
  static inline pid_t forward_ = 0;
};

TEST_F(CallersTerminal, IsRawMeanwhileAndRestored) {
  ASSERT_FALSE(is_raw());
  const UniqueFd keep(::open(::ptsname(master_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  const pid_t pid = start([] { return ::pause(); });
  EXPECT_TRUE(wait_for_raw(true));
  ASSERT_EQ(::write(master_.get(), "\x03", 1), 1);  // ^C reaches the app through its own pty
  EXPECT_EQ(exit_status_of(pid), 128 + SIGINT);
  EXPECT_FALSE(is_raw());
}

TEST_F(CallersTerminal, IsRestoredAfterASignal) {
  const UniqueFd keep(::open(::ptsname(master_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  const pid_t pid = start([] { return ::pause(); });
  EXPECT_TRUE(wait_for_raw(true));
  ::kill(pid, SIGTERM);
  EXPECT_EQ(exit_status_of(pid), 128 + SIGTERM);
  EXPECT_FALSE(is_raw());
}

TEST_F(CallersTerminal, GivesItsSize) {
  const UniqueFd keep(::open(::ptsname(master_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  const winsize first{.ws_row = 33, .ws_col = 77, .ws_xpixel = 0, .ws_ypixel = 0};
  ::ioctl(master_.get(), TIOCSWINSZ, &first);
  const pid_t pid = start([] {
    for (const int wanted : {33, 44}) {
      winsize size{};
      while (::ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row != wanted)
        std::this_thread::sleep_for(milliseconds(1));
      say("rows " + std::to_string(size.ws_row) + "\n");
    }
    return 0;
  });
  EXPECT_THAT(hear_until("rows 33"), HasSubstr("rows 33"));
  const winsize second{.ws_row = 44, .ws_col = 77, .ws_xpixel = 0, .ws_ypixel = 0};
  ::ioctl(master_.get(), TIOCSWINSZ, &second);
  EXPECT_THAT(hear_until("rows 44"), HasSubstr("rows 44"));
  EXPECT_EQ(exit_status_of(pid), 0);
}

}  // namespace
}  // namespace yett
