// Is a namespace, as nsfs shows it, the calling process's own? namespaces(7)
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/unique_fd.hpp"

namespace yett {

// `there`: what stat(2) says of its file; `name`: of the kind below /proc/self/ns, such as "net".
// Nothing: it cannot be told. Each caller decides which answer is then the safe one.
[[nodiscard]] std::optional<bool> is_own_namespace(const struct stat& there,
                                                   const std::string& name);

enum class OwnNamespace { network, user };
// The calling thread's, without /proc, in which a process this young has no directories yet: they
// are made when they are looked into, which takes 30 us. Invalid: before Linux 6.11.
[[nodiscard]] UniqueFd open_own_namespace(OwnNamespace which);

}  // namespace yett
