// What programs of yettd's ask for, answered by the application that began them and by nobody else:
// docs/decisions/0064-questions-of-yettd.md.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <yett/yett.hpp>

#include <array>
#include <cerrno>
#include <filesystem>

#include "tests/adversarial/daemon_fixture.hpp"
#include "tests/adversarial/plugin_host.hpp"
#include "tests/support/await.hpp"

namespace yett::test {
namespace {

constexpr uid_t kAlice = 61'321;
constexpr uid_t kBob = 61'322;
constexpr std::chrono::seconds kPatience{60};

class DaemonQuestions : public DaemonFixture {
 protected:
  [[nodiscard]] std::string config() const override {
    return "users = [61321, 61322]\n" + asking("asking", "60s") + asking("hasty", "300ms");
  }
  [[nodiscard]] std::string asking(const std::string& name, const std::string& time) const {
    const std::string policy = work() + "/" + name + ".toml";
    write_file(policy, "extends = \"plugin\"\n[files]\nask = [\"" + data() +
                           "\"]\n[on]\nviolation = \"ask\"\nask_time = \"" + time + "\"\n");
    return "[template." + name + "]\noptions = [\"-m\", \"64M\", \"--policy\", \"" + policy +
           "\"]\nusers = [61321, 61322]\n";
  }
  void prepare() override {
    std::filesystem::create_directories(data());
    write_file(data() + "/first", "one\n");
    write_file(data() + "/second", "two\n");
  }
  [[nodiscard]] std::string data() const { return work() + "/data"; }

  // A connection that has this user's rights, as who connects has them: of this thread alone.
  [[nodiscard]] std::unique_ptr<Host> connect_as(uid_t uid) const {
    const bool became = ::syscall(SYS_setresuid, -1, uid, -1) == 0;
    auto host = std::make_unique<Host>(daemon_->socket());
    const bool is_root = ::syscall(SYS_setresuid, -1, 0, -1) == 0;
    EXPECT_TRUE(became && is_root);
    return host;
  }
  // Its number; what it writes goes to `out`.
  [[nodiscard]] int start(const Host& host, const std::string& script, const OutputPipe& out,
                          const char* made_of = "asking") const {
    std::vector<std::string> texts{"sh", "-c", "D=" + data() + "; " + script};
    const std::vector<char*> words = client::words_of(texts);
    yett_program program{};
    program.size = sizeof program;
    program.sandbox = yett_create(host.get(), made_of);
    program.arguments = words.data();
    for (int& each : program.descriptors) each = out.writer();
    return yett_start(host.get(), &program);
  }
  // The next event of this kind, whosever it is.
  static yett_event event(const Host& host, int kind) {
    while (const auto told = host.next_event(kPatience))
      if (told->kind == kind) return *told;
    ADD_FAILURE() << "no event of kind " << kind;
    return {};
  }
};

TEST_F(DaemonQuestions, TheApplicationHearsOfThemAndAnswers) {
  const Host host(daemon_->socket());
  host.watch();
  OutputPipe out;
  const int program =
      start(host, "cat $D/first; cat $D/second 2>/dev/null || echo denied; cat $D/first", out);
  const yett_event asked = event(host, YETT_EVENT_ASKED);
  EXPECT_EQ(asked.program, program);
  EXPECT_EQ(asked.count, 1U);
  EXPECT_EQ(asked.status, YETT_GRANT_READ);
  EXPECT_EQ(asked.text, data() + "/first");
  const auto first = host.question(program);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->path, data() + "/first");
  EXPECT_STREQ(static_cast<const char*>(first->comm), "cat");
  EXPECT_GT(first->left_ms, 0U);
  EXPECT_TRUE(host.answer(*first, YETT_ANSWER_ALWAYS));
  const yett_event settled = event(host, YETT_EVENT_SETTLED);
  EXPECT_EQ(settled.count, 1U);
  EXPECT_EQ(settled.status, 0);
  const auto second = host.question(program, event(host, YETT_EVENT_ASKED).count);
  ASSERT_TRUE(second.has_value());
  EXPECT_TRUE(host.answer(*second, YETT_ANSWER_DENY));
  EXPECT_EQ(event(host, YETT_EVENT_SETTLED).status, EACCES);
  EXPECT_EQ(host.wait(program, kPatience), 0);
  EXPECT_EQ(out.read_all(), "one\ndenied\none\n");
}

// SECURITY(one-answer): the first is the last, also before its supervisor has heard of it.
TEST_F(DaemonQuestions, AnsweredTwiceIsAnsweredOnce) {
  const Host host(daemon_->socket());
  host.watch();
  OutputPipe out;
  const int program = start(host, "cat $D/first || echo denied", out);
  static_cast<void>(event(host, YETT_EVENT_ASKED));
  const auto asked = host.question(program);
  ASSERT_TRUE(asked.has_value());
  EXPECT_TRUE(host.answer(*asked, YETT_ANSWER_ONCE));
  EXPECT_FALSE(host.answer(*asked, YETT_ANSWER_DENY));
  EXPECT_FALSE(host.question(program).has_value());
  EXPECT_EQ(host.wait(program, kPatience), 0);
  EXPECT_EQ(out.read_all(), "one\n");
}

// SECURITY(question-owner): neither told of it nor able to answer it; its user is, and root.
TEST_F(DaemonQuestions, AnotherUserNeitherSeesNorAnswers) {
  const auto alice = connect_as(kAlice);
  const auto bob = connect_as(kBob);
  const Host root(daemon_->socket());
  alice->watch();
  bob->watch();
  OutputPipe out;
  OutputPipe of_bob;
  const int program = start(*alice, "cat $D/first $D/second", out);
  static_cast<void>(event(*alice, YETT_EVENT_ASKED));
  yett_asked asked{};
  EXPECT_EQ(yett_read_question(bob->get(), program, 0, &asked), -ENOENT);
  for (const int answer : {YETT_ANSWER_ONCE, YETT_ANSWER_ALWAYS, YETT_ANSWER_DENY})
    EXPECT_EQ(yett_answer(bob->get(), program, 1, answer, -1), -ENOENT);
  // A question of the same number of a program of his own is another one.
  const int own = start(*bob, "cat $D/first || echo denied", of_bob);
  EXPECT_EQ(event(*bob, YETT_EVENT_ASKED).program, own) << "of nobody else's";
  EXPECT_EQ(yett_answer(bob->get(), own, 1, YETT_ANSWER_DENY, -1), 0);
  EXPECT_EQ(bob->wait(own, kPatience), 0);
  EXPECT_EQ(of_bob.read_all().substr(0, 4), "cat:");
  // The twins: it waits still, for alice, and for root.
  ASSERT_EQ(yett_read_question(alice->get(), program, 0, &asked), 0);
  EXPECT_TRUE(alice->answer(asked, YETT_ANSWER_ONCE));
  static_cast<void>(event(*alice, YETT_EVENT_ASKED));
  ASSERT_EQ(yett_read_question(root.get(), program, 0, &asked), 0);
  EXPECT_EQ(asked.path, data() + "/second");
  EXPECT_TRUE(root.answer(asked, YETT_ANSWER_ONCE));
  EXPECT_EQ(alice->wait(program, kPatience), 0);
  EXPECT_EQ(out.read_all(), "one\ntwo\n");
}

TEST_F(DaemonQuestions, AnAnswerIsForThatSandboxAndQuestionAlone) {
  const Host host(daemon_->socket());
  host.watch();
  OutputPipe out;
  OutputPipe quiet;
  const int program = start(host, "cat $D/first", out);
  const int other = start(host, "sleep 1000", quiet);
  static_cast<void>(event(host, YETT_EVENT_ASKED));
  EXPECT_EQ(yett_answer(host.get(), other, 1, YETT_ANSWER_DENY, -1), -ENOENT);
  EXPECT_EQ(yett_answer(host.get(), program, 2, YETT_ANSWER_DENY, -1), -ENOENT);
  EXPECT_EQ(yett_answer(host.get(), program, 0, YETT_ANSWER_DENY, -1), -ENOENT);
  EXPECT_EQ(yett_answer(host.get(), program, 1, 0, -1), -EINVAL);
  EXPECT_EQ(yett_answer(host.get(), program, 1, YETT_ANSWER_INSTEAD + 1, -1), -EINVAL);
  EXPECT_EQ(yett_answer(host.get(), program, 1, YETT_ANSWER_INSTEAD, -1), -EINVAL);
  EXPECT_EQ(yett_answer(host.get(), program, 1, YETT_ANSWER_ONCE, 0), -EINVAL);
  EXPECT_EQ(yett_answer(host.get(), program, 1, YETT_ANSWER_INSTEAD, 999), -EBADF);
  EXPECT_EQ(yett_answer(host.get(), program, 1, YETT_ANSWER_ONCE, -1), 0);
  EXPECT_EQ(host.wait(program, kPatience), 0);
  EXPECT_EQ(out.read_all(), "one\n");
}

// SECURITY(no-answer): time answers, and what comes after it is nobody's.
TEST_F(DaemonQuestions, WhoDoesNotAnswerInTimeHasSaidNo) {
  const Host host(daemon_->socket());
  host.watch();
  OutputPipe out;
  const int program =
      start(host, "cat $D/first 2>/dev/null || echo denied; sleep 1000", out, "hasty");
  const yett_event asked = event(host, YETT_EVENT_ASKED);
  const yett_event settled = event(host, YETT_EVENT_SETTLED);
  EXPECT_EQ(settled.count, asked.count);
  EXPECT_EQ(settled.status, EACCES);
  EXPECT_EQ(yett_answer(host.get(), program, asked.count, YETT_ANSWER_ALWAYS, -1), -ENOENT);
  EXPECT_EQ(out.read_some(), "denied\n");
}

TEST_F(DaemonQuestions, AnotherFileInItsPlace) {
  write_file(work() + "/other", "instead\n", 0600);
  const Host host(daemon_->socket());
  host.watch();
  OutputPipe out;
  const int program =
      start(host, "for i in 1 2 3; do cat $D/first 2>/dev/null || echo denied; done", out);
  const UniqueFd good(::open((work() + "/other").c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd directory(::open(data().c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd writable(::open((work() + "/other").c_str(), O_RDWR | O_CLOEXEC));
  for (const auto& [file, error] :
       {std::pair(&good, 0), {&directory, EACCES}, {&writable, EACCES}}) {
    static_cast<void>(event(host, YETT_EVENT_ASKED));
    const auto asked = host.question(program);
    ASSERT_TRUE(asked.has_value());
    EXPECT_TRUE(host.answer(*asked, YETT_ANSWER_INSTEAD, file->get()));
    EXPECT_EQ(event(host, YETT_EVENT_SETTLED).status, error);
  }
  EXPECT_EQ(host.wait(program, kPatience), 0);
  EXPECT_EQ(out.read_all(), "instead\ndenied\ndenied\n");
}

// A path that an event has no room for is not cut there: nobody allows what he has not read.
TEST_F(DaemonQuestions, LongPathsAreToldWhole) {
  const std::string directory = data() + "/" + std::string(200, 'd') + "/" + std::string(200, 'e');
  std::filesystem::create_directories(directory);
  write_file(directory + "/deep", "deep\n");
  const Host host(daemon_->socket());
  host.watch();
  OutputPipe out;
  const int program = start(host, "cat " + directory + "/deep", out);
  const yett_event told = event(host, YETT_EVENT_ASKED);
  EXPECT_STREQ(static_cast<const char*>(told.text), "");
  const auto asked = host.question(program, told.count);
  ASSERT_TRUE(asked.has_value());
  EXPECT_EQ(asked->path, directory + "/deep");
  EXPECT_TRUE(host.answer(*asked, YETT_ANSWER_ONCE));
  EXPECT_EQ(out.read_all(), "deep\n");
  EXPECT_EQ(host.wait(program, kPatience), 0);
}

// A question waits through the death of yettd; the next one is told of it, and hands the answer on.
TEST_F(DaemonQuestions, TheNextYettdIsToldWhatIsOpen) {
  const Host host(daemon_->socket());
  host.watch();
  OutputPipe out;
  const int program = start(host, "cat $D/first", out);
  static_cast<void>(event(host, YETT_EVENT_ASKED));
  static_cast<void>(daemon_->die());
  ASSERT_TRUE(daemon_->start());
  const Host next(daemon_->socket());
  next.take(program);
  std::optional<yett_asked> asked;
  ASSERT_TRUE(comes_true([&] { return (asked = next.question(program)).has_value(); }));
  EXPECT_EQ(asked->question, 1U);
  EXPECT_EQ(asked->path, data() + "/first");
  EXPECT_TRUE(next.answer(*asked, YETT_ANSWER_ONCE));
  EXPECT_EQ(next.wait(program, kPatience), 0);
  EXPECT_EQ(out.read_all(), "one\n");
}

TEST_F(DaemonQuestions, TheCommandLineListsAndAnswers) {
  RunningProgram events(yett_command({"-H", daemon_->socket(), "events"}), RunOptions{});
  const Host host(daemon_->socket());
  host.watch();
  ASSERT_TRUE(comes_true([&] {  // until they are listened to
    const OutputPipe nothing;
    static_cast<void>(host.wait(start(host, "true", nothing), kPatience));
    return events.wait_for_output("\"ended\"", std::chrono::milliseconds(50));
  }));
  OutputPipe out;
  const int program = start(host, "cat $D/first $D/second", out);
  static_cast<void>(event(host, YETT_EVENT_ASKED));
  const std::string number = std::to_string(program);
  const auto grant = [this](std::vector<std::string> words) {
    words.insert(words.begin(), {"-H", daemon_->socket(), "grant"});
    return run_yett(std::move(words));
  };
  const RunResult listed = grant({"--json"});
  EXPECT_NE(listed.out.find("{\"number\":" + number + ",\"question\":1,"), std::string::npos)
      << listed.text();
  EXPECT_NE(listed.out.find("/data/first\",\"access\":\"read\""), std::string::npos) << listed.out;
  EXPECT_TRUE(grant({}).out.starts_with("NUMBER ")) << listed.text();
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{number, "2", "allow"},
                                                {number, "1", "perhaps"},
                                                {"0", "1", "allow"}})
    EXPECT_NE(grant(wrong).exit_status, 0);
  EXPECT_EQ(grant({number, "1", "allow"}).exit_status, 0);
  static_cast<void>(event(host, YETT_EVENT_ASKED));
  EXPECT_EQ(grant({"--file", data() + "/first", number, "2", "allow"}).exit_status, 0);
  EXPECT_EQ(host.wait(program, kPatience), 0);
  EXPECT_EQ(out.read_all(), "one\none\n");
  for (const char* line : {R"("event":"asked","user":0,"question":1,)", R"("event":"settled",)"})
    EXPECT_TRUE(events.wait_for_output(line, std::chrono::seconds(30))) << line;
  events.kill(SIGINT);
}

// examples/plugin-host: it gives what is for plugins, and nothing else.
TEST_F(DaemonQuestions, TheExamplesHostAnswers) {
  const std::string root = work() + "/plugins";
  make_plugins(root);
  write_file(data() + "/greeting", "good morning\n");
  write_file(work() + "/plugins.toml", "extends = \"plugin\"\n[files]\nask = [\"" + data() +
                                           "\", \"/etc\"]\n[on]\nviolation = \"ask\"\n");
  daemon_->configure(config() + "[template.plugins]\noptions = [\"-m\", \"64M\", \"--policy\", \"" +
                     work() + "/plugins.toml\", \"" + root + "\"]\n");
  ASSERT_TRUE(daemon_->reload());
  for (const char* name : {"reader", "prier"})
    std::filesystem::copy_file(YETT_BUILD_DIR "/examples/plugin", root + "/bin/" + name);
  const std::string program = YETT_BUILD_DIR "/examples/plugin_host";
  const RunResult run =
      run_program({program, daemon_->socket(), "30000", "plugins", "/bin/reader", "/bin/prier"},
                  {.environment = {"PLUGIN_FILES=" + data()}});
  for (const std::string& line : {"/bin/reader: asked for " + data() + "/greeting, given\n",
                                  std::string("/bin/reader: good morning\n"),
                                  std::string("/bin/prier: asked for /etc/passwd, denied\n"),
                                  std::string("/bin/prier: nothing to read\n")})
    EXPECT_NE(run.out.find(line), std::string::npos) << line << run.text();
}

}  // namespace
}  // namespace yett::test
