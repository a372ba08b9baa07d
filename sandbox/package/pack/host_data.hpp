// What well-known programs read at run time beside their libraries. Data, with a reason for each.
#pragma once

#include <string>
#include <vector>

namespace yett {

struct HostData {
  std::vector<std::string> trees;            // directories or files of the host, whole
  std::vector<std::string> programs;         // further programs that it starts
  std::vector<std::string> debian_packages;  // every file of these (headers, start files)
  std::vector<std::string> directories;      // made empty: places it expects
};

// `real_path` is the program behind all links, "/usr/bin/python3.11".
[[nodiscard]] HostData data_of_program(const std::string& real_path);
// `file_name` of a library that is needed, "libssl.so.3".
[[nodiscard]] HostData data_of_library(const std::string& file_name);

// Names below a data tree that no running program needs: static archives for embedding, compilers
// that were not asked for.
[[nodiscard]] bool is_spare(const std::string& path);

}  // namespace yett
