// `yettd`, which is `yett daemon`: one process that begins sandboxes for many.
#pragma once

namespace yett {

[[nodiscard]] int run_daemon(int argc, char** argv);
// Is that how this program was called?
[[nodiscard]] bool is_called_daemon(const char* name);

}  // namespace yett
