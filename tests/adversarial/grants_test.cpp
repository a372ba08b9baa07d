// Programs that ask, and what they make of it: docs/decisions/0029-grants.md.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/asking_sandbox.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class GrantAttacks : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    fs::create_directory(data());
    write_file(data() + "/shown", "what was shown\n", 0666);
    write_file(data() + "/other", "what was not\n", 0666);
  }
  [[nodiscard]] std::string data() const { return work() + "/data"; }
  [[nodiscard]] AskingSandbox start(std::vector<std::string> command,
                                    AskingSandbox::How how = {}) const {
    how.within = data();
    how.flags = {"-v", kAttackVolume};
    command.front().insert(0, "/attacks/");
    return AskingSandbox(work(), how, command);
  }
};

// SECURITY(asked-is-opened): the name in memory is another one a moment later; what is given is
// what the question named.
TEST_F(GrantAttacks, ThePathIsRewrittenWhileTheQuestionIsOpen) {
  AskingSandbox sandbox = start({"ask", "flip", data() + "/shown", data() + "/other"});
  const std::string question = sandbox.await_questions(AskingSandbox::number(1));
  ASSERT_NE(question, "");
  EXPECT_EQ(sandbox.answer(1, "allow").exit_status, 0);
  const bool first = question.find("/data/shown\"") != std::string::npos;
  EXPECT_EQ(sandbox.program().wait().out,
            first ? "content what was shown\n" : "content what was not\n")
      << question;
}

// The same on the host's side: the file is held from before the question.
TEST_F(GrantAttacks, TheFileIsExchangedWhileTheQuestionIsOpen) {
  AskingSandbox sandbox = start({"ask", "read", data() + "/shown"});
  ASSERT_NE(sandbox.await_questions(AskingSandbox::number(1)), "");
  fs::rename(data() + "/shown", data() + "/moved");
  fs::create_symlink(data() + "/other", data() + "/shown");
  EXPECT_EQ(sandbox.answer(1, "allow").exit_status, 0);
  EXPECT_EQ(sandbox.program().wait().out, "content what was shown\n");
}

// By a link there is no question, wherever it leads; by no link there is (the tests above).
TEST_F(GrantAttacks, LinksAreNotAskedAbout) {
  fs::create_symlink(data() + "/shown", data() + "/link");
  fs::create_directory_symlink(data(), data() + "/around");
  for (const char* name : {"/link", "/around/shown", "/../data/shown"}) {
    AskingSandbox sandbox = start({"ask", "read", data() + name});
    EXPECT_EQ(sandbox.program().wait().out, "content ENOENT\n") << name;
    EXPECT_EQ(sandbox.audit().find("question"), std::string::npos) << name;
    fs::remove(work() + "/audit");
  }
}

// SECURITY(files-only), and what was given to read stays what it is.
TEST_F(GrantAttacks, WhatWasGivenLeadsToNothingMore) {
  AskingSandbox sandbox = start({"ask", "more", data() + "/shown"});
  sandbox.answer_when_asked(1, "allow");
  const Results inside = results_of(sandbox.program().wait());
  for (const auto& [attempt, result] :
       std::map<std::string, std::string>{{"read_again", "ok"},
                                          {"write_again", "EROFS"},
                                          {"truncate_again", "EROFS"},
                                          {"write_to_it", "EBADF"},
                                          {"change_mode", "EROFS|EPERM"},
                                          {"map_for_writing", "EACCES"},
                                          {"map_for_execution", "EPERM"},
                                          {"execute", "EACCES"},
                                          {"link_it", "EXDEV"},
                                          {"go_up", "ENOTDIR"},
                                          {"go_up_by_link", "ENOTDIR"}})
    expect_result(inside, attempt, result, "inside");
  EXPECT_EQ(read_file(data() + "/shown"), "what was shown\n");
}

// SECURITY(question-flood)
TEST_F(GrantAttacks, AFloodOfQuestionsIsBounded) {
  constexpr int kAsked = 100;
  constexpr int kMostOpen = 16;
  for (int i = 0; i < kAsked; ++i) write_file(data() + "/" + std::to_string(i), "x\n");
  AskingSandbox sandbox =
      start({"ask", "many", std::to_string(kAsked), data()}, {.within = {}, .time = "6s"});
  const std::string questions = sandbox.await_questions(AskingSandbox::number(kMostOpen));
  std::size_t listed = 0;
  for (std::size_t at = 0; (at = questions.find("\"question\":", at)) != std::string::npos; ++at)
    ++listed;
  EXPECT_LE(listed, static_cast<std::size_t>(kMostOpen));
  EXPECT_EQ(sandbox.answer(2, "allow").exit_status, 0);
  EXPECT_EQ(sandbox.program().wait().out, "given 1 refused 99\n");
  EXPECT_NE(sandbox.audit().find("too many questions"), std::string::npos);
}

// SECURITY(own-root): one thread takes the target's root while it opens; the supervisor keeps its
// own.
TEST_F(GrantAttacks, TheSupervisorKeepsItsRoot) {
  AskingSandbox sandbox = start({"ask", "read", data() + "/shown"});
  ASSERT_NE(sandbox.await_questions(AskingSandbox::number(1)), "");
  for (const auto& thread :
       fs::directory_iterator("/proc/" + std::to_string(sandbox.program().pid()) + "/task"))
    EXPECT_EQ(fs::read_symlink(thread.path() / "root"), "/") << thread.path();
  EXPECT_EQ(fs::read_symlink("/proc/" + std::to_string(sandbox.program().pid()) + "/cwd"),
            fs::current_path());
  sandbox.answer_when_asked(1, "allow");
  EXPECT_EQ(sandbox.program().wait().out, "content what was shown\n");
}

// SECURITY(grant-peer): the socket, and each directory on the way to it, is root's alone.
TEST_F(GrantAttacks, OnlyRootAnswers) {
  AskingSandbox sandbox = start({"ask", "read", data() + "/shown"});
  ASSERT_NE(sandbox.await_questions(AskingSandbox::number(1)), "");
  RunOptions stranger;
  stranger.before_exec = [] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(123);
  };
  const RunResult answered =
      run_yett({"--root", sandbox.root(), "grant", AskingSandbox::kName, "1", "allow"}, stranger);
  EXPECT_NE(answered.exit_status, 0) << answered.text();
  sandbox.answer_when_asked(1, "deny");
  EXPECT_EQ(sandbox.program().wait().out, "content EACCES\n");
}

// SECURITY(no-answer): who listens and says nothing, or nonsense, or dies, has not answered.
TEST_F(GrantAttacks, NonsenseIsNoAnswer) {
  AskingSandbox sandbox = start({"ask", "read", data() + "/shown"}, {.within = {}, .time = "15s"});
  ASSERT_NE(sandbox.await_questions(AskingSandbox::number(1)), "");
  struct stat socket{};
  ASSERT_EQ(::stat(sandbox.socket_path().c_str(), &socket), 0);
  EXPECT_EQ(socket.st_mode & 07777, 0600U);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  sandbox.socket_path().copy(address.sun_path, sizeof address.sun_path - 1);
  std::array<char, 65536> bytes{};
  for (std::size_t size : {1U, 15U, 16U, 17U, 4096U, 60000U}) {
    const int connection = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ASSERT_EQ(::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    bytes.fill(static_cast<char>(size));
    EXPECT_EQ(::send(connection, bytes.data(), size, MSG_NOSIGNAL), static_cast<ssize_t>(size));
    ::close(connection);
  }
  EXPECT_EQ(sandbox.program().wait().out, "content EACCES\n");
  EXPECT_NE(sandbox.audit().find("question 1: nobody answered"), std::string::npos);
}

// The supervisor's end is not an answer either.
TEST_F(GrantAttacks, TheSupervisorsEndGivesNothing) {
  AskingSandbox sandbox = start({"ask", "read", data() + "/shown"});
  ASSERT_NE(sandbox.await_questions(AskingSandbox::number(1)), "");
  sandbox.program().kill(SIGKILL);
  EXPECT_EQ(sandbox.program().wait().out.find("what was shown"), std::string::npos);
  EXPECT_TRUE(sandboxes_gone_within(5000));
  static_cast<void>(run_yett({"--root", sandbox.root(), "rm", "-f", AskingSandbox::kName}));
}

}  // namespace
}  // namespace yett::test
