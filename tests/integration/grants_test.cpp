// [on] violation = "ask": questions about files, and `yett grant`.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "tests/support/asking_sandbox.hpp"
#include "tests/support/await.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class Grants : public ::testing::Test {
 protected:
  void SetUp() override {
    YETT_REQUIRE(::geteuid() == 0, "sandboxes need root");
    std::string path = "/var/tmp/yett-grants-XXXXXX";
    ASSERT_NE(::mkdtemp(path.data()), nullptr);
    directory_ = path;
    fs::permissions(directory_, fs::perms(0755));
    fs::create_directory(data());
    write("first", "one\n");
    write("second", "two\n");
  }
  void TearDown() override {
    if (!directory_.empty()) fs::remove_all(directory_);
  }

  [[nodiscard]] std::string data() const { return directory_ + "/data"; }
  void write(const std::string& name, const std::string& text, unsigned mode = 0644) const {
    std::ofstream(data() + "/" + name) << text;
    ::chmod((data() + "/" + name).c_str(), mode);
  }
  [[nodiscard]] AskingSandbox start(const std::string& script, AskingSandbox::How how = {}) const {
    if (how.within.empty()) how.within = data();
    return AskingSandbox(
        directory_, how,
        {"sh", "-c", "cd " + data() + "/.. 2>/dev/null; D=" + data() + "; " + script});
  }

  std::string directory_;
};

TEST_F(Grants, AllowIsForOnce) {
  AskingSandbox sandbox = start("cat $D/first; cat $D/first || echo refused");
  sandbox.answer_when_asked(1, "allow");
  sandbox.answer_when_asked(2, "deny");
  const RunResult run = sandbox.program().wait();
  EXPECT_EQ(run.out, "one\nrefused\n") << run.text();
  EXPECT_NE(run.err.find("Permission denied"), std::string::npos) << run.text();
  const std::string audit = sandbox.audit();
  for (const char* told :
       {R"("rule":"[on] violation = \"ask\": question 1","verdict":"ask")",
        R"(question 1: allowed once","verdict":"allow")",
        R"(question 2: denied","verdict":"deny","errno":"EACCES","mend":"[files] read += )"})
    EXPECT_NE(audit.find(told), std::string::npos) << told << "\n" << audit;
}

TEST_F(Grants, AlwaysIsForTheSameFileOnly) {
  AskingSandbox sandbox =
      start("cat $D/first $D/first; cat $D/first; cat $D/second || echo refused");
  sandbox.answer_when_asked(1, "always");
  sandbox.answer_when_asked(2, "deny");
  const RunResult run = sandbox.program().wait();
  EXPECT_EQ(run.out, "one\none\none\nrefused\n") << run.text();
  EXPECT_NE(sandbox.audit().find("allowed for this sandbox before"), std::string::npos);
}

TEST_F(Grants, WithoutAnAnswerInTimeItIsANo) {
  AskingSandbox sandbox = start("cat $D/first || echo refused", {.within = {}, .time = "300ms"});
  const RunResult run = sandbox.program().wait();
  EXPECT_EQ(run.out, "refused\n") << run.text();
  EXPECT_NE(sandbox.audit().find("question 1: nobody answered"), std::string::npos);
}

TEST_F(Grants, TwoAtOnceAndTheRestGoesOn) {
  AskingSandbox sandbox = start(
      "cat $D/first & cat $D/second & i=0; while [ $i -lt 20 ]; do cat /etc/hostname >/dev/null; "
      "i=$((i+1)); done; echo went on; wait");
  EXPECT_TRUE(sandbox.program().wait_for_output("went on", std::chrono::seconds(20)));
  const std::string questions = sandbox.await_questions(AskingSandbox::number(2));
  for (const char* told : {"/data/first\"", "/data/second\"", R"("access":"read")",
                           R"("call":"openat")", R"("comm":"cat")", R"("left_ms":)"})
    EXPECT_NE(questions.find(told), std::string::npos) << told << "\n" << questions;
  const RunResult listed = sandbox.grant({AskingSandbox::kName});
  EXPECT_TRUE(listed.out.starts_with("QUESTION ")) << listed.text();
  sandbox.answer_when_asked(2, "allow");
  sandbox.answer_when_asked(1, "allow");
  const RunResult run = sandbox.program().wait();
  EXPECT_NE(run.out.find("one\n"), std::string::npos) << run.text();
  EXPECT_NE(run.out.find("two\n"), std::string::npos) << run.text();
  EXPECT_EQ(run.exit_status, 0) << run.text();
}

TEST_F(Grants, AnotherFileInItsPlace) {
  write("redacted", "nothing to see\n", 0600);
  AskingSandbox sandbox = start("cat $D/first");
  ASSERT_NE(sandbox.await_questions(AskingSandbox::number(1)), "");
  const RunResult directory = sandbox.grant({"--file", data(), AskingSandbox::kName, "1", "allow"});
  EXPECT_NE(directory.err.find("does not fit what was asked for"), std::string::npos)
      << directory.text();
  const RunResult given =
      sandbox.grant({"--file", data() + "/redacted", AskingSandbox::kName, "1", "allow"});
  EXPECT_EQ(given.exit_status, 0) << given.text();
  EXPECT_EQ(sandbox.program().wait().out, "nothing to see\n");
}

TEST_F(Grants, WritingIsAskedFor) {
  write("log", "", 0666);
  AskingSandbox sandbox = start("dd of=$D/log conv=notrunc,nocreat status=none <<E\nwritten\nE\n");
  const std::string questions = sandbox.await_questions(AskingSandbox::number(1));
  EXPECT_NE(questions.find(R"("access":"write")"), std::string::npos) << questions;
  EXPECT_EQ(sandbox.answer(1, "allow").exit_status, 0);
  EXPECT_EQ(sandbox.program().wait().exit_status, 0);
  std::stringstream text;
  text << std::ifstream(data() + "/log").rdbuf();
  EXPECT_EQ(text.str(), "written\n");
}

// What no policy would have shown it, and what is no file of the host's, is no question.
TEST_F(Grants, WhatCannotBeGivenIsNotAsked) {
  write("private", "root's\n", 0600);
  fs::create_symlink(data() + "/first", data() + "/link");
  fs::create_directory(data() + "/masked");
  write("masked/file", "hidden\n");
  AskingSandbox sandbox = start(
      "for f in private link masked/file none . ../data/first; do cat $D/$f && echo given; "
      "done; cat /etc/shadow; cat /var/lib/dpkg/status",
      {.within = {}, .time = "30s", .deny = data() + "/masked", .flags = {}});
  const RunResult run = sandbox.program().wait();
  EXPECT_EQ(run.out.find("given"), std::string::npos) << run.text();
  EXPECT_EQ(sandbox.audit().find("question"), std::string::npos) << sandbox.audit();
}

// What the sandbox has of its own opens as ever. SECURITY(no-terminal-of-ours): but the terminal.
TEST_F(Grants, ItsOwnFilesAreItsOwn) {
  AskingSandbox sandbox = start(
      "cat /proc/self/comm; echo a > /tmp/a; cat /tmp/a; cd /tmp; cat a; cat /dev/stdin < a; "
      "cat /dev/fd/3 3</tmp/a; wc -c < /dev/null; ls /proc/self/fd | wc -l; (: > /dev/tty); "
      "cat /proc/thread-self/comm; mkfifo f && { echo through > f & cat f; }",
      {});
  const RunResult run = sandbox.program().wait();
  EXPECT_EQ(run.out, "cat\na\na\na\na\n0\n4\ncat\nthrough\n") << run.text();
  EXPECT_NE(run.err.find("/dev/tty: No such device"), std::string::npos) << run.text();
}

TEST_F(Grants, WithoutANameThereIsNobodyToAsk) {
  std::ofstream(directory_ + "/p.toml")
      << "extends = \"plugin\"\n[on]\nviolation = \"ask\"\n[files]\nask = [\"" + data() + "\"]\n";
  const RunResult run =
      run_yett({"run", "--policy", directory_ + "/p.toml", "--", "cat", data() + "/first"});
  EXPECT_NE(run.err.find("Permission denied"), std::string::npos) << run.text();
  EXPECT_LT(run.seconds, 20) << "it waited for an answer";
}

TEST_F(Grants, MistakesAreTold) {
  AskingSandbox sandbox = start("cat $D/first");
  ASSERT_NE(sandbox.await_questions(AskingSandbox::number(1)), "");
  EXPECT_NE(sandbox.answer(9, "allow").err.find("it is not open (any more)"), std::string::npos);
  EXPECT_NE(sandbox.answer(1, "perhaps").err.find("allow, always or deny"), std::string::npos);
  EXPECT_NE(sandbox.grant({AskingSandbox::kName, "1"}).err.find("no answer given"),
            std::string::npos);
  EXPECT_NE(sandbox.grant({AskingSandbox::kName, "x", "allow"}).err.find("no question's number"),
            std::string::npos);
  EXPECT_NE(sandbox.grant({"nobody"}).exit_status, 0);
  EXPECT_EQ(sandbox.answer(1, "deny").exit_status, 0);
  EXPECT_NE(sandbox.answer(1, "allow").exit_status, 0);
  EXPECT_NE(sandbox.program().wait().exit_status, 0);
}

// The end of whoever asks is the end of the question, and of the sandbox that of all of them.
TEST_F(Grants, AQuestionEndsWithWhoAsks) {
  const std::string told = directory_ + "/told";
  fs::create_directory(told);
  AskingSandbox sandbox = start(
      "await() { until [ -e /told/$1 ]; do sleep 0.05; done; }; cat $D/first & p=$!; "
      "await kill; kill -9 $p; await ask; cat $D/second",
      {.within = {}, .time = "60s", .deny = {}, .flags = {"-v", told + ":/told:ro"}});
  ASSERT_NE(sandbox.await_questions(AskingSandbox::number(1)), "");
  std::ofstream(told + "/kill") << "";
  EXPECT_TRUE(comes_true([&] {
    return sandbox.audit().find("question 1: who asked has left") != std::string::npos;
  })) << sandbox.audit();
  std::ofstream(told + "/ask") << "";
  EXPECT_NE(sandbox.await_questions(AskingSandbox::number(2)), "");
  EXPECT_EQ(sandbox.grant({"--json", AskingSandbox::kName}).out.find(AskingSandbox::number(1)),
            std::string::npos);
  sandbox.program().kill(SIGTERM);
  static_cast<void>(sandbox.program().wait());
}

}  // namespace
}  // namespace yett::test
