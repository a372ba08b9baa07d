// Threads beside the main one, to which no signal is delivered: signals are for the thread whose
// mask and signalfd know what to do with them (signal(7), "a process-directed signal may be
// delivered to any one of the threads").
#pragma once

#include <pthread.h>

namespace yett {

// As pthread_create(3), whose error number it returns: 0, or why there is no thread.
int start_signal_free(pthread_t& thread, const pthread_attr_t* attributes, void* (*run)(void*),
                      void* argument);

}  // namespace yett
