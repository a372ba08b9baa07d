// What this host offers, in words: each feature, what it gives, what its absence costs, and the
// mend. Pure; `yett doctor` prints it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sandbox/host/kernel_features.hpp"
#include "sandbox/request/sandbox_request.hpp"

namespace yett {

enum class Need {
  full_mode,  // without it `yett run` cannot confine anything
  one_use,    // some flag, package or limit needs it
  hardening,  // a second layer, or speed
};

struct HostRow {
  std::string name;
  bool there = false;
  std::string detail;  // why not, or which version
  Need need = Need::hardening;
  std::string gives;
  std::string without;  // what its absence costs
  std::string mend;
  std::string kernel_options;  // "CONFIG_SECCOMP_FILTER"; empty: not a matter of the kernel's
                               // configuration
};

struct ToolRow {
  std::string name;
  std::string path;  // empty: not found in PATH
  std::string gives;
  std::string package;  // Debian's
};

struct HostReport {
  KernelFeatures features;
  std::vector<HostRow> rows;
  std::vector<ToolRow> tools;
  std::vector<std::string> planes;  // and back ends that will be used
  std::optional<Mode> mode;         // the highest that works for whoever asks; none does
};

[[nodiscard]] std::vector<HostRow> describe_host(const KernelFeatures& features);
[[nodiscard]] std::vector<std::string> usable_planes(const KernelFeatures& features);
// Whether the fallback mode holds what it holds, for an ordinary user.
[[nodiscard]] bool can_fall_back(const KernelFeatures& features);
[[nodiscard]] std::optional<Mode> working_mode(const KernelFeatures& features,
                                               const std::vector<HostRow>& rows);
// Looks into PATH.
[[nodiscard]] std::vector<ToolRow> find_tools();

}  // namespace yett
