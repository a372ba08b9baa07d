// Attacks on redirected execution: a thread that is stopped and led elsewhere comes to nothing that
// it could not have named itself.
#include <sys/stat.h>

#include "tests/support/fallback_case.hpp"
#include "tests/support/host_tree.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

class RedirectExecAttack : public FallbackCase {
 protected:
  void SetUp() override {
    FallbackCase::SetUp();
    if (IsSkipped()) return;
    for (const char* name : {"changes", "shown", "hidden"}) directory(name);
    program("shown/c", "shown");
    program("hidden/c", "secret");
  }
  void program(const std::string& name, const std::string& says) const {
    ASSERT_EQ(::chmod(file(name, "#!/bin/sh\necho " + says + "\n").c_str(), 0755), 0);
  }
  [[nodiscard]] std::string at(const std::string& name) const { return home_->path() + "/" + name; }
  [[nodiscard]] RunResult inside(const std::string& script) const {
    return run({"--mode", "fallback", "--policy", policy("[exec]\nwritten_files = true\n"), "-v",
                at("shown") + ":" + at("shown") + ":ro", "--overlay", at("changes"), "--",
                "python3", "-c", script, at("shown"), at("hidden"), at("changes")});
  }
  [[nodiscard]] RunResult outside(const std::string& script) const {
    return as_user({"python3", "-c", script, at("shown"), at("hidden"), at("changes")});
  }
};

const std::string kPrelude =
    "import os, sys, ctypes, threading\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "shown, hidden, changes = sys.argv[1:]\n"
    "argv = (ctypes.c_char_p * 2)(b'c', None); env = (ctypes.c_char_p * 1)(None)\n"
    "def run(path, last=0):\n"
    "  p = os.fork()\n"
    "  if p == 0: libc.syscall(59, path, argv, env, 0, 0, ctypes.c_uint64(last)); os._exit(99)\n"
    "  return os.waitstatus_to_exitcode(os.waitpid(p, 0)[1])\n";

// SECURITY(redirect-steered): what the supervisor has not looked at is what Landlock holds, as
// without it.
TEST_F(RedirectExecAttack, WhoSaysThatItWasLookedAtGetsTheHosts) {
  const std::string mark = kPrelude +
                           "open(shown + '/c', 'a').write('echo more\\n')\n"
                           "mark = 0x796574742d676f65\n"
                           "sys.stdout.flush()\n"
                           "for path in (shown + '/c', hidden + '/c', changes + '/changes' + shown "
                           "+ '/c'):\n"
                           "  print(run(path.encode(), mark), flush=True)\n"
                           "print(libc.syscall(80, (changes + '/changes').encode(), 0, 0, 0, 0, "
                           "ctypes.c_uint64(mark)))\n"
                           "try: open('x', 'w'); print('written')\n"
                           "except OSError as e: print(e.strerror)\n";
  const RunResult result = inside(mark);
  // The host's script is executed, whose interpreter then reads the one that the sandbox has.
  EXPECT_EQ(result.out, "shown\nmore\n0\n99\nshown\nmore\n0\n0\nwritten\n") << result.text();
  EXPECT_TRUE(fs::exists(at("changes/changes/x")));  // redirected to where it is the root's
  EXPECT_EQ(text_of(at("shown/c")), "#!/bin/sh\necho shown\n");
  EXPECT_EQ(outside(kPrelude + "sys.stdout.flush(); run((hidden + '/c').encode())\n").out,
            "secret\n");
}

// A thread rewrites the path, and the room in which the supervisor writes another one.
// SECURITY(redirect-steered)
TEST_F(RedirectExecAttack, APathThatIsFlippedExecutesNothingElse) {
  const std::string flips =
      kPrelude +
      "open(shown + '/c', 'a').write('echo more\\n')\n"
      "paths = [(d + '/c').encode().ljust(400, b'\\0') for d in (shown, hidden)]\n"
      "room = 0x200000000000; sys.stdout.flush()\n"
      "for i in range(60):\n"
      "  p = os.fork()\n"
      "  if p == 0:\n"
      "    b = ctypes.create_string_buffer(400); b.raw = paths[0]\n"
      "    def flip():\n"
      "      n = 0\n"
      "      while 1:\n"
      "        n += 1; ctypes.memmove(b, paths[n % 2], 400)\n"
      "        if i % 3 == 1: libc.munmap(ctypes.c_void_p(room), ctypes.c_size_t(1 << 18))\n"
      "        if i % 3 == 2:\n"
      "          libc.mmap(ctypes.c_void_p(room), ctypes.c_size_t(1 << 18), 3, 0x32, -1, 0)\n"
      "          ctypes.memmove(room, paths[1], 400)\n"
      "    threading.Thread(target=flip, daemon=True).start()\n"
      "    for k in range(40): libc.execve(b, argv, env)\n"
      "    os._exit(0)\n"
      "  os.waitpid(p, 0)\n"
      "print('end')\n";
  const RunResult result = inside(flips);
  EXPECT_EQ(result.out.find("secret"), std::string::npos) << result.text();
  EXPECT_NE(result.out.find("shown\n"), std::string::npos) << result.text();
  EXPECT_TRUE(result.out.ends_with("end\n")) << result.text();
  EXPECT_NE(outside(flips).out.find("secret"), std::string::npos);
}

// By its own names the tree is read and executed, and nothing more.
// SECURITY(redirect-beneath)
TEST_F(RedirectExecAttack, TheTreesOwnNamesAreOnlyRead) {
  const std::string script =
      kPrelude +
      "d = changes + '/changes' + shown; c = d + '/c'\n"
      "open(shown + '/c', 'a').close(); open(shown + '/n', 'w').close()\n"
      "def tried(f):\n"
      "  try: f(); return True\n"
      "  except OSError: return False\n"
      "print([tried(f) for f in (\n"
      "  lambda: open(c, 'a'), lambda: os.truncate(c, 0), lambda: os.unlink(c),\n"
      "  lambda: os.rename(c, shown + '/moved'), lambda: os.link(c, shown + '/linked'),\n"
      "  lambda: os.chmod(c, 0o777), lambda: os.utime(c, (1, 1)),\n"
      "  lambda: os.rmdir(d), lambda: open(changes + '/making/x', 'r'))])\n"
      "print([tried(f) for f in (lambda: open(c).close(), lambda: os.listdir(d))])\n"
      "f = os.open(d, os.O_RDONLY)\n"
      "print([tried(f) for f in (lambda: open(d + '/only', 'rb').read(),\n"
      "  lambda: os.open('only', os.O_WRONLY, dir_fd=f))])\n";
  file("shown/only", "shown\n");
  const std::string shown = tree_of(at("shown"));
  const RunResult result = inside(script);
  EXPECT_EQ(result.out.substr(0, result.out.find('\n')),
            "[False, False, False, False, False, False, False, False, False]")
      << result.text();
  EXPECT_NE(result.out.find("\n[True, True]\n"), std::string::npos) << result.text();
  EXPECT_EQ(tree_of(at("shown")), shown);
}

}  // namespace
}  // namespace yett::test
