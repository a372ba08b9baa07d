// Where the starters of a yettd that has died are found: sockets in a directory of root's alone,
// named after the socket that the daemon serves, so that each is found by its own successor.
#pragma once

#include <string>
#include <vector>

namespace yett {

// `served`: the path of the daemon's socket. A name that no other process of the host has.
[[nodiscard]] std::string make_door_path(const std::string& directory, const std::string& served);
// All there are, oldest first; some may be of nobody any more.
[[nodiscard]] std::vector<std::string> find_doors(const std::string& directory,
                                                  const std::string& served);

}  // namespace yett
