// What is redirected is executed and entered by its names, as what the host has.
#include <sys/stat.h>

#include "tests/support/fallback_case.hpp"
#include "tests/support/host_tree.hpp"

namespace yett::test {
namespace {

class RedirectExec : public FallbackCase {
 protected:
  void SetUp() override {
    FallbackCase::SetUp();
    if (IsSkipped()) return;
    directory("p");
    directory("changes");
    script("p/run.sh", "#!/bin/sh\necho ran $0 $*\n");
  }
  void script(const std::string& name, const std::string& text) const {
    ASSERT_EQ(::chmod(file(name, text).c_str(), 0755), 0);
  }
  [[nodiscard]] std::string shown() const { return home_->path() + "/p"; }
  // In the tree that is shown, which the test finds unchanged.
  [[nodiscard]] RunResult redirected(const std::string& script) const {
    const std::string before = tree_of(shown());
    RunResult result = run(command(policy("[exec]\nwritten_files = true\n"), script));
    EXPECT_EQ(tree_of(shown()), before);
    return result;
  }
  [[nodiscard]] std::vector<std::string> command(const std::string& rules,
                                                 const std::string& script) const {
    return {"--mode",    "fallback",
            "--policy",  rules,
            "-v",        shown() + ":" + shown() + ":ro",
            "-w",        shown(),
            "--overlay", home_->path() + "/changes",
            "--",        "sh",
            "-c",        script};
  }
  [[nodiscard]] RunResult redirected_python(const std::string& script) const {
    return redirected("exec python3 - <<'END'\n" + script + "END\n");
  }
};

const std::string kMakeNew =
    "printf '#!/bin/sh\\necho new $0 $*\\n' > new.sh; chmod +x new.sh; cp /bin/echo new; ";

TEST_F(RedirectExec, WhatIsNewIsExecuted) {
  const RunResult result =
      redirected(kMakeNew +
                 "./new.sh a b; $PWD/new.sh; PATH=$PWD:$PATH new.sh 'a b'; ./new elf; mkdir d; "
                 "mv new new.sh d; d/new.sh c; d/new moved; $PWD/d/../d/new dots");
  EXPECT_EQ(result.out, "new ./new.sh a b\nnew " + shown() + "/new.sh\nnew " + shown() +
                            "/new.sh a b\nelf\nnew d/new.sh c\nmoved\ndots\n")
      << result.text();
}

// The twin: what a sandbox has written is no program, as in its own directory; it is entered still.
TEST_F(RedirectExec, WhereNothingWrittenIsExecutedItIsNot) {
  const RunResult result = run(
      command("plugin", kMakeNew + "./new.sh; ./new; echo >> run.sh; ./run.sh; cp run.sh $HOME; "
                                   "$HOME/run.sh; mkdir d; cd d; pwd -P; sh ../run.sh"));
  EXPECT_EQ(result.out, shown() + "/d\nran ../run.sh\n") << result.text();
  EXPECT_NE(result.err.find("./new.sh: Permission denied"), std::string::npos) << result.text();
}

TEST_F(RedirectExec, WhatWasChangedOrRemovedIsNotTheHosts) {
  const RunResult result = redirected(
      "echo 'echo more' >> run.sh; ./run.sh x; chmod -x run.sh; ./run.sh; chmod +x run.sh; "
      "mv run.sh other; ./run.sh; ./other; rm other; ./other; echo $?");
  EXPECT_EQ(result.out, "ran ./run.sh x\nmore\nran ./other\nmore\n127\n") << result.text();
  EXPECT_NE(result.err.find("./run.sh: Permission denied"), std::string::npos) << result.text();
  EXPECT_NE(result.err.find("./run.sh: not found"), std::string::npos) << result.text();
}

TEST_F(RedirectExec, InterpretersAreFoundWhereTheScriptsAre) {
  const RunResult result = redirected(
      "cp /bin/sh mine; chmod +x mine; ln -s /bin/sh linked\n"
      "make() { printf '%s\\necho $0 $*\\n' \"$2\" > $1; chmod +x $1; }\n"
      "make a '#!./mine'; make b \"#! $PWD/mine -e\"; make c '#!./linked'; "
      "make d \"#!$PWD/a -x\"; make e '#!/bin/sh -e -u'; make f '#!/nowhere'; make g '#!'\n"
      "for each in a b c d; do ./$each 1 2; done; ./f; ./e 2> /dev/null || echo no\n"
      "python3 -c 'import os\n"
      "try: os.execv(\"g\", [\"g\"])\n"
      "except OSError as e: print(e.strerror)'");
  EXPECT_EQ(result.out,
            "./a 1 2\n./b 1 2\n./c 1 2\n" + shown() + "/a -x ./d 1 2\nno\nExec format error\n")
      << result.text();
  EXPECT_NE(result.err.find("./f: not found"), std::string::npos) << result.text();
}

TEST_F(RedirectExec, NewDirectoriesAreEntered) {
  const RunResult result =
      redirected(kMakeNew +
                 "mkdir -p d/e; cd d/e; pwd -P; /bin/pwd; readlink /proc/self/cwd; echo x > f; "
                 "cat f ../e/f $OLDPWD/d/e/f; ls; ../../run.sh; ../../new.sh; cp ../../new.sh .; "
                 "./new.sh here; cd ..; ls; cd e && cd ../.. && pwd -P; ln -s d l; cd l/e; pwd -P; "
                 "cd /usr; pwd -P");
  const std::string e = shown() + "/d/e\n";
  EXPECT_EQ(result.out, e + e + e + "x\nx\nx\nf\nran ../../run.sh\nnew ../../new.sh\n" +
                            "new ./new.sh here\ne\n" + shown() + "\n" + e + "/usr\n")
      << result.text();
}

TEST_F(RedirectExec, ProgramsFindThemselvesByTheirName) {
  const RunResult result = redirected(
      "cp /usr/bin/readlink r; mkdir d; cp r d; ./r /proc/self/exe; cd d; ./r /proc/self/exe; "
      "$OLDPWD/r -f .; ln -s /bin/echo e; ./e linked; ln -s ../run.sh s; ./s");
  EXPECT_EQ(result.out, shown() + "/r\n" + shown() + "/d/r\n" + shown() + "/d\nlinked\nran ./s\n")
      << result.text();
}

TEST_F(RedirectExec, WhatWasBuiltRuns) {
  file("p/a.c", "#include <stdio.h>\nint main(void) { puts(\"built\"); }\n");
  file("p/Makefile", "check: b/a\n\tb/a\nb/a: a.c\n\tmkdir -p b && cd b && gcc ../a.c -o a\n");
  const RunResult result = redirected("make -s check && make -s check");
  EXPECT_EQ(result.out, "built\nbuilt\n") << result.text();
}

// Children that share their parent's memory, threads, and many of them.
TEST_F(RedirectExec, WhoeverAsks) {
  const RunResult result = redirected_python(
      "import os, subprocess, threading\n"
      "open('s', 'w').write('#!/bin/sh\\nexit $1\\n'); os.chmod('s', 0o755)\n"
      "ended = lambda p: os.waitstatus_to_exitcode(os.waitpid(p, 0)[1])\n"
      "print([ended(os.posix_spawn('s', ['s', str(i)], os.environ)) for i in range(5)])\n"
      "print(sum(subprocess.call(['./s', '3'], close_fds=i % 2) for i in range(60)))\n"
      "codes = []\n"
      "def many(): codes.extend(subprocess.call(['./s', '2']) for i in range(20))\n"
      "threads = [threading.Thread(target=many) for i in range(4)]\n"
      "[t.start() for t in threads]; [t.join() for t in threads]; print(sum(codes))\n"
      "p = os.fork()\n"
      "if p == 0:\n"
      "  threading.Thread(target=lambda: os.execv('s', ['s', '7'])).start()\n"
      "  threading.Event().wait()\n"
      "print(ended(p), flush=True)\n"
      "os.execv('s', ['s', '0'])\n");
  EXPECT_EQ(result.out, "[0, 1, 2, 3, 4]\n180\n160\n7\n") << result.text();
  EXPECT_EQ(result.exit_status, 0) << result.text();
}

// Who is refused goes on as it was.
TEST_F(RedirectExec, WhatFailsLeavesTheProgramAsItIs) {
  const RunResult result = redirected_python(
      "import errno, os\n"
      "def said(f):\n"
      "  try: f(); return 'done'\n"
      "  except OSError as e: return errno.errorcode[e.errno]\n"
      "def run(name, *words): return said(lambda: os.execv(name, [name, *words]))\n"
      "def made(name, text, mode=0o755):\n"
      "  with open(name, 'w') as f: f.write(text)\n"
      "  os.chmod(name, mode); return name\n"
      "os.mkdir('d'); made('text', 'no program'); made('shut', '#!/bin/sh', 0o644)\n"
      "made('lost', '#!/nowhere/sh\\n'); made('s', '#!/bin/sh\\necho $#\\n')\n"
      "for i in range(40):\n"
      "  print({i: 0} and [run(n) for n in ('d', 'text', 'shut', 'lost', 's/x', 'none')],\n"
      "        said(lambda: os.chdir('text')), said(lambda: os.chdir('none')),\n"
      "        run('s', *['x'] * 40000), said(lambda: os.chdir('d')), os.getcwd()[-2:],\n"
      "        said(lambda: os.chdir('..')), os.getcwd()[-2:])\n");
  std::string line =
      "['EACCES', 'ENOEXEC', 'EACCES', 'ENOENT', 'ENOTDIR', 'ENOENT'] ENOTDIR ENOENT E2BIG done /d "
      "done /p\n";
  std::string expected;
  for (int i = 0; i < 40; ++i) expected += line;
  EXPECT_EQ(result.out, expected) << result.text();
}

// Handlers run, stops stop, and no call is lost.
TEST_F(RedirectExec, SignalsComeMeanwhile) {
  const RunResult result = redirected_python(
      "import os, signal, time\n"
      "os.mkdir('d'); os.mkdir('d/e'); open('s', 'w').write('#!/bin/sh\\n'); os.chmod('s', 0o755)\n"
      "came = 0\n"
      "def count(*_):\n"
      "  global came; came += 1\n"
      "signal.signal(signal.SIGALRM, count); signal.siginterrupt(signal.SIGALRM, False)\n"
      "me = os.getpid(); p = os.fork()\n"
      "if p == 0:\n"
      "  while 1: os.kill(me, signal.SIGSTOP); os.kill(me, signal.SIGCONT); time.sleep(.002)\n"
      "signal.setitimer(signal.ITIMER_REAL, .001, .001)\n"
      "for i in range(300): os.chdir('d'); os.chdir('e'); os.chdir('../..')\n"
      "signal.setitimer(signal.ITIMER_REAL, 0)\n"
      "ends = [os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn('s', ['s'], {}), 0)[1])\n"
      "        for i in range(100)]\n"
      "os.kill(p, signal.SIGKILL); print(sum(ends), came > 0, os.getcwd()[-2:])\n");
  EXPECT_EQ(result.out, "0 True /p\n") << result.text();
}

}  // namespace
}  // namespace yett::test
