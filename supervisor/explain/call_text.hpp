// A system call as a person reads it: ptrace(request=PTRACE_TRACEME (0), pid=0, ...). Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "supervisor/verdict/verdict.hpp"

namespace yett {

// What an argument is, as far as records tell it.
enum class ArgumentKind {
  end,
  number,
  hex,
  octal,
  descriptor,
  directory,  // a descriptor, or AT_FDCWD
  path,       // address of a text
  address,    // of memory that is not shown
  socket_address,
  rlimit,      // address of a struct rlimit
  open_how,    // address of a struct open_how
  named,       // by its table
  flags,       // by its table
  socket_type  // a type with flags
};

// What lay behind an argument that is an address, read by somebody else; empty: not read.
using ArgumentTexts = std::array<std::string, 6>;

[[nodiscard]] ArgumentKind argument_kind(std::uint32_t call, std::size_t index);

// All arguments that the call has; six in hex for a call that is not known here.
[[nodiscard]] std::string call_text(std::string_view name, const Snapshot& snapshot,
                                    const ArgumentTexts& texts = {});

}  // namespace yett
