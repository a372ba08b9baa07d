// Whether there may be one task more: asked while the one that would make it waits.
#pragma once

#include <functional>

namespace yett {

// `thread`, whose call waits. If it may, `let_run` answers the call. Called by several threads.
using AdmitTask = std::function<bool(int thread, const std::function<void()>& let_run)>;

}  // namespace yett
