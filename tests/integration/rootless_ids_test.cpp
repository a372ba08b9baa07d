// `yett run --ids`: a rootless sandbox of more ids than one.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/integration/ids_fixture.hpp"

namespace yett::test {
namespace {

class RootlessIds : public IdsCase {};

// As a server does that is started by root.
const char* const kDropTo33 =
    "import os\n"
    "os.setgroups([])\n"
    "os.setgid(33)\n"
    "os.setuid(33)\n";

TEST_F(RootlessIds, RootOfThemBecomesAnother) {
  const std::string audit = home_->path() + "/audit";
  const RunResult result = run_with_ids(
      {"--audit", audit, "--", "python3", "-c",
       "import os\nprint(os.getuid(), os.getgid())\n" + std::string(kDropTo33) +
           "open('/tmp/f', 'w')\ns = os.stat('/tmp/f')\nprint(s.st_uid, s.st_gid)\n"
           "print([l for l in open('/proc/self/status') if 'CapEff' in l][0].split()[1])\n"
           "try: os.setuid(0)\nexcept OSError as e: print(e.errno)\n"});
  EXPECT_EQ(result.out, "0 0\n33 33\n0000000000000000\n1\n") << result.text();
  const std::string header = text_of(audit);
  EXPECT_NE(header.find("ids: the program is root of its user and of 1000 ids beside"),
            std::string::npos)
      << header;
}

// The twin: without them nobody becomes anything, and nothing is said.
TEST_F(RootlessIds, OneIsTheDefault) {
  const std::string audit = home_->path() + "/audit";
  const RunResult result =
      run_yett({"run", "--audit", audit, "-u", "0", "--", "python3", "-c",
                "import os\nfor id in (0, 33):\n  try: os.setuid(id); print(id)\n"
                "  except OSError as e: print(e.errno)\n"},
               with_ids());
  EXPECT_EQ(result.out, "0\n22\n") << result.text();
  EXPECT_EQ(text_of(audit).find("ids:"), std::string::npos) << text_of(audit);
}

TEST_F(RootlessIds, WithoutARangeTheLaunchEndsOrSaysSo) {
  cover("subuid", "somebody-else:100000:65536\n");
  const RunResult asked = run_with_ids({"--", "true"});
  EXPECT_EQ(asked.exit_status, 125) << asked.text();
  EXPECT_NE(asked.err.find("/etc/subuid has no ids for yett-tester"), std::string::npos)
      << asked.text();
  const std::string audit = home_->path() + "/audit";
  const RunResult either =
      run_yett({"run", "--ids", "auto", "--audit", audit, "--", "id", "-u"}, with_ids());
  EXPECT_EQ(either.out, "0\n") << either.text();
  EXPECT_NE(text_of(audit).find("ids: one: "), std::string::npos) << text_of(audit);
}

TEST_F(RootlessIds, TheirRootIsWhoStarts) {
  const RunResult other = run_with_ids({"-u", "1000", "--", "true"});
  EXPECT_EQ(other.exit_status, 125) << other.text();
  EXPECT_NE(other.err.find("leave -u out"), std::string::npos) << other.text();
  EXPECT_EQ(run_with_ids({"-u", "0", "--", "true"}).exit_status, 0);
}

// Whose they are on the host, and that who comes again with the same ids may take them away.
TEST_F(RootlessIds, FilesOfOtherIdsAreRemovedByWhoHasThemToo) {
  const std::string volume = directory("volume");
  const std::string shared = volume + ":/data";
  const RunResult wrote = run_with_ids(
      {"-v", shared, "--", "python3", "-c",
       "import os\nos.mkdir('/data/d')\nos.chown('/data/d', 33, 33)\nos.chmod('/data/d', 0o700)\n" +
           std::string(kDropTo33) + "open('/data/d/f', 'w')\n"});
  ASSERT_EQ(wrote.exit_status, 0) << wrote.text();
  struct stat status{};
  ASSERT_EQ(::stat((volume + "/d/f").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, kFirstMore + 32);
  EXPECT_EQ(status.st_gid, kFirstMore + 32);
  EXPECT_NE(as_user({"rm", "-rf", volume + "/d"}).exit_status, 0);
  EXPECT_EQ(run_with_ids({"-v", shared, "--", "rm", "-rf", "/data/d"}).exit_status, 0);
  EXPECT_NE(::stat((volume + "/d").c_str(), &status), 0);
}

TEST_F(RootlessIds, NothingIsLeftOfItsOwnFiles) {
  const RunResult result = run_with_ids(
      {"--", "python3", "-c", std::string(kDropTo33) + "open('/tmp/f', 'w').write('x' * 4096)\n"});
  EXPECT_EQ(result.exit_status, 0) << result.text();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(home_->path())) {
    struct stat status{};
    ASSERT_EQ(::lstat(entry.path().c_str(), &status), 0);
    EXPECT_LT(status.st_uid, kFirstMore) << entry.path();
  }
}

}  // namespace
}  // namespace yett::test
