// Times of files are those of the clock's last tick: whatever comes later within it has the same.
#pragma once

#include <ctime>

namespace yett {

[[nodiscard]] timespec current_tick();

// Files that are made or changed after this have a later time than that one, which is at most a
// tick ahead; one that is further ahead was set by somebody, and is not waited for.
void await_later_tick(const timespec& time);

}  // namespace yett
