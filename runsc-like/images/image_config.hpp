// What an image says of how it wants to be run.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

struct ImageConfig {
  std::vector<std::string> command;  // Entrypoint and Cmd
  std::vector<std::string> environment;
  std::string working_directory;
  std::string user;  // as written: "1000", "app", "app:staff"
};

// Of an OCI image or docker's: {"config": {"Entrypoint": ..., ...}}.
[[nodiscard]] Result<ImageConfig> parse_image_config(std::string_view text,
                                                     const std::string& name);
// Of a bundle's config.json: its `process`.
[[nodiscard]] Result<ImageConfig> parse_bundle_config(std::string_view text,
                                                      const std::string& name);

// "UID:GID" of a user that an image names, by its own /etc/passwd and /etc/group; empty: none is
// named. Error: it names one that is not there.
[[nodiscard]] Result<std::string> find_image_user(const std::string& user, BorrowedFd root);

}  // namespace yett
