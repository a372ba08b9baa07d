// YETT_REQUEST_GRANT: files that a program asks for by name.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/asking_sandbox.hpp"

namespace yett::test {
namespace {

class RequestGrant : public HostUnchanged {
 protected:
  void SetUp() override {
    HostUnchanged::SetUp();
    std::filesystem::create_directory(data());
    write_file(asked(), "asked for\n", 0666);
  }
  [[nodiscard]] std::string data() const { return work() + "/data"; }
  [[nodiscard]] std::string asked() const { return data() + "/asked"; }
  [[nodiscard]] AskingSandbox start(std::vector<std::string> attempts) const {
    attempts.insert(attempts.begin(), {"/attacks/request_grant", asked()});
    AskingSandbox::How how;
    how.within = data();
    how.flags = {"-v", kAttackVolume};
    return AskingSandbox(work(), how, attempts);
  }
};

TEST_F(RequestGrant, WhatIsAllowedIsGiven) {
  AskingSandbox sandbox = start({"told", "read_it", "read_longer", "write_it"});
  const std::string question = sandbox.await_questions(AskingSandbox::number(1));
  EXPECT_NE(question.find("/data/asked\""), std::string::npos) << question;
  EXPECT_NE(question.find(R"("call":"ioctl")"), std::string::npos) << question;
  sandbox.answer_when_asked(1, "allow");
  sandbox.answer_when_asked(2, "allow");
  EXPECT_NE(sandbox.await_questions(R"("access":"write")"), "");
  sandbox.answer_when_asked(3, "allow");
  EXPECT_EQ(sandbox.program().wait().out,
            "told ok\ncontent asked for\nread_it ok\ncontent asked for\nread_longer ok\n"
            "content Wsked for\nwrite_it ok\n");
}

// What is no question is nobody's: bad structs and pointers, other files, what may not be asked
// for.
TEST_F(RequestGrant, WhatItCannotUseIsRefused) {
  const std::map<std::string, std::string> refusals{
      {"shorter", "EINVAL"},      {"longer_nonzero", "E2BIG"},  {"no_size", "EINVAL"},
      {"huge", "E2BIG"},          {"no_access", "EINVAL"},      {"other_kind", "EINVAL"},
      {"unknown_flag", "EINVAL"}, {"no_text", "EFAULT"},        {"relative", "EINVAL"},
      {"empty", "EINVAL"},        {"not_there", "ENOENT"},      {"of_proc", "ENOENT"},
      {"directory", "ENOENT"},    {"too_long", "ENAMETOOLONG"}, {"no_struct", "EFAULT"},
      {"other_file", "ENOTTY"}};
  std::vector<std::string> attempts;
  for (const auto& [attempt, result] : refusals) attempts.push_back(attempt);
  AskingSandbox sandbox = start(attempts);
  const Results inside = results_of(sandbox.program().wait());
  for (const auto& [attempt, result] : refusals) expect_result(inside, attempt, result, "inside");
  EXPECT_EQ(sandbox.audit().find("question"), std::string::npos) << sandbox.audit();
}

TEST_F(RequestGrant, ItsOwnTimeIsUp) {
  AskingSandbox sandbox = start({"soon"});
  EXPECT_EQ(sandbox.program().wait().out, "soon EACCES\n");
  EXPECT_NE(sandbox.audit().find("question 1: nobody answered"), std::string::npos);
}

TEST_F(RequestGrant, WherePolicyDoesNotAskThereIsNoSuchCommand) {
  const Results inside = results_of(run_attack({"request_grant", asked(), "told", "read_it"}));
  for (const char* attempt : {"told", "read_it"})
    expect_result(inside, attempt, "ENOTTY", "inside");
}

}  // namespace
}  // namespace yett::test
