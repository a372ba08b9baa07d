#include "supervisor/session/find_app.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/text.hpp"
#include "sandbox/host/read_file.hpp"

namespace yett {
namespace {

// "NSpid:\t4711\t2": the last is what it is called in the innermost pid namespace.
bool is_called(const std::string& pid, int inside) {
  const std::string status = read_file("/proc/" + pid + "/status").value_or("");
  const std::size_t begin = status.find("\nNSpid:");
  if (begin == std::string::npos) return false;
  const std::size_t end = status.find('\n', begin + 1);
  const std::string line = status.substr(begin, end - begin);
  return line.ends_with("\t" + std::to_string(inside));
}

}  // namespace

int find_app(int init, int inside) {
  const std::string task = std::to_string(init);
  const std::string children =
      read_file("/proc/" + task + "/task/" + task + "/children").value_or("");
  for (std::string_view rest = children; !rest.empty();) {
    const std::string pid(rest.substr(0, rest.find(' ')));
    rest.remove_prefix(std::min(pid.size() + 1, rest.size()));
    const auto number = parse_decimal(pid, INT32_MAX);
    if (number && is_called(pid, inside)) return static_cast<int>(*number);
  }
  return 0;
}

}  // namespace yett
