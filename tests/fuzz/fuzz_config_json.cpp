// config.json: whatever the reader takes has passed its bounds, and its seccomp section compiles;
// whatever it refuses has words.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "runsc-like/oci/config/mount_options.hpp"
#include "runsc-like/oci/config/read_config.hpp"
#include "sandbox/seccomp/compile_section.hpp"

namespace {

using yett::oci::Config;

void check_paths(const Config& config) {
  for (const yett::oci::Mount& mount : config.mounts) {
    if (!mount.destination.starts_with('/')) std::abort();
    (void)yett::oci::parse_mount_options(mount.options);
  }
  for (const auto& [name, value] : config.linux_.sysctl)
    if (name.find('\n') != std::string::npos || value.find('\n') != std::string::npos) std::abort();
  if (config.linux_.cgroups_path.find("/../") != std::string::npos) std::abort();
}

void check_mappings(const Config& config) {
  for (const auto* mappings : {&config.linux_.uid_mappings, &config.linux_.gid_mappings})
    for (const yett::oci::IdMapping& mapping : *mappings) {
      if (mapping.size == 0) std::abort();
      if (std::uint64_t{mapping.host_id} + mapping.size > UINT32_MAX) std::abort();
    }
}

void check_seccomp(const Config& config) {
  if (!config.linux_.seccomp) return;
  const auto compiled = yett::compile_section(*config.linux_.seccomp, yett::OtherAbis::by_section);
  if (!compiled && compiled.error().message().empty()) std::abort();
  if (compiled && compiled->program.empty()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = yett::oci::parse_config(text, "config.json");
  if (!config) {
    if (config.error().message().find("config.json") == std::string::npos) std::abort();
    return 0;
  }
  check_paths(*config);
  check_mappings(*config);
  check_seccomp(*config);
  return 0;
}
