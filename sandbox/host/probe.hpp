// Finds KernelFeatures by trying each thing once, in throw-away child processes where trying could
// change this one. Slow (tens of ms), so the answer is kept in the runtime directory per boot.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "sandbox/host/kernel_features.hpp"

namespace yett {

// Probes that need libbpf, which lives in supervisor/lsm: handed in by the composition root.
struct BpfProbes {
  std::function<Status()> lsm;
  std::function<Status(BorrowedFd cgroup)> cgroup;
};

[[nodiscard]] KernelFeatures probe_kernel_features(const BpfProbes& bpf);

// The kept answer when it is of this boot, this kernel and these privileges; else probes and keeps
// it.
[[nodiscard]] KernelFeatures load_or_probe_kernel_features(const std::string& cache_directory,
                                                           const BpfProbes& bpf);

// Probes whatever was kept, and keeps the new answer: `yett doctor`, after the reader mended
// something.
[[nodiscard]] KernelFeatures probe_and_keep_kernel_features(const std::string& cache_directory,
                                                            const BpfProbes& bpf);

// How this host's / is laid out, for the `host` image: "bin -> usr/bin" for symlinks, "usr" for
// directories.
[[nodiscard]] std::vector<std::string> list_host_root();

// /run/yett for root, made 0700 when missing. Error: it exists with another owner or a wider mode.
[[nodiscard]] Result<std::string> open_runtime_directory();

}  // namespace yett
