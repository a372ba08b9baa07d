// Is a namespace, as nsfs shows it, the calling process's own? namespaces(7)
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

namespace yett {

// `there`: what stat(2) says of its file; `name`: of the kind below /proc/self/ns, such as "net".
// Nothing: it cannot be told. Each caller decides which answer is then the safe one.
[[nodiscard]] std::optional<bool> is_own_namespace(const struct stat& there,
                                                   const std::string& name);

}  // namespace yett
