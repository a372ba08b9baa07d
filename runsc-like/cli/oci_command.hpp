// What every OCI command begins and ends with.
#pragma once

#include <span>
#include <string_view>

#include "runsc-like/cli/command_line.hpp"
#include "runsc-like/cli/oci_global.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett {

// One command of the OCI face, for its own --help.
struct OciUsage {
  std::string_view command;
  std::string_view synopsis;  // "[OPTIONS] ID"
  std::string_view summary;
  std::string_view example;
  std::span<const Option> options;
};
void print_oci_help(const OciUsage& usage);

class OciCommandLine {
 public:
  OciCommandLine(const OciUsage& usage, int argc, char** argv,
                 std::size_t words_before_rest = SIZE_MAX);

  // False: help was printed, or the words are too few or too many (told); end with exit_status().
  [[nodiscard]] bool good(std::size_t fewest, std::size_t most) const;
  [[nodiscard]] int exit_status() const { return exit_status_; }
  [[nodiscard]] const CommandLine& arguments() const { return arguments_; }

  [[nodiscard]] int finish(const Status& status) const;
  int fail_with(const Error& error, int exit_status) const;

 private:
  const OciUsage& usage_;
  CommandLine arguments_;
  bool ended_ = false;
  mutable int exit_status_ = 0;
};

// --preserve-fds: 3, 4, ... that the caller has given, each of them.
[[nodiscard]] Result<unsigned> read_preserved_fds(const CommandLine& given);

[[nodiscard]] inline oci::ContainerStore oci_store() {
  return oci::ContainerStore(oci_globals().root);
}

}  // namespace yett
