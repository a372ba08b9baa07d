// What this process has mapped of its program's code and constants.
#pragma once

namespace yett {

// Forgets it, and the stack below the caller: what is used again comes back from the page cache by
// a fault, what a start alone needed does not. Nothing is lost, for these parts are never written.
// Without effect in a program that is at a fixed address. May be called between clone and exec, by
// the thread whose stack grows by itself.
void forget_own_code();

}  // namespace yett
