// Packages: a squashfs or EROFS image of an app, and directories used as one.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "ioctl_uapi/mount_api.hpp"
#include "sandbox/request/sandbox_request.hpp"

namespace yett {

// By content, not by name: superblock magic of squashfs ("hsqs") or EROFS (0xE0F5E1E2 at 1024), or
// a directory. Errors name the path and say what was found and how to make a package.
[[nodiscard]] Result<ImageKind> detect_image(const std::string& path);

// /yett.toml of a package, when it carries one.
struct PackageManifest {
  bool present = false;
  std::string name;
  std::string version;
  std::vector<std::string> command;
  std::vector<std::string> environment;  // "NAME=value"
  std::string working_directory;
  std::string
      policy_toml;  // the [policy] table, as a policy file of its own; empty: none asked for
};

// Reads /yett.toml without mounting: squashfs and EROFS are read by a confined child process
// (seccomp strict-like filter, no fd but the image and a pipe), for the image is untrusted.
[[nodiscard]] Result<PackageManifest> read_manifest(const std::string& path, ImageKind kind);

// A read-only, nosuid, nodev, detached mount of the image: squashfs through a loop device with
// autoclear and direct I/O (buffered where the file's filesystem cannot), EROFS straight from the
// file, with a loop device where the kernel cannot. Needs CAP_SYS_ADMIN in the initial user
// namespace. Nothing stays behind when the returned mount closes.
[[nodiscard]] Result<DetachedMount> mount_image(const std::string& path, ImageKind kind);

}  // namespace yett
