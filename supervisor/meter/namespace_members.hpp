// The processes of a pid namespace, by the host's numbers: for a namespace whose own /proc need not
// be there.
#pragma once

#include <string>
#include <vector>

namespace yett {

// Names in a directory of /proc; none: it is gone.
[[nodiscard]] std::vector<std::string> names_in(const std::string& path);

// Those in the pid namespace of the process `pid`, itself among them; none: it has ended. Looks at
// every process of the host.
[[nodiscard]] std::vector<int> members_of_pid_namespace(int pid);

}  // namespace yett
