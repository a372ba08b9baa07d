#include "bench/oci.hpp"

#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "bench/spawn.hpp"

namespace yett::bench {
namespace {

namespace fs = std::filesystem;

constexpr const char* kV2BesideV1 = "/sys/fs/cgroup/unified";

struct Runtime {
  std::string name;
  std::string path;
};

std::vector<Runtime> find_runtimes(const std::string& binaries) {
  std::vector<Runtime> runtimes{{"yett", binaries + "/yett"}};
  for (const char* path : {"/usr/bin/crun", "/usr/bin/runc", "/usr/sbin/runc"})
    if (::access(path, X_OK) == 0) runtimes.push_back({fs::path(path).filename(), path});
  return runtimes;
}

// In a mount namespace of our own. The same for all: crun takes a host with v2 mounted beside v1
// for one of v2 alone, and fails.
Result<bool> hide_v2() {
  if (::access((std::string(kV2BesideV1) + "/cgroup.procs").c_str(), F_OK) != 0) return false;
  if (::unshare(CLONE_NEWNS) != 0) return fail(errno_error("unshare", "mount namespace"));
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return fail(errno_error("mount", "/"));
  if (::umount2(kV2BesideV1, MNT_DETACH) != 0) return fail(errno_error("umount", kV2BesideV1));
  return true;
}

// On a tmpfs, as /run is: state written to a disk would measure the disk.
class Bundle {
 public:
  Status make(const std::string& binaries) {
    std::string name = "/run/yett-bench.XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) return fail(errno_error("mkdtemp", name));
    path_ = name;
    std::error_code error;
    for (const char* directory : {"rootfs/proc", "rootfs/dev", "rootfs/sys"})
      fs::create_directories(path_ / directory, error);
    const fs::path from = binaries;
    fs::copy_file(from / "yett-bench-micro", path_ / "rootfs/yett-bench-micro", error);
    if (!error) fs::copy_file(from / "docker-config.json", path_ / "config.json", error);
    if (error) return fail(errno_error(error.value(), "make bundle", name));
    return {};
  }
  ~Bundle() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

CommandLine command_line(const Runtime& runtime, const std::string& bundle,
                         const std::string& command) {
  CommandLine line{runtime.path, "--root", bundle + "/state-" + runtime.name, command};
  if (command == "create") line.insert(line.end(), {"--bundle", bundle});
  if (command == "delete") line.emplace_back("--force");
  line.push_back("yett-bench-" + runtime.name);
  return line;
}

Status take_turn(const Runtime& runtime, const std::string& bundle, OciResult& into) {
  double sum = 0;
  for (const char* command : kOciCommands) {
    const auto elapsed = time_command(command_line(runtime, bundle, command));
    if (!elapsed) {
      static_cast<void>(time_command(command_line(runtime, bundle, "delete")));
      return fail(elapsed.error());
    }
    into.figures[runtime.name][command].push_back(*elapsed);
    sum += *elapsed;
  }
  into.figures[runtime.name][kOciSum].push_back(sum);
  return {};
}

}  // namespace

Result<OciResult> measure_containers(const std::string& binaries, std::size_t rounds) {
  if (::geteuid() != 0) return fail(host_error("containers", "need root here", "run it as root"));
  OciResult result;
  result.machine =
      describe_machine({binaries + "/yett --version", "crun --version", "runc --version"});
  result.rounds = rounds;
  YETT_TRY(result.v2_hidden, hide_v2());
  Bundle bundle;
  YETT_CHECK(bundle.make(binaries));
  std::vector<Runtime> order = find_runtimes(binaries);
  OciResult warm_up;
  for (const Runtime& runtime : order) YETT_CHECK(take_turn(runtime, bundle.path(), warm_up));
  for (std::size_t round = 0; round < rounds; ++round) {
    for (const Runtime& runtime : order) YETT_CHECK(take_turn(runtime, bundle.path(), result));
    std::ranges::rotate(order, order.begin() + 1);
  }
  return result;
}

}  // namespace yett::bench
