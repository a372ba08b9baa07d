// What every OCI command begins and ends with.
#pragma once

#include "runsc-like/cli/oci_global.hpp"
#include "runsc-like/cli/oci_options.hpp"
#include "runsc-like/oci/state/container_store.hpp"

namespace yett {

class OciCommandLine {
 public:
  OciCommandLine(const OciUsage& usage, int argc, char** argv,
                 std::size_t words_before_rest = SIZE_MAX);

  // False: help was printed, or the words are too few or too many (told); end with exit_status().
  [[nodiscard]] bool good(std::size_t fewest, std::size_t most) const;
  [[nodiscard]] int exit_status() const { return exit_status_; }
  [[nodiscard]] const OciArguments& arguments() const { return arguments_; }

  [[nodiscard]] int finish(const Status& status) const;
  int fail_with(const Error& error, int exit_status) const;

 private:
  const OciUsage& usage_;
  OciArguments arguments_;
  bool ended_ = false;
  mutable int exit_status_ = 0;
};

[[nodiscard]] inline oci::ContainerStore oci_store() {
  return oci::ContainerStore(oci_globals().root);
}

}  // namespace yett
