// security.md, "Input and resources": floods end at their bound, and harm nobody else.
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <vector>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/pace.hpp"

namespace yett::test {
namespace {

class Bounds : public HostUnchanged {
 protected:
  struct Amount {
    long count = -1;
    std::string error;
  };
  static Amount amount_of(const RunResult& run) {
    Amount amount;
    std::string name;
    std::istringstream(run.out) >> name >> amount.count >> amount.error;
    return amount;
  }
};

TEST_F(Bounds, Processes) {
  const Amount inside = amount_of(run_attack({"bounds", "processes"}, {"--pids", "40"}));
  EXPECT_GT(inside.count, 10);
  EXPECT_LT(inside.count, 40);
  EXPECT_EQ(inside.error, "EAGAIN");
  const Amount twin = amount_of(run_attack({"bounds", "processes"}, {"--pids", "120"}));
  EXPECT_GT(twin.count, 40) << "another limit than the one that was set";
}

// The bomb goes off while a sibling with the same limit works on.
TEST_F(Bounds, ForkBomb) {
  RunningProgram bomb(yett_command({"run", "-v", kAttackVolume, "--pids", "60", "--time", "3s",
                                    "--", "/attacks/bounds", "fork_bomb"}),
                      {});
  const RunResult sibling = run_yett({"run", "--pids", "60", "--", "sh", "-c",
                                      "for i in 1 2 3 4 5 6 7 8; do /bin/true & done; wait"});
  EXPECT_EQ(sibling.exit_status, 0) << sibling.text();
  EXPECT_EQ(sibling.err, "") << sibling.text();
  EXPECT_EQ(bomb.wait().exit_status, 137);
}

TEST_F(Bounds, Memory) {
  const RunResult hog = run_attack({"bounds", "memory"}, {"-m", "48M"});
  EXPECT_TRUE(hog.exit_status == 137 || amount_of(hog).error == "ENOMEM") << hog.text();
  EXPECT_EQ(hog.out.find("memory 4294967296"), std::string::npos) << hog.text();
  const RunResult twin = run_yett({"run", "-m", "48M", "--", "true"});
  EXPECT_EQ(twin.exit_status, 0) << twin.text();
}

// All of a sandbox's tmpfs: each is bounded, in bytes and in files.
// All of them on a machine; the emulated guest, to which 65,000 files are minutes, fills one.
std::vector<const char*> writable_places() {
  if (is_emulated_guest()) return {"/dev/shm"};
  return {"/tmp", "/var/tmp", "/run", "/home/app", "/dev/shm"};
}

TEST_F(Bounds, TemporaryFiles) {
  for (const char* place : writable_places()) {
    const Amount bytes = amount_of(run_attack({"bounds", "disk", place}));
    EXPECT_EQ(bytes.error, "ENOSPC") << place << ' ' << bytes.count;
    EXPECT_LE(bytes.count, 65L << 20) << place;
    EXPECT_GT(bytes.count, 1L << 20) << place;
    const Amount files = amount_of(run_attack({"bounds", "inodes", place}));
    EXPECT_EQ(files.error, "ENOSPC") << place << ' ' << files.count;
    EXPECT_LE(files.count, 70000) << place;
  }
}

TEST_F(Bounds, Descriptors) {
  const Amount inside = amount_of(run_attack({"bounds", "descriptors"}));
  EXPECT_EQ(inside.error, "EMFILE");
  EXPECT_LE(inside.count, 1024);
}

TEST_F(Bounds, FileSize) {
  write_file(work() + "/policy.toml", "[limits]\nfile_size = \"1M\"\n");
  const Amount inside =
      amount_of(run_attack({"bounds", "file_size"}, {"--policy", work() + "/policy.toml"}));
  EXPECT_EQ(inside.error, "EFBIG");
  EXPECT_EQ(inside.count, 1L << 20);
  const Amount twin = amount_of(run_attack({"bounds", "file_size"}));
  EXPECT_GT(twin.count, 1L << 20);
}

// A flood of refusals: the log stays short, every refusal is counted, and the flood ends.
TEST_F(Bounds, RefusalsInTheLog) {
  const std::string log = work() + "/audit.jsonl";
  const std::string report = work() + "/report.json";
  const std::string count = std::to_string(is_emulated_guest() ? 3000 : 100'000);
  const RunResult run =
      run_attack({"bounds", "refusals", count}, {"--audit", log, "--report", report});
  EXPECT_EQ(run.exit_status, 0) << run.text();
  EXPECT_LT(std::filesystem::file_size(log), 4U << 20);
  const std::string told = read_file(log);
  EXPECT_NE(told.find("\"unshare\""), std::string::npos) << told.substr(0, 2000);
  EXPECT_NE(read_file(report).find("\"count\": " + count), std::string::npos) << read_file(report);
}

// The audit log has the refused calls of an attack, each with its errno and its rule.
TEST_F(Bounds, RefusalsAreTold) {
  const std::string log = work() + "/audit.jsonl";
  const RunResult run =
      run_attack({"kernel_calls", "bpf_map", "open_by_handle", "splice_call"}, {"--audit", log});
  EXPECT_EQ(run.exit_status, 0) << run.text();
  const std::string told = read_file(log);
  for (const char* call : {"\"bpf\"", "\"open_by_handle_at\"", "\"splice\""})
    EXPECT_NE(told.find(call), std::string::npos) << call << " is missing:\n" << told;
  const RunResult twin = run_attack({"kernel_calls", "mknod_fifo"}, {"--audit", log + "2"});
  EXPECT_EQ(twin.exit_status, 0);
  EXPECT_EQ(read_file(log + "2").find("\"mknod\""), std::string::npos) << read_file(log + "2");
}

// SECURITY(copy-once), SECURITY(limit-scope), SECURITY(no-continue)
TEST_F(Bounds, AnArgumentRewrittenAfterTheCheck) {
  const RunResult run = run_attack({"flip", std::to_string(repeated(1'000'000))});
  EXPECT_EQ(run.exit_status, 0) << run.text();
  EXPECT_NE(run.out.find("raised 0\n"), std::string::npos) << run.text();
  EXPECT_EQ(run.out.find("refused 0\n"), std::string::npos) << "no forbidden value was ever seen";
}

}  // namespace
}  // namespace yett::test
