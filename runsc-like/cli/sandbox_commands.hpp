// Commands of the human face: on sandboxes of `yett run` and on containers alike.
#pragma once

#include <string>

namespace yett {

int sandbox_ps(int argc, char** argv);
// Is this `ps` ours, not runc's `ps ID`? docs/decisions/0019-sandboxes-in-the-store.md.
[[nodiscard]] bool is_sandbox_ps(int argc, char** argv);
int sandbox_logs(int argc, char** argv);
int sandbox_stop(int argc, char** argv);
int sandbox_rm(int argc, char** argv);
int sandbox_wait(int argc, char** argv);
int sandbox_shutdown(int argc, char** argv);
int sandbox_stats(int argc, char** argv);
int sandbox_top(int argc, char** argv);
// The same of what the yettd at this socket runs.
int stats_of(const std::string& host, int argc, char** argv);
int top_of(const std::string& host, int argc, char** argv);
int sandbox_diff(int argc, char** argv);
int sandbox_commit(int argc, char** argv);
int sandbox_discard(int argc, char** argv);
int sandbox_grant(int argc, char** argv);

}  // namespace yett
