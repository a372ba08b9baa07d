// The live counterpart of tests/unit/filter_sweep_test.cpp: each refused number of each ABI is made
// inside a sandbox, and must be answered as the golden table says.
#include <fstream>
#include <sstream>

#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"

namespace yett::test {
namespace {

struct Answer {
  std::string call;  // "x86_64 41 zeros"
  std::string expected;
};

bool is_refusal(const std::string& golden) { return golden != "allow" && golden != "notify"; }

// Each number on the host; in an emulated guest, where a call takes a process and much time, every
// fifth.
unsigned stride() { return is_emulated_guest() ? 5U : 1U; }

// Columns of the golden table: number name zeros ones i386 x32 audited.
std::vector<Answer> read_golden(const std::string& policy) {
  std::ifstream file(YETT_SOURCE_DIR "/tests/unit/golden/" + policy + ".txt");
  std::vector<Answer> answers;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream columns(line);
    std::string number, name, zeros, ones, i386, x32;
    columns >> number >> name >> zeros >> ones >> i386 >> x32;
    if (std::stoul(number) % stride() != 0) continue;
    const auto add = [&](const std::string& call, const std::string& golden) {
      if (is_refusal(golden)) answers.push_back({call, golden == "kill" ? "SIGSYS" : golden});
    };
    // These two run before any filter (kernel/entry); NumbersThatAreNone looks at them.
    if (number != "335" && number != "336") {
      add("x86_64 " + number + " zeros", zeros);
      add("x86_64 " + number + " ones", ones);
    }
    add("x32 " + number + " zeros", x32);
    add("i386 " + number + " zeros", i386);
  }
  return answers;
}

std::string input_of(const std::vector<Answer>& answers) {
  std::string text;
  for (const Answer& answer : answers) text += answer.call + "\n";
  return text;
}

// "ABI NUMBER ARGUMENT RESULT" lines.
Results answers_of(const RunResult& run) {
  Results results;
  std::istringstream lines(run.out);
  for (std::string abi, number, argument, result; lines >> abi >> number >> argument >> result;)
    results[abi + " " + number + " " + argument] = result;
  return results;
}

class Sweep : public HostUnchanged {
 protected:
  static void expect_golden(const std::string& policy) {
    const std::vector<Answer> golden = read_golden(policy);
    ASSERT_GT(golden.size(), (2048U + 600U) / stride());
    const RunResult run = run_attack({"sweep"}, {"--policy", policy}, {.input = input_of(golden)});
    const Results live = answers_of(run);
    EXPECT_EQ(live.size(), golden.size()) << run.err;
    for (const Answer& answer : golden) {
      const auto found = live.find(answer.call);
      const std::string got = found == live.end() ? "no answer" : found->second;
      EXPECT_EQ(got, answer.expected) << answer.call << " under " << policy;
    }
  }
};

// SECURITY(unknown-numbers), SECURITY(second-abi)
TEST_F(Sweep, EachRefusedNumberIsAnsweredAsTheTableSays) { expect_golden("plugin"); }

// Without the filter the kernel answers, and many calls do something else. Of the second ABI
// only getpid is made, for among its thousand are some that stop the sweep itself.
TEST_F(Sweep, WithoutTheFilterTheAnswersDiffer) {
  std::vector<Answer> golden = read_golden("plugin");
  std::erase_if(golden, [](const Answer& answer) {
    return answer.call.starts_with("i386") && answer.call != "i386 20 zeros";
  });
  const RunResult run =
      run_without(without_filter(),
                  {.command = {"/attacks/sweep", is_emulated_guest() ? "100" : "20"},
                   .volumes = {{kAttacks, "/attacks", true}}},
                  {.input = input_of(golden)});
  const Results live = answers_of(run);
  unsigned different = 0;
  for (const Answer& answer : golden) {
    const auto found = live.find(answer.call);
    if (found != live.end() && found->second != answer.expected && answer.call.starts_with("x86"))
      ++different;
  }
  EXPECT_GT(different, 150 / stride()) << run.text();
  // Where this kernel has the second ABI, the call works; where not, the processor faults.
  EXPECT_TRUE(is_one_of(live.at("i386 20 zeros"), "ok|SIGSEGV|ENOSYS")) << live.at("i386 20 zeros");
  EXPECT_NE(live.at("x32 20 zeros"), "SIGSYS");
}

}  // namespace
}  // namespace yett::test
