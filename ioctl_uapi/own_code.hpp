// What this process has mapped of its program, and beside it.
#pragma once

namespace yett {

// Forgets it, and the stack below the caller: what is used again comes back from the page cache by
// a fault, what a start alone needed does not. Nothing is lost, for these parts are never written.
// Without effect in a program that is at a fixed address. May be called between clone and exec, by
// the thread whose stack grows by itself.
void forget_own_code();

// For a process that will do nothing but wait: unmaps everything but the program, what belongs to
// the calling thread alone, and the stack from its caller upwards. What has been allocated or
// mapped is gone, and with it the tables of its pages. Postconditions: nothing but system calls,
// and what lies on the stack or in the program. Without effect where forget_own_code() has none,
// and under sanitizers. May be called between clone and exec.
void keep_only_own_program();

// For a process that never returns from the function whose __builtin_frame_address(0) is `frame`:
// forgets the stack of all that called it, up to the program's words and variables. Postconditions:
// nothing of theirs is looked at, through whatever pointer. Without effect elsewhere than on the
// main thread's stack, and under sanitizers. May be called between clone and exec.
void forget_callers(const void* frame);

}  // namespace yett
