// Sandboxes with a layer missing, to show that a test of that layer can fail. The product has no
// switch for this: the test takes the layer out of the plan before it launches, or makes the kernel
// skip one call of the launch (a seccomp filter that answers 0 in its place).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sandbox/plan/sandbox_plan.hpp"
#include "tests/support/yett_runner.hpp"

namespace yett::test {

// A call that answers 0 and does nothing, in the launching process and all it starts. `argument`
// narrows it to calls whose argument `index` has this value in its lower half.
struct SkippedCall {
  long number = 0;
  int index = -1;
  std::uint32_t argument = 0;
};

struct Missing {
  std::function<void(SandboxPlan&)> from_plan;
  std::vector<SkippedCall> calls;
  // The BPF planes stay in force; without it they go too, for they would hide the layer in question
  // behind another.
  bool keeps_bpf = false;
};

// What to start: as `yett run` with these would, under the built-in policy or the text of one.
struct LaunchOf {
  std::vector<std::string> command;
  std::vector<VolumeRequest> volumes;
  std::string policy = "plugin";  // a built-in's name, or TOML
  std::string image;              // a directory; empty: the host's
};

// The plan that `yett run` would carry out. Aborts the test program when there is none.
[[nodiscard]] SandboxPlan plan_of(const LaunchOf& start);

// Launches and supervises in a process of its own; returns what became of it.
[[nodiscard]] RunResult run_without(const Missing& missing, const LaunchOf& start,
                                    RunOptions options = {});

// Layers that many tests take away.
[[nodiscard]] Missing without_filter();    // seccomp; and Landlock's scopes stay
[[nodiscard]] Missing without_landlock();  // also its scopes
[[nodiscard]] Missing without(std::initializer_list<Missing> layers);  // all of these together

// The build's hostile programs, and where they are inside.
inline const std::string kAttacks = YETT_BUILD_DIR "/attacks";
inline const std::string kAttackVolume = kAttacks + ":/attacks:ro";

// For sh in a sandbox, before what looks at PID 1: that restricts itself while the program already
// runs. Some ten seconds at most, without a process more than there would be.
inline const std::string kAwaitInit =
    R"(looks=0
until while read -r field value; do [ "$field$value" = Seccomp:2 ] && break; done < /proc/1/status ||
  [ $looks -ge 100000 ]; do looks=$((looks+1)); done
)";

// `yett run` of /attacks/NAME with these arguments; `flags` stand before the command.
[[nodiscard]] RunResult run_attack(const std::vector<std::string>& command,
                                   const std::vector<std::string>& flags = {},
                                   RunOptions options = {});
// The same without a layer, and natively: as root, in namespaces of its own so that nothing it
// succeeds in lasts.
[[nodiscard]] RunResult run_attack_without(const Missing& missing, std::vector<std::string> command,
                                           std::vector<VolumeRequest> volumes = {});
// `setup`: shell commands that go before, in the same namespaces.
[[nodiscard]] RunResult run_attack_natively(const std::vector<std::string>& command,
                                            const std::string& setup = "");

// "NAME RESULT" lines (attacks/attempt.h) as a map.
[[nodiscard]] std::map<std::string, std::string> results_of(const RunResult& run);
using Results = std::map<std::string, std::string>;
// Fails the test unless this attempt was made and ended as one of the alternatives.
void expect_result(const Results& results, const std::string& attempt,
                   std::string_view alternatives, const char* where);
// Whether `result` is one of the alternatives: "EPERM|EACCES".
[[nodiscard]] bool is_one_of(const std::string& result, std::string_view alternatives);

}  // namespace yett::test
