// Containers by runc's command line: yett, crun and runc create, start and delete the same bundle,
// whose configuration is what Docker writes for `docker run` without options (docker-config.json),
// its seccomp section with it.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/machine.hpp"
#include "bench/statistics.hpp"

namespace yett::bench {

// In this order, and then their sum.
inline constexpr std::array kOciCommands{"create", "start", "delete"};
inline constexpr const char* kOciSum = "together";
inline constexpr double kOciGoal = 1.0 / 3;  // of crun's time, together

struct OciResult {
  Machine machine;
  std::size_t rounds = 0;
  bool v2_hidden = false;  // a v2 mount beside v1 was taken away, which crun does not understand
  std::map<std::string, std::map<std::string, Rounds>> figures;  // runtime -> command -> us
};

// Needs root; leaves nothing behind. `binaries`: the directory of yett and of the bundle's program.
// Errors: a command that failed, with its words.
[[nodiscard]] Result<OciResult> measure_containers(const std::string& binaries, std::size_t rounds);

[[nodiscard]] std::string oci_table(const OciResult& result);
[[nodiscard]] std::string oci_json(const OciResult& result);
// Nothing when crun was not there, or with too few rounds.
[[nodiscard]] std::optional<Summary> over_crun(const OciResult& result, const std::string& runtime,
                                               const std::string& command);

}  // namespace yett::bench
