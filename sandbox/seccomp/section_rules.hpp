// A section's rules with numbers and the kernel's answers instead of names: what both compilers of
// a section read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sandbox/seccomp/seccomp_section.hpp"

namespace yett {

struct SectionRule {
  int number = 0;                     // as libseccomp has it: below 0 where this machine has none
  std::uint32_t answer = 0;           // SECCOMP_RET_*
  std::vector<SectionArgument> args;  // all must hold; each index at most once
  const std::string* name = nullptr;  // of the section
};

struct SectionRules {
  std::uint32_t default_answer = 0;
  std::vector<SectionRule> rules;    // those that say something else than the default, in order
  std::vector<std::string> unknown;  // names that libseccomp does not know, each once
  int greatest = -1;                 // number that any rule names
  // For numbers above it: a section that refuses what it does not name cannot have known them, and
  // programs do without a new call when it is ENOSYS. runc answers so.
  std::uint32_t answer_beyond = 0;
};

// Pure. An argument that a rule compares more than once makes a rule of each comparison, any of
// which is enough: so runc has it.
[[nodiscard]] SectionRules resolve_section(const SeccompSection& section);

}  // namespace yett
