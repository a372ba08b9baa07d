// What the caller asked for: untrusted until planned. Filled by the CLI, later by OCI bundles, uapi
// messages and the containerd shim.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace yett {

enum class ImageKind { host, directory, squashfs, erofs };
enum class Mode { automatic, full, rootless, fallback };
// As --mode takes it.
[[nodiscard]] constexpr const char* mode_name(Mode mode) {
  constexpr std::array kNames{"auto", "full", "rootless", "fallback"};
  return kNames[static_cast<std::size_t>(mode)];
}
enum class TerminalMode { none, pty };
// --ids: one id for the program, or those that its user has been given beside its own (rootless).
enum class Ids { one, range, automatic };

struct VolumeRequest {
  std::string source;  // absolute on the host
  std::string target;  // absolute inside
  bool read_only = false;
  std::uint32_t kept_host_id = 0;  // of a named volume: whose it is on the host; 0: a path
};

struct IdRequest {
  std::uint32_t uid = 1000;
  std::uint32_t gid = 1000;
};

struct SandboxRequest {
  std::string name;  // empty: chosen from the supervisor's pid
  ImageKind image_kind = ImageKind::host;
  std::string image_path;                 // directory or package file; absolute
  std::vector<std::string> image_layers;  // directories, the topmost last; empty: image_path alone
  std::string overlay_dir;                // --overlay: the kept upper layer; empty: a tmpfs
  std::vector<std::string>
      overlay_host_dirs;  // --overlay-dirs: the host's own top directories, each under an overlay
  std::string exec_dir;   // --exec-dir: where the package is mounted in ROCKER's form
  std::string data_dir;   // --data-dir: host directory mounted rw at the same path
  std::vector<VolumeRequest> volumes;

  std::vector<std::string> command;      // argv; argv[0] is looked up in PATH inside
  std::vector<std::string> environment;  // "NAME=value", whole
  std::string working_directory;         // inside; empty: /, or the package's
  std::string host_working_directory;    // the caller's, for the "on the host but not inside" hint
  IdRequest user;
  Ids ids = Ids::one;
  TerminalMode terminal = TerminalMode::none;
  std::string hostname = "yett";
  bool addressed =
      false;  // other commands will find it by name: it gets a cgroup whatever limits it has

  std::vector<std::string>
      require;  // --require=bpf-lsm,landlock,...: end the launch where one is missing
  Mode mode = Mode::automatic;
  bool trace = false;  // every call's end is looked at
};

}  // namespace yett
