// Everything exec needs, as C arrays: the child may not allocate.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace yett {

struct ExecStrings {
  std::vector<std::string> candidate_texts;
  std::vector<const char*> candidates;  // each array ends with a null pointer
  std::vector<const char*> argv;
  std::vector<const char*> environment;
};

// The candidates are argv[0] in the directories of the environment's PATH, or of `default_path`; of
// a name with a slash it is the only one. Points into `argv` and `environment`, which must outlive
// it. Precondition: argv is not empty.
[[nodiscard]] ExecStrings make_exec_strings(const std::vector<std::string>& argv,
                                            const std::vector<std::string>& environment,
                                            std::string_view default_path);

}  // namespace yett
