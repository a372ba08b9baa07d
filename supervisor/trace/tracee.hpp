// A thread that stands still at a system call's end, looked at from outside: its registers, its
// memory, the files that it named. For records of trace runs; nothing is decided on what is read.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "supervisor/explain/observed_call.hpp"

namespace yett {

enum class HostView { same_names, none };  // may a path inside mean the host's file of that name?

class Tracee {
 public:
  explicit Tracee(pid_t thread) : thread_(thread) {}

  [[nodiscard]] std::string comm() const;
  // False: part of it is not there.
  [[nodiscard]] bool read(std::uint64_t address, std::span<std::byte> into) const;
  // Cut at PATH_MAX; empty when it cannot be read.
  [[nodiscard]] std::string text(std::uint64_t address) const;
  // What an open descriptor is, as the sandbox would name it; empty: no such file.
  [[nodiscard]] std::string descriptor_path(int descriptor) const;
  // IPPROTO_*; 0: no socket, or of another kind.
  [[nodiscard]] int socket_protocol(int descriptor) const;
  // A path as a call gave it, below the directory that it gave.
  [[nodiscard]] ObservedPath find(int directory, const std::string& path, HostView host) const;
  [[nodiscard]] ObservedPath find_inside(const std::string& absolute, HostView host) const;
  // "/usr/lib/x.so+0x1234", innermost first: the instruction, and what the chain of frame pointers
  // leads to, which code built without them ends early.
  [[nodiscard]] std::vector<std::string> stack(std::uint64_t instruction,
                                               std::uint64_t frame) const;

 private:
  [[nodiscard]] std::string link(const std::string& name) const;
  pid_t thread_;
};

}  // namespace yett
