// Attacks on redirected writing: whatever leads to a file of the host, the host's stays as it is,
// and what is not shown stays unread. Each attack has a twin that reaches it without the sandbox.
#include <sys/stat.h>
#include <sys/xattr.h>

#include "tests/support/fallback_case.hpp"
#include "tests/support/host_tree.hpp"

namespace yett::test {
namespace {

namespace fs = std::filesystem;

// Ways to the file `c` of the directory `d`, by links and names of all sorts. `r` is a directory
// that only the redirected have, `w` one that is written directly.
const std::string kShapes =
    "import os, sys, ctypes, threading\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "d, r, w = sys.argv[1:4]\n"
    "c = d + '/c'\n"
    "def link(path, to):\n"
    "  try: os.symlink(to, path)\n"
    "  except FileExistsError: pass\n"
    "  return path\n"
    "def chain(n):\n"
    "  to = c\n"
    "  for i in range(n): to = link('%s/chain%d' % (r, i), to)\n"
    "  return to\n"
    "def down(path): return '/'.join(['..'] * 12) + path\n"
    "os.makedirs(r, exist_ok=True); os.makedirs(w, exist_ok=True)\n"
    "w = os.path.abspath(w); os.chdir(w)\n"
    "dfd = os.open(d, os.O_PATH); rfd = os.open(r, os.O_RDONLY)\n"
    "cfd = os.open(c, os.O_PATH)\n"
    "shapes = {\n"
    "  'plain': lambda: c,\n"
    "  'double slashes': lambda: c.replace('/', '//'),\n"
    "  'dots': lambda: c.replace('/', '/./'),\n"
    "  'up and down': lambda: d + '/../' + os.path.basename(d) + '/c',\n"
    "  'above the root': lambda: '/../../..' + c,\n"
    "  'relative': lambda: os.path.relpath(c),\n"
    "  'up from here': lambda: down(c),\n"
    "  'link, written': lambda: link(w + '/l1', c),\n"
    "  'relative link, written': lambda: link(w + '/l2', os.path.relpath(c, w)),\n"
    "  'link to its directory, written': lambda: link(w + '/l3', d) + '/c',\n"
    "  'link, redirected': lambda: link(r + '/l1', c),\n"
    "  'relative link, redirected': lambda: link(r + '/l2', os.path.relpath(c, r)),\n"
    "  'link to its directory, redirected': lambda: link(r + '/l3', d) + '/c',\n"
    "  'link through the root': lambda: link(r + '/l4', '/../..' + d) + '/../'\n"
    "      + os.path.basename(d) + '/c',\n"
    "  'a link to a link': lambda: link(r + '/l5', link(w + '/l5', c)),\n"
    "  'many links': lambda: chain(30),\n"
    "  'too many links': lambda: chain(60),\n"
    "  'a loop': lambda: link(r + '/loop', r + '/loop'),\n"
    "  'the root of the process': lambda: '/proc/self/root' + c,\n"
    "  'its directory': lambda: '/proc/self/cwd/' + os.path.relpath(c),\n"
    "  'a descriptor of the directory': lambda: '/proc/self/fd/%d/c' % dfd,\n"
    "  'a descriptor of the file': lambda: '/proc/self/fd/%d' % cfd,\n"
    "  'the thread\\'s descriptor': lambda: '/proc/thread-self/fd/%d' % cfd,\n"
    "  'a descriptor by /dev': lambda: '/dev/fd/%d' % cfd,\n"
    "  'a link to a descriptor': lambda: link(r + '/l6', '/proc/self/fd/%d' % cfd),\n"
    "  'out of a redirected directory': lambda: '/proc/self/fd/%d/' % rfd + down(c),\n"
    "}\n";

const std::string kActs =
    "def cut(p):\n"
    "  with open(p, 'r+') as f: f.truncate(1)\n"
    "acts = {\n"
    "  'read': lambda p: open(p).read(),\n"
    "  'write': lambda p: open(p, 'w').write('forged'),\n"
    "  'append': lambda p: open(p, 'a').write('forged'),\n"
    "  'cut': cut,\n"
    "  'truncate': lambda p: os.truncate(p, 0),\n"
    "  'mode': lambda p: os.chmod(p, 0o640),\n"
    "  'times': lambda p: os.utime(p, (1, 1)),\n"
    "  'hard link': lambda p: os.link(p, r + '/hard%d' % len(os.listdir(r)), "
    "follow_symlinks=True),\n"
    "  'move': lambda p: os.rename(p, r + '/moved'),\n"
    "  'move over': lambda p: os.rename(r + '/over', p),\n"
    "  'remove': lambda p: os.unlink(p),\n"
    "  'make': lambda p: os.close(os.open(p, os.O_CREAT | os.O_EXCL)),\n"
    "}\n"
    "only = sys.argv[4].split(',')\n"
    "for shape, path in shapes.items():\n"
    "  for act in only:\n"
    "    open(r + '/over', 'w').close()\n"
    "    try: acts[act](path())\n"
    "    except OSError: continue\n"
    "    print(act + ':', shape)\n";

class RedirectAttack : public FallbackCase {
 protected:
  void SetUp() override {
    FallbackCase::SetUp();
    if (IsSkipped()) return;
    for (const char* name : {"changes", "shown", "hidden"}) directory(name);
    file("shown/c", "shown\n");
    file("hidden/c", "secret\n");
  }
  [[nodiscard]] std::string at(const std::string& name) const { return home_->path() + "/" + name; }
  [[nodiscard]] std::vector<std::string> command(const std::string& script,
                                                 std::vector<std::string> words) const {
    std::vector<std::string> all{
        "--mode",    "fallback",    "-v", at("shown") + ":" + at("shown") + ":ro",
        "--overlay", at("changes"), "--", "python3",
        "-c",        script};
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }
  [[nodiscard]] RunResult inside(const std::string& script, std::vector<std::string> words) const {
    return run(command(script, std::move(words)));
  }
  // Where no container's filter takes newer calls away.
  [[nodiscard]] RunResult uncontained(const std::string& script,
                                      std::vector<std::string> words) const {
    std::vector<std::string> all = command(script, std::move(words));
    all.insert(all.begin(), "run");
    return run_yett(std::move(all), options_);
  }
  // The attack on what lies in `target`: by all shapes, and what it did.
  [[nodiscard]] RunResult attack(const std::string& target, const std::string& acts) const {
    return inside(kShapes + kActs, {at(target), at("new-" + target), "own", acts});
  }
  [[nodiscard]] static long lines_of(const std::string& text) {
    return std::ranges::count(text, '\n');
  }
};

constexpr const char* kAllActs =
    "write,append,cut,truncate,mode,times,hard link,move over,move,write,remove,make";

// SECURITY(redirect-let-run)
TEST_F(RedirectAttack, NoWayLeadsToTheHostsFile) {
  const std::string shown = tree_of(at("shown"));
  const std::string hidden = tree_of(at("hidden"));
  const RunResult result = attack("shown", kAllActs);
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_GT(lines_of(result.out), 100) << result.text();  // they are done, in the tree
  EXPECT_EQ(tree_of(at("shown")), shown);
  const RunResult file = attack("hidden", "read,write,append,cut,truncate,mode,times,make");
  EXPECT_EQ(file.exit_status, 0) << file.text();
  EXPECT_EQ(file.out, "");
  const RunResult names = attack("hidden", kAllActs);  // of links of its own, some can be changed
  EXPECT_EQ(names.exit_status, 0) << names.text();
  EXPECT_EQ(tree_of(at("hidden")), hidden);
  EXPECT_FALSE(fs::exists(at("new-shown")) || fs::exists(at("new-hidden")));
}

TEST_F(RedirectAttack, WithoutASandboxTheyDo) {
  const std::string before = tree_of(at("hidden"));
  const RunResult twin =
      as_user({"python3", "-c", kShapes + kActs, at("hidden"), at("new"), at("own"), "read,write"});
  EXPECT_EQ(lines_of(twin.out), 2 * 24) << twin.text();  // all but a loop, and too many links
  EXPECT_NE(tree_of(at("hidden")), before);
}

TEST_F(RedirectAttack, EveryShapeIsRedirectedOrRefused) {
  const RunResult result = attack("shown", "read,write");
  EXPECT_EQ(result.out.find("a loop"), std::string::npos) << result.text();
  EXPECT_EQ(result.out.find("too many"), std::string::npos) << result.text();
  for (const char* shape :
       {"plain", "double slashes", "dots", "up and down", "above the root", "relative",
        "up from here", "link, written", "relative link, written", "link to its directory, written",
        "link, redirected", "relative link, redirected", "link to its directory, redirected",
        "link through the root", "a link to a link", "many links", "out of a redirected directory"})
    EXPECT_NE(result.out.find(std::string("write: ") + shape + "\n"), std::string::npos)
        << shape << result.text();
}

// A thread rewrites the path while the supervisor looks where it leads.
TEST_F(RedirectAttack, APathThatIsFlippedLeadsToNoHostsFile) {
  const std::string shown = tree_of(at("shown"));
  const std::string hidden = tree_of(at("hidden"));
  const std::string flips =
      "import os, sys, ctypes, threading\n"
      "libc = ctypes.CDLL(None, use_errno=True)\n"
      "paths = [p.encode().ljust(400, b'\\0') for p in sys.argv[1:]]\n"
      "b = ctypes.create_string_buffer(400)\n"
      "b.raw = paths[0]\n"
      "done = 0; flipped = 0; opened = 0\n"
      "def flip():\n"
      "  global flipped\n"
      "  while flipped < 100000 or not done:\n"
      "    ctypes.memmove(b, paths[flipped % len(paths)], 400); flipped += 1\n"
      "t = threading.Thread(target=flip); t.start()\n"
      "for i in range(1200):\n"
      "  f = libc.open(b, 0o1101, 0o600)\n"
      "  if f >= 0: opened += os.write(f, b'forged') > 0; os.close(f)\n"
      "  libc.unlink(b)\n"
      "done = 1; t.join(); print(opened > 0, flipped >= 100000)\n";
  const RunResult result =
      inside("import os; h = os.environ['HOME'] + '/f'\nimport sys; sys.argv.append(h)\n" + flips,
             {at("shown/c"), at("hidden/c")});
  EXPECT_EQ(result.out, "True True\n") << result.text();
  EXPECT_EQ(tree_of(at("shown")), shown);
  EXPECT_EQ(tree_of(at("hidden")), hidden);
  EXPECT_EQ(as_user({"python3", "-c", flips, at("shown/c"), at("hidden/c")}).out, "True True\n");
  EXPECT_NE(tree_of(at("hidden")), hidden);
}

// A name in the tree is swapped between a file and links, while it is opened.
TEST_F(RedirectAttack, LinksThatAreSwappedLeadToNoHostsFile) {
  const std::string hidden = tree_of(at("hidden"));
  const std::string swaps =
      "import os, sys, threading\n"
      "c, r = sys.argv[1:]\n"
      "os.makedirs(r); os.chdir(r if len(sys.argv) > 9 else '/')\n"
      "a = r + '/a'\n"
      "done = 0; read = 0; wrote = 0\n"
      "def swap():\n"
      "  while not done:\n"
      "    os.symlink(c, r + '/x'); os.rename(r + '/x', a)\n"
      "    open(r + '/y', 'w').close(); os.rename(r + '/y', a)\n"
      "open(a, 'w').close()\n"
      "t = threading.Thread(target=swap); t.start()\n"
      "for i in range(400):\n"
      "  try: read += 'secret' in open(a).read()\n"
      "  except OSError: pass\n"
      "  try:\n"
      "    with open(a, 'w') as f: wrote += f.write('forged') > 0\n"
      "  except OSError: pass\n"
      "done = 1; t.join(); print(read, wrote > 0)\n";
  const RunResult result = inside(swaps, {at("hidden/c"), at("new")});
  EXPECT_EQ(result.out, "0 True\n") << result.text();
  EXPECT_EQ(tree_of(at("hidden")), hidden);
  EXPECT_NE(as_user({"python3", "-c", swaps, at("hidden/c"), at("new")}).out, "");
  EXPECT_NE(tree_of(at("hidden")), hidden);
}

// SECURITY(redirect-shown): no mark that a sandbox could set makes a file of its own stand for the
// host's.
TEST_F(RedirectAttack, ItsOwnFilesStandForNoneOfTheHosts) {
  const std::string marks =
      "import os, sys\n"
      "d = sys.argv[1]; os.chdir(d)\n"
      "def tried(f):\n"
      "  try: return f()\n"
      "  except OSError: return None\n"
      "open('n', 'w').close()\n"
      "for mode in (0o1000, 0o1777, 0o3000, 0o7777): tried(lambda: os.chmod('n', mode))\n"
      "f = os.open('n', os.O_RDONLY); tried(lambda: os.fchmod(f, 0o1000))\n"
      "print(oct(os.stat('n').st_mode), os.path.exists('n'))\n"
      "os.mkdir('m', 0o1000); tried(lambda: os.chmod('m', 0o1000)); print(os.listdir('m'))\n"
      "open('m/x', 'w').close(); print(os.listdir('m'), oct(os.stat('m').st_mode))\n"
      "os.rename('n', 'c') if len(sys.argv) > 2 else None\n"
      "print(tried(lambda: open('c').read()))\n";
  const RunResult result = inside(marks, {at("hidden")});
  EXPECT_EQ(result.out, "0o100000 True\n[]\n['x'] 0o40700\nNone\n") << result.text();
  EXPECT_EQ(as_user({"python3", "-c", marks, at("hidden")}).out.substr(0, 8), "0o101000");
}

// SECURITY(set-ids): nor in the tree, nor by a call that is let run.
TEST_F(RedirectAttack, NoFileBecomesSetUid) {
  const std::string bits =
      "import os, sys\n"
      "os.umask(0)\n"
      "def mode(f):\n"
      "  try: f()\n"
      "  except OSError as e: return e.errno\n"
      "for d in sys.argv[1:] + [os.environ['HOME']]:\n"
      "  p = d + '/set-id'\n"
      "  print(mode(lambda: os.close(os.open(p, os.O_CREAT, 0o4755))), os.path.exists(p))\n"
      "  open(p, 'w').close()\n"
      "  print(mode(lambda: os.chmod(p, 0o2755)), mode(lambda: os.chmod(p, 0o755)), "
      "oct(os.stat(p).st_mode))\n";
  const RunResult result = inside(bits, {at("shown")});
  EXPECT_EQ(result.out,
            "1 False\n1 None 0o100755\n"
            "1 False\n1 None 0o100755\n")
      << result.text();
  EXPECT_EQ(as_user({"python3", "-c", bits, at("shown")}).out.substr(0, 9), "None True");
}

// Limits on files hold for what the supervisor copies and cuts, too.
TEST_F(RedirectAttack, NoFileGrowsBeyondItsLimit) {
  fs::resize_file(at("shown/c"), 4 << 20);
  const std::string fill =
      "import os, signal, sys\n"
      "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
      "def tried(f):\n"
      "  try: f()\n"
      "  except OSError as e: return e.errno\n"
      "def write(p):\n"
      "  with open(p, 'wb', buffering=0) as f:\n"
      "    while f.write(bytes(1 << 16)): pass\n"
      "for d in sys.argv[1:] + [os.environ['HOME']]:\n"
      "  p = d + '/full'\n"
      "  print(tried(lambda: write(p)), os.stat(p).st_size >> 20)\n"
      "  print(tried(lambda: os.truncate(p, 1 << 30)), os.stat(p).st_size >> 20)\n"
      "print(tried(lambda: open(sys.argv[1] + '/c', 'r+b')))\n"
      "print(tried(lambda: open(sys.argv[1] + '/c', 'wb')))\n";
  std::ofstream(at("p.toml")) << "extends = \"plugin\"\n[limits]\nfile_size = \"2M\"\n";
  const RunResult result = run({"--mode", "fallback", "--policy", at("p.toml"), "-v",
                                at("shown") + ":" + at("shown") + ":ro", "--overlay", at("changes"),
                                "--", "python3", "-c", fill, at("shown")});
  EXPECT_EQ(result.out, "27 2\n27 2\n27 2\n27 2\n27\nNone\n") << result.text();
  EXPECT_EQ(fs::file_size(at("shown/c")), 4U << 20);
}

// A pipe would keep the supervisor waiting for whoever has its other end.
TEST_F(RedirectAttack, PipesOfTheHostAreNotOpenedForIt) {
  ASSERT_EQ(::mkfifo(at("shown/pipe").c_str(), 0666), 0);
  const std::string opens =
      "import os, sys\n"
      "p = sys.argv[1] + '/pipe'\n"
      "open(sys.argv[1] + '/new', 'w').close(); os.chdir(sys.argv[1])\n"
      "def tried(f):\n"
      "  try: return f()\n"
      "  except OSError as e: return e.errno\n"
      "d = os.open('.', os.O_RDONLY)\n"
      "print(tried(lambda: os.open(p, os.O_WRONLY)), tried(lambda: os.truncate(p, 0)),\n"
      "      tried(lambda: os.open('pipe', os.O_RDONLY, dir_fd=d)),\n"
      "      tried(lambda: os.link(p, sys.argv[1] + '/l')), 'pipe' in os.listdir(d))\n";
  const RunResult result = inside(opens, {at("shown")});
  EXPECT_EQ(result.out, "13 13 13 13 True\n") << result.text();
}

// Modes and times, by whatever a call can name a file with: `d`, a directory with the file `c` and
// with another of a name that /proc gives to what was removed.
const std::string kAttributes =
    "import os, sys, ctypes, threading\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "d = sys.argv[1]; c = d + '/c'; g = d + '/g (deleted)'\n"
    "times = (ctypes.c_long * 4)(1, 0, 1, 0)\n"
    "def done(result):\n"
    "  if result != 0: raise OSError(ctypes.get_errno(), '')\n"
    "def mode(dfd, path, flags): done(libc.syscall(452, dfd, path, 0o750, flags))\n"
    "def time(dfd, path, flags): done(libc.syscall(280, dfd, path, times, flags))\n"
    "def there(act, path):\n"
    "  os.chdir(g)\n"
    "  try: act(-100, path, 0)\n"
    "  finally: os.chdir('/')\n"
    "cfd = os.open(c, os.O_PATH); dfd = os.open(d, os.O_PATH); gfd = os.open(g, os.O_PATH)\n"
    "shapes = {\n"
    "  'plain': lambda act: act(-100, c.encode(), 0),\n"
    "  'a file, empty path': lambda act: act(cfd, b'', 0x1000),\n"
    "  'a directory, empty path': lambda act: act(dfd, b'', 0x1000),\n"
    "  'below a directory': lambda act: act(dfd, b'c', 0),\n"
    "  'below one as if removed': lambda act: act(gfd, b'c', 0),\n"
    "  'up from one as if removed': lambda act: act(gfd, b'../c', 0),\n"
    "  'in one as if removed': lambda act: there(act, b'c'),\n"
    "  'up, in one as if removed': lambda act: there(act, b'../c'),\n"
    "  'a descriptor by name': lambda act: act(-100, b'/proc/self/fd/%d' % cfd, 0),\n"
    "}\n"
    "for shape, way in shapes.items():\n"
    "  for act in (mode, time):\n"
    "    try: way(act)\n"
    "    except OSError: continue\n"
    "    print(act.__name__ + ':', shape)\n";

// A path that is empty while it is copied, and a file's when the kernel would read it.
const std::string kFlippedToEmpty =
    "import os, sys, ctypes, threading\n"
    "libc = ctypes.CDLL(None, use_errno=True)\n"
    "c = sys.argv[1].encode() + b'/c'; b = ctypes.create_string_buffer(c, 400)\n"
    "done = 0; flips = 0; changed = 0\n"
    "def flip():\n"
    "  global flips\n"
    "  while not done or flips < 20000:\n"
    "    b[0] = b'\\0' if flips % 2 else b'/'; flips += 1\n"
    "t = threading.Thread(target=flip); t.start()\n"
    "for i in range(4000):\n"
    "  changed += libc.syscall(268, -100, b, 0o640) == 0\n"
    "  changed += libc.syscall(280, -100, b, (ctypes.c_long * 4)(1, 0, 1, 0), 0) == 0\n"
    "done = 1; t.join(); print(changed > 100)\n";

// SECURITY(redirect-attributes)
TEST_F(RedirectAttack, NoShapeOfACallChangesTheHostsAttributes) {
  for (const char* each : {"hidden", "shown", "own"}) {
    directory(each);
    directory(std::string(each) + "/g (deleted)");
    file(std::string(each) + "/c", "c\n");
    file(std::string(each) + "/g (deleted)/c", "c\n");
  }
  const std::string hidden = tree_of(at("hidden"));
  const std::string shown = tree_of(at("shown"));
  const RunResult result = uncontained(kAttributes, {at("hidden")});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(uncontained(kFlippedToEmpty, {at("hidden")}).out, "False\n");
  EXPECT_EQ(uncontained(kAttributes, {at("shown")}).exit_status, 0);
  EXPECT_EQ(uncontained(kFlippedToEmpty, {at("shown")}).exit_status, 0);
  EXPECT_EQ(tree_of(at("hidden")), hidden);
  EXPECT_EQ(tree_of(at("shown")), shown);
  // On files of its own they are done, but for a name in /proc; and all of them without a sandbox.
  const std::string copies =
      "import os, shutil, sys; h = os.environ['HOME'] + '/x'\n"
      "shutil.copytree(sys.argv[1], h, copy_function=shutil.copyfile)\n"
      "sys.argv[1] = h\n";
  EXPECT_EQ(lines_of(uncontained(copies + kAttributes, {at("shown")}).out), 2 * 8);
  EXPECT_EQ(uncontained(copies + kFlippedToEmpty, {at("shown")}).out, "True\n");
  EXPECT_EQ(lines_of(run_program({"python3", "-c", kAttributes, at("hidden")}, options_).out),
            2 * 9);
  EXPECT_NE(tree_of(at("hidden")), hidden);
}

// The supervisor's directory, and what stands in it for the host's files.
// SECURITY(redirect-placeholder)
TEST_F(RedirectAttack, TheTreeItselfIsNotItsToChange) {
  const std::string script =
      "import os, sys, ctypes\n"
      "libc = ctypes.CDLL(None, use_errno=True)\n"
      "shown, changes = sys.argv[1:]\n"
      "open(shown + '/made', 'w').close()\n"
      "ours = changes + '/changes' + shown\n"
      "def tried(f):\n"
      "  try: f(); return True\n"
      "  except OSError: return False\n"
      "def by_descriptor(p, mode):\n"
      "  f = os.open(p, os.O_PATH)\n"
      "  if libc.syscall(452, f, b'', mode, 0x1000): raise OSError(0, '')\n"
      "root = os.open('/', os.O_RDONLY)\n"
      "print([tried(f) for f in (\n"
      "  lambda: os.chmod('/', 0o777), lambda: os.fchmod(root, 0o777),\n"
      "  lambda: os.utime('/', (1, 1)), lambda: os.utime(root, (1, 1)),\n"
      "  lambda: os.chmod(ours + '/c', 0o600), lambda: os.utime(ours + '/c', (1, 1)),\n"
      "  lambda: by_descriptor(ours + '/c', 0o600), lambda: os.chmod(ours + '/made', 0o600))])\n"
      "made = os.open(shown + '/made', os.O_RDONLY)\n"
      "print([tried(f) for f in (lambda: os.fchmod(made, 0o640),\n"
      "  lambda: os.utime(made, (1, 1)), lambda: os.chmod(shown + '/made', 0o644))])\n"
      "print(open(shown + '/c').read(), end='')\n";
  const RunResult result = inside(script, {at("shown"), at("changes")});
  const std::string none = "False, False, False, False, False, False, False, False";
  EXPECT_EQ(result.out, "[" + none + "]\n[True, True, True]\nshown\n") << result.text();
  const auto mode = [this](const char* name) { return fs::status(at(name)).permissions(); };
  EXPECT_EQ(mode("changes/changes"), fs::perms::owner_all);
  EXPECT_EQ(mode("changes/making"), fs::perms::owner_all);
}

// What was noted of a copy is not its to forge, or a commit would believe it.
// SECURITY(redirect-taken)
TEST_F(RedirectAttack, WhatIsNotedOfACopyIsNotItsToChange) {
  const std::string script =
      "import os, sys, ctypes\n"
      "libc = ctypes.CDLL(None, use_errno=True)\n"
      "c = sys.argv[1]; n = b'user.yett.taken'\n"
      "f = os.open(c, os.O_RDWR)\n"
      "class Args(ctypes.Structure):\n"
      "  _fields_ = [('value', ctypes.c_uint64), ('size', ctypes.c_uint32), "
      "('flags', ctypes.c_uint32)]\n"
      "v = ctypes.create_string_buffer(b'forged'); a = Args(ctypes.addressof(v), 6, 0)\n"
      "b = os.fsencode(c)\n"
      "print([r == 0 for r in (\n"
      "  libc.setxattr(b, n, v, 6, 0), libc.lsetxattr(b, n, v, 6, 0),\n"
      "  libc.fsetxattr(f, n, v, 6, 0),\n"
      "  libc.syscall(463, -100, b, 0, n, ctypes.byref(a), 16),\n"
      "  libc.syscall(463, f, b'', 0x1000, n, ctypes.byref(a), 16),\n"
      "  libc.removexattr(b, n), libc.lremovexattr(b, n), libc.fremovexattr(f, n),\n"
      "  libc.syscall(466, -100, b, 0, n))].count(True))\n";
  const auto noted = [this] {
    std::array<char, 256> text{};
    const std::string copy = at("changes/changes") + at("shown/c");
    const ssize_t size = ::getxattr(copy.c_str(), "user.yett.taken", text.data(), text.size());
    return std::string(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  };
  EXPECT_EQ(inside("open(__import__('sys').argv[1], 'a').close()", {at("shown/c")}).exit_status, 0);
  const std::string before = noted();
  EXPECT_NE(before, "");
  EXPECT_EQ(uncontained(script, {at("shown/c")}).out, "0\n");
  EXPECT_EQ(noted(), before);
  const std::string copy = at("changes/changes") + at("shown/c");
  const RunResult twin = run_program({"python3", "-c", script, copy}, options_);
  EXPECT_NE(twin.out, "0\n") << twin.text();
  EXPECT_NE(noted(), before);
}

// What nobody was shown is not gone because something of that name is the sandbox's.
// SECURITY(redirect-hidden)
TEST_F(RedirectAttack, ADirectoryMovedOverOneThatIsNotShownRemovesNothing) {
  const std::string hidden = tree_of(at("hidden"));
  const std::string script =
      "import os, sys\n"
      "for d in sys.argv[1:]:\n"
      "  open(d + '/x', 'w').close(); os.unlink(d + '/x')\n"  // one of the tree's, and empty there
      "  n = os.path.dirname(d) + '/n'; os.mkdir(n); open(n + '/new', 'w').close()\n"
      "  try: os.rename(n, d); print('moved')\n"
      "  except OSError as e: print(e.strerror)\n"
      "  os.path.exists(n) and (os.unlink(n + '/new'), os.rmdir(n))\n";
  file("shown/keep", "shown\n");
  directory("shown/empty");
  const RunResult result = inside(script, {at("hidden"), at("shown/empty")});
  EXPECT_TRUE(result.out.starts_with("Invalid cross-device link\nmoved\n")) << result.text();
  const RunResult commit = run_yett({"commit", at("changes")}, options_);
  EXPECT_EQ(commit.exit_status, 0) << commit.text();
  EXPECT_EQ(tree_of(at("hidden")), hidden);
  EXPECT_TRUE(fs::exists(at("shown/empty/new")));  // the twin
}

}  // namespace
}  // namespace yett::test
