// What an ELF file asks of the dynamic linker; or a script of its interpreter. Own reading with
// <elf.h>: the files are the host's, but every offset is checked all the same.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace yett {

struct ElfNeeds {
  std::string interpreter;             // "/lib64/ld-linux-x86-64.so.2"; empty: static or a library
  std::vector<std::string> libraries;  // DT_NEEDED
  std::vector<std::string> run_path;   // DT_RUNPATH or DT_RPATH, split; $ORIGIN not yet replaced
};

// nullopt: no 64-bit ELF file for this machine. Error: not readable, or damaged.
[[nodiscard]] Result<std::optional<ElfNeeds>> read_elf_needs(const std::string& path);

// The words behind "#!", or nothing.
[[nodiscard]] Result<std::vector<std::string>> read_shebang(const std::string& path);

}  // namespace yett
