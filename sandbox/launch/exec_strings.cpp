#include "sandbox/launch/exec_strings.hpp"

namespace yett {
namespace {

std::vector<const char*> pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(text.c_str());
  result.push_back(nullptr);
  return result;
}

std::string_view search_path(const std::vector<std::string>& environment,
                             std::string_view default_path) {
  for (const std::string& entry : environment)
    if (entry.starts_with("PATH=")) return std::string_view(entry).substr(5);
  return default_path;
}

std::vector<std::string> candidates_for(const std::string& name, std::string_view path) {
  if (name.find('/') != std::string::npos) return {name};
  std::vector<std::string> candidates;
  while (!path.empty()) {
    const std::size_t end = path.find(':');
    const std::string_view directory = path.substr(0, end);
    if (directory.starts_with('/')) candidates.push_back(std::string(directory) + "/" + name);
    if (end == std::string_view::npos) break;
    path.remove_prefix(end + 1);
  }
  return candidates;
}

}  // namespace

ExecStrings make_exec_strings(const std::vector<std::string>& argv,
                              const std::vector<std::string>& environment,
                              std::string_view default_path) {
  ExecStrings strings;
  strings.candidate_texts = candidates_for(argv.front(), search_path(environment, default_path));
  strings.candidates = pointers(strings.candidate_texts);
  strings.argv = pointers(argv);
  strings.environment = pointers(environment);
  return strings;
}

}  // namespace yett
