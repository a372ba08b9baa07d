// The seccomp section that Docker gives a container with its default capabilities, from the facts
// of facts/docker_default.txt.
#pragma once

#include <gtest/gtest.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <string>

#include "sandbox/seccomp/seccomp_section.hpp"

namespace yett::oci {

inline SectionSyscalls docker_rule(const char* name, SectionArgument argument) {
  return {.names = {name}, .action = SectionAction::allow, .errno_ret = {}, .args = {argument}};
}

inline SeccompSection docker_section() {
  using enum SectionCompare;
  SeccompSection section{.default_errno_ret = EPERM,
                         .architectures = {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}};
  SectionSyscalls always{.names = {}, .action = SectionAction::allow, .errno_ret = {}, .args = {}};
  std::ifstream file(YETT_SOURCE_DIR "/tests/unit/oci/facts/docker_default.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    std::string capability;
    if (line.starts_with('#') || !(words >> name)) continue;
    words >> capability;
    const bool has_conditions = name == "clone" || name == "personality" || name == "socket";
    if (!has_conditions && (capability.empty() || capability == "CAP_SYS_CHROOT"))
      always.names.push_back(name);
  }
  EXPECT_GT(always.names.size(), 290U);
  section.syscalls.push_back(std::move(always));
  for (const std::uint64_t persona : {0x0U, 0x8U, 0x20000U, 0x20008U, 0xFFFFFFFFU})
    section.syscalls.push_back(docker_rule("personality", {.index = 0, .value = persona}));
  section.syscalls.push_back(docker_rule("socket", {.index = 0, .value = 40, .op = ne}));
  section.syscalls.push_back(
      docker_rule("clone", {.index = 0, .value = 0x7E020000, .op = masked_eq}));
  section.syscalls.push_back(
      {.names = {"clone3"}, .action = SectionAction::errno_, .errno_ret = ENOSYS, .args = {}});
  return section;
}

}  // namespace yett::oci
