// Writing that is redirected: what a program sees of its own changes, and that the host sees none.
#include <sys/stat.h>

#include "tests/support/fallback_case.hpp"
#include "tests/support/host_tree.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class Redirect : public FallbackCase {
 protected:
  void SetUp() override {
    FallbackCase::SetUp();
    if (IsSkipped()) return;
    directory("p");
    directory("p/sub");
    directory("changes");
    for (const char* name : {"p/one", "p/two", "p/sub/three"}) file(name, std::string(name) + "\n");
    fs::create_symlink("one", shown() + "/link");
    before_ = tree_of(shown());
  }
  [[nodiscard]] std::string shown() const { return home_->path() + "/p"; }
  // In the tree that is shown, which the test finds unchanged.
  [[nodiscard]] RunResult redirected(const std::string& script) const {
    RunResult result =
        run({"--mode", "fallback", "-v", shown() + ":" + shown() + ":ro", "-w", shown(),
             "--overlay", home_->path() + "/changes", "--", "sh", "-c", script});
    EXPECT_EQ(tree_of(shown()), before_);
    return result;
  }
  // As the user.
  [[nodiscard]] RunResult yett(const std::string& command, const std::string& path = {}) const {
    std::vector<std::string> words{command, home_->path() + "/changes"};
    if (!path.empty()) words.push_back(path);
    return run_yett(std::move(words), options_);
  }
  std::string before_;
};

TEST_F(Redirect, FilesAreCopiedWhenTheyAreWritten) {
  const RunResult result = redirected(
      "cat one; echo more >> one; cat one link; echo new > new; cat new; : > two; wc -c < two; "
      "truncate -s 3 sub/three; cat sub/three; echo; stat -c %s sub/three; test -w one && echo w");
  EXPECT_EQ(result.out, "p/one\np/one\nmore\np/one\nmore\nnew\n0\np/s\n3\nw\n") << result.text();
}

TEST_F(Redirect, DirectoriesListWhatIsThereNow) {
  const RunResult result = redirected(
      "ls; rm two; mkdir d d/e; echo x > d/e/f; mv d g; ln -s one l; rm -r sub; ls; cat g/e/f; "
      "find . | sort | tr '\\n' ' '; cat two; rmdir g; mkdir sub; ls sub");
  EXPECT_EQ(result.out,
            "link\none\nsub\ntwo\ng\nl\nlink\none\nx\n. ./g ./g/e ./g/e/f ./l ./link ./one ")
      << result.text();
  EXPECT_NE(result.err.find("two: No such file"), std::string::npos) << result.text();
  EXPECT_NE(result.err.find("g': Directory not empty"), std::string::npos) << result.text();
}

TEST_F(Redirect, NamesAndAttributesAreChangedInTheTree) {
  const RunResult result = redirected(
      "mv one uno; ln uno dos; echo y >> dos; cat uno; chmod 640 uno; touch -d 2001-01-01 uno; "
      "stat -c '%a %y' dos; readlink link; ln -s uno l; cat l; mv sub elsewhere; cat "
      "elsewhere/three; ls; umask 077; echo > private; stat -c %a private; chmod 1777 private; "
      "stat -c %a private");
  EXPECT_EQ(result.out,
            "p/one\ny\n640 2001-01-01 00:00:00.000000000 +0000\none\np/one\ny\np/sub/three\n"
            "dos\nelsewhere\nl\nlink\ntwo\nuno\n600\n777\n")
      << result.text();
}

TEST_F(Redirect, PlacesThatAreNotShownTakeNewFiles) {
  const std::string hidden = directory("hidden");
  file("hidden/canary", "secret\n");
  fs::remove("/tmp/yett-redirected");  // another's
  const RunResult result = redirected("cd " + hidden +
                                      " && echo x > new && cat new && ls && "
                                      "echo x > /tmp/yett-redirected && cat /tmp/yett-redirected; "
                                      "cat canary; echo y > canary; rm canary; mv canary c");
  EXPECT_EQ(result.out, "x\nnew\nx\n") << result.text();
  EXPECT_FALSE(fs::exists("/tmp/yett-redirected"));
  EXPECT_EQ(tree_of(hidden).find("new"), std::string::npos);
  EXPECT_EQ(text_of(hidden + "/canary"), "secret\n");
}

TEST_F(Redirect, ChangesStayForTheNextRun) {
  EXPECT_EQ(redirected("echo x > new; rm two; mkdir d; mv one d").exit_status, 0);
  EXPECT_EQ(redirected("ls; cat new d/one; rm -r d").out, "d\nlink\nnew\nsub\nx\np/one\n");
  EXPECT_EQ(redirected("ls").out, "link\nnew\nsub\n");
  EXPECT_EQ(
      run({"--mode", "fallback", "-v", shown() + ":" + shown() + ":ro", "--", "ls", shown()}).out,
      "link\none\nsub\ntwo\n");
}

TEST_F(Redirect, RealProgramsBuildInATreeThatIsOnlyRead) {
  file("p/a.c", "#include <stdio.h>\nint main(void) { puts(\"built\"); }\n");
  file("p/Makefile", "a: a.o\n\tgcc a.o -o a\n");
  before_ = tree_of(shown());
  const RunResult result = redirected(
      "make > log 2>&1 || cat log; ls; git init -q . && git add . && git -c user.name=a -c "
      "user.email=b commit -qm m && git log --oneline | wc -l; git status --short; "
      "python3 -c 'import json; json.dump([1], open(\"j\", \"w\")); "
      "print(json.load(open(\"j\")))'; "
      "sqlite3 db 'create table t(a); insert into t values(7); select a from t'");
  EXPECT_NE(result.out.find("Makefile\na\na.c\na.o\nlink\nlog\n"), std::string::npos)
      << result.text();
  EXPECT_TRUE(result.out.ends_with("1\n[1]\n7\n")) << result.text();
}

TEST_F(Redirect, WhatItCannotDoIsRefused) {
  const RunResult result = redirected(
      "mkdir d; python3 -c 'import os, errno\n"
      "def tried(f):\n"
      "  try: f(); print(\"done\")\n"
      "  except OSError as e: print(errno.errorcode[e.errno])\n"
      "tried(lambda: os.rename(\"one\", os.environ[\"HOME\"] + \"/x\"))\n"
      "tried(lambda: os.rename(\"sub\", \"bus\"))\n"
      "tried(lambda: os.open(\".\", os.O_TMPFILE | os.O_RDWR))\n"
      "os.fchdir(os.open(\"d\", os.O_RDONLY)); open(\"in\", \"w\").close()\n"
      "print(os.listdir(\".\"), os.path.exists(\"../one\"))'");
  EXPECT_EQ(result.out, "EXDEV\nEXDEV\nENOTSUP\n['in'] True\n") << result.text();
}

// ---- what becomes of the changes
// -----------------------------------------------------------------

TEST_F(Redirect, DiffListsThem) {
  EXPECT_EQ(yett("diff").exit_status, 1);  // nothing was redirected yet
  EXPECT_EQ(redirected("echo x >> one; : >> sub/three; rm two; mkdir d; echo y > d/f; ln -s d l; "
                       "chmod 600 sub/three; chmod 644 sub/three; echo z > /tmp/yett-elsewhere")
                .exit_status,
            0);
  file("p/later", "of somebody else\n");  // nobody in the sandbox has seen it
  EXPECT_EQ(yett("diff").out, "A /tmp/yett-elsewhere\nA " + shown() + "/d\nA " + shown() +
                                  "/d/f\nA " + shown() + "/l\nC " + shown() + "/one\nD " + shown() +
                                  "/two\n")
      << yett("diff").text();
}

TEST_F(Redirect, CommitWritesThemToTheHost) {
  EXPECT_EQ(
      redirected("echo x >> one; rm two; mkdir -m 750 d; echo y > d/f; chmod 700 d/f; ln -s d "
                 "l; rm -r sub; echo > sub; echo z > /tmp/yett-elsewhere")
          .exit_status,
      0);
  file("p/later", "of somebody else\n");
  const RunResult part = yett("commit", shown() + "/d");
  EXPECT_EQ(part.out, "A " + shown() + "/d\nA " + shown() + "/d/f\n") << part.text();
  EXPECT_TRUE(fs::exists(shown() + "/two"));
  EXPECT_EQ(yett("commit", shown()).exit_status, 0);
  EXPECT_EQ(text_of(shown() + "/one"), "p/one\nx\n");
  EXPECT_EQ(text_of(shown() + "/l/f"), "y\n");
  EXPECT_EQ(fs::status(shown() + "/d/f").permissions(), fs::perms::owner_all);
  EXPECT_FALSE(fs::exists(shown() + "/two"));
  EXPECT_TRUE(fs::is_regular_file(shown() + "/sub"));
  EXPECT_TRUE(fs::exists(shown() + "/later"));
  EXPECT_EQ(yett("diff").out, "A /tmp/yett-elsewhere\n");
  before_ = tree_of(shown());
  EXPECT_EQ(redirected("cat one l/f; ls").out, "p/one\nx\ny\nd\nl\nlink\none\nsub\n");
}

// What is opened by a directory that was open already is what has its name by now.
TEST_F(Redirect, ADirectoryThatWasRenamedOrMadeAnewIsFoundAgain) {
  const std::string look = "cat \"$PWD/d/f\" 2> /dev/null || echo gone; ";
  const RunResult result =
      redirected("mkdir d; echo one > d/f; " + look + "mv d e; mkdir d; echo two > d/f; " + look +
                 "rm -r d; mkdir d; echo three > d/f; " + look + "rm -r d; " + look + "cat e/f");
  EXPECT_EQ(result.out, "one\ntwo\nthree\ngone\none\n") << result.text();
}

// SECURITY(redirect-newer): at any depth.
TEST_F(Redirect, CommitKeepsWhatTheHostHasSince) {
  for (const char* name : {"p/sub/deep", "p/way", "p/way/deep"}) directory(name);
  for (const char* name : {"p/sub/deep/old", "p/way/deep/old"}) file(name, "old\n");
  before_ = tree_of(shown());
  EXPECT_EQ(redirected("rm -r sub way; echo > way").exit_status, 0);
  file("p/sub/deep/later", "of somebody else\n");
  file("p/way/deep/later", "of somebody else\n");
  const RunResult removed = yett("commit", shown() + "/sub");
  EXPECT_EQ(removed.exit_status, 0) << removed.text();
  EXPECT_NE(removed.err.find("/sub/deep/later: kept"), std::string::npos) << removed.text();
  EXPECT_TRUE(fs::exists(shown() + "/sub/deep/later"));
  EXPECT_FALSE(fs::exists(shown() + "/sub/deep/old") || fs::exists(shown() + "/sub/three"));
  const RunResult in_the_way = yett("commit", shown() + "/way");
  EXPECT_EQ(in_the_way.exit_status, 1);
  EXPECT_NE(in_the_way.err.find("changed on the host"), std::string::npos) << in_the_way.text();
  EXPECT_TRUE(fs::exists(shown() + "/way/deep/later") && fs::exists(shown() + "/way/deep/old"));
}

// SECURITY(redirect-both): whoever changed it on the host may not lose it unasked, in the very tick
// of the clock in which the sandbox has changed it, too.
TEST_F(Redirect, CommitAsksWhereTheHostHasChangedToo) {
  EXPECT_EQ(redirected("echo x >> one; echo x >> two; echo > made").exit_status, 0);
  std::ofstream(shown() + "/one", std::ios::app) << "of somebody else\n";
  file("p/made", "of somebody else\n");
  before_ = tree_of(shown());
  for (const char* path : {"", "/one", "/made"}) {
    const RunResult both = yett("commit", shown() + path);
    EXPECT_EQ(both.exit_status, 1) << both.text();
    EXPECT_NE(both.err.find("changed on the host since the sandbox took it"), std::string::npos)
        << both.text();
  }
  EXPECT_EQ(tree_of(shown()), before_);
  EXPECT_EQ(yett("commit", shown() + "/two").exit_status, 0);  // the twin
  EXPECT_EQ(text_of(shown() + "/two"), "p/two\nx\n");
  EXPECT_EQ(
      run_yett({"commit", "--force", home_->path() + "/changes", shown()}, options_).exit_status,
      0);
  EXPECT_EQ(text_of(shown() + "/one"), "p/one\nx\n");
  // What a commit has written itself is nobody else's.
  before_ = tree_of(shown());
  EXPECT_EQ(redirected("echo again >> one").exit_status, 0);
  EXPECT_EQ(yett("commit", shown()).exit_status, 0);
  EXPECT_EQ(text_of(shown() + "/one"), "p/one\nx\nagain\n");
}

// SECURITY(redirect-taken): no time of it says so.
TEST_F(Redirect, CommitKnowsTheFileThatWasCopied) {
  const std::string other = directory("other");
  fs::copy_file(shown() + "/sub/three", other + "/three");
  const auto time = fs::last_write_time(shown() + "/one");
  fs::last_write_time(other + "/three", fs::last_write_time(shown() + "/sub/three"));
  EXPECT_EQ(redirected("echo x >> sub/three; echo x >> one; echo x >> two").exit_status, 0);
  const std::string away = home_->path() + "/away";
  fs::rename(shown() + "/sub", away);
  fs::rename(other, shown() + "/sub");  // with a file that is older than all changes
  std::ofstream(shown() + "/one") << "P/one\n";
  fs::last_write_time(shown() + "/one", time);
  for (const char* path : {"/sub/three", "/one"}) {
    const RunResult asked = yett("commit", shown() + path);
    EXPECT_EQ(asked.exit_status, 1) << path << asked.text();
    EXPECT_NE(asked.err.find("changed on the host since"), std::string::npos) << asked.text();
  }
  fs::rename(shown() + "/sub", other);
  fs::rename(away, shown() + "/sub");  // the twins
  for (const char* path : {"/sub/three", "/two"}) {
    const RunResult committed = yett("commit", shown() + path);
    EXPECT_EQ(committed.exit_status, 0) << path << committed.text();
  }
  EXPECT_EQ(text_of(shown() + "/sub/three"), "p/sub/three\nx\n");
}

TEST_F(Redirect, WhatWasCopiedIsCommittedByAnotherName) {
  EXPECT_EQ(redirected("mv one two; ln sub/three new; rm link; ln two link").exit_status, 0);
  const RunResult committed = yett("commit", shown());
  EXPECT_EQ(committed.exit_status, 0) << committed.text();
  EXPECT_EQ(text_of(shown() + "/two") + text_of(shown() + "/new"), "p/one\np/sub/three\n");
  EXPECT_FALSE(fs::exists(shown() + "/one") || fs::is_symlink(shown() + "/link"));
}

// SECURITY(redirect-listed)
TEST_F(Redirect, RemovalsAreBelievedOfTheDirectoryThatWasListed) {
  const std::string elsewhere = directory("elsewhere");
  file("elsewhere/canary", "of somebody else\n");
  EXPECT_EQ(redirected("mkdir d; rm -r sub; mkdir sub; echo > sub/new").exit_status, 0);
  fs::rename(elsewhere, shown() + "/d");  // older than all that the sandbox has done
  EXPECT_EQ(yett("diff").out.find("canary"), std::string::npos) << yett("diff").text();
  EXPECT_EQ(yett("commit", shown()).exit_status, 0);
  EXPECT_TRUE(fs::exists(shown() + "/d/canary"));
  EXPECT_FALSE(fs::exists(shown() + "/sub/three"));  // the twin
  EXPECT_TRUE(fs::exists(shown() + "/sub/new"));
}

TEST_F(Redirect, ATreeMayBeDeeperThanThereAreDescriptors) {
  const std::string deep =
      "import os\n"
      "p = 'x'\n"
      "for i in range(1500): os.mkdir(p); p += '/x'\n"
      "open(p, 'w').close(); print(len(p))\n";
  const std::string once = redirected("python3 -c \"" + deep + "\"").out;
  EXPECT_EQ(once, "3001\n");
  EXPECT_EQ(redirected("ls").out, "link\none\nsub\ntwo\nx\n");
  EXPECT_EQ(std::ranges::count(yett("diff").out, '\n'), 1501);
  EXPECT_EQ(yett("discard").exit_status, 0);
}

TEST_F(Redirect, DiscardForgetsThem) {
  EXPECT_EQ(redirected("rm -r sub; mkdir -p d/e; echo x > d/e/f").exit_status, 0);
  EXPECT_EQ(yett("discard").exit_status, 0);
  EXPECT_EQ(yett("diff").exit_status, 1);
  EXPECT_EQ(redirected("ls").out, "link\none\nsub\ntwo\n");
}

// SECURITY(redirect-owner)
TEST_F(Redirect, ChangesAreCommittedByWhoMadeThem) {
  EXPECT_EQ(redirected("echo x > new").exit_status, 0);
  for (const char* command : {"diff", "commit", "discard"}) {
    const RunResult root = run_yett({command, home_->path() + "/changes"});
    EXPECT_EQ(root.exit_status, 1);
    EXPECT_NE(root.err.find("another user's"), std::string::npos) << root.text();
  }
  EXPECT_EQ(yett("commit").exit_status, 0);
  EXPECT_TRUE(fs::exists(shown() + "/new"));
}

TEST_F(Redirect, ALinkOnTheHostLeadsNoCommitAstray) {
  const std::string elsewhere = directory("elsewhere");
  EXPECT_EQ(redirected("echo x > sub/new").exit_status, 0);
  fs::remove_all(shown() + "/sub");
  fs::create_directory_symlink(elsewhere, shown() + "/sub");
  EXPECT_EQ(yett("commit", shown() + "/sub/new").exit_status, 1);
  EXPECT_TRUE(fs::is_empty(elsewhere));
  EXPECT_EQ(yett("commit", shown() + "/sub").exit_status, 1);  // it came after the sandbox
  EXPECT_TRUE(fs::is_symlink(shown() + "/sub"));
  EXPECT_EQ(run_yett({"commit", "--force", home_->path() + "/changes", shown() + "/sub"}, options_)
                .exit_status,
            0);  // the link makes way
  EXPECT_TRUE(fs::is_empty(elsewhere));
  EXPECT_EQ(text_of(shown() + "/sub/new"), "x\n");
}

// SECURITY(redirect-own-directory)
TEST_F(Redirect, TheDirectoryIsTheUsersAlone) {
  const std::string changes = home_->path() + "/changes";
  const auto is_refused = [&](const std::string& why) {
    const RunResult result = redirected("true");
    EXPECT_EQ(result.exit_status, 125);
    EXPECT_NE(result.err.find(why), std::string::npos) << result.text();
  };
  EXPECT_EQ(redirected("echo > new").exit_status, 0);
  for (const char* each : {"", "/changes", "/making"}) {
    ASSERT_EQ(::chmod((changes + each).c_str(), 0720), 0);
    is_refused("others can write in it");
    ASSERT_EQ(::chmod((changes + each).c_str(), 0700), 0);
  }
  struct stat owner{};
  ASSERT_EQ(::stat(changes.c_str(), &owner), 0);
  ASSERT_EQ(::chmod(changes.c_str(), 0755), 0);
  ASSERT_EQ(::chown(changes.c_str(), 0, 0), 0);
  is_refused("another user's");
  ASSERT_EQ(::chown(changes.c_str(), owner.st_uid, owner.st_gid), 0);
  EXPECT_EQ(redirected("test -e new").exit_status, 0);
}

// SECURITY(redirect-beneath)
TEST_F(Redirect, TheTreeIsOneSandboxesAndOutOfItsReach) {
  const RunResult within = run({"--mode", "fallback", "-v", shown() + ":" + shown() + ":ro",
                                "--overlay", shown() + "/sub", "--", "true"});
  EXPECT_EQ(within.exit_status, 125);
  EXPECT_NE(within.err.find("it lies in what the sandbox is shown"), std::string::npos)
      << within.text();
  RunningProgram first(
      yett_command({"run", "--mode", "fallback", "--overlay", home_->path() + "/changes", "--",
                    "sh", "-c", "echo there; exec sleep 60"}),
      in_a_container());
  ASSERT_TRUE(first.wait_for_output("there", std::chrono::seconds(30)));
  const RunResult second = redirected("true");
  EXPECT_EQ(second.exit_status, 125);
  EXPECT_NE(second.err.find("another sandbox has it"), std::string::npos) << second.text();
}

}  // namespace
}  // namespace yett::test
