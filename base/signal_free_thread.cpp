#include "base/signal_free_thread.hpp"

#include <signal.h>

namespace yett {

int start_signal_free(pthread_t& thread, const pthread_attr_t* attributes, void* (*run)(void*),
                      void* argument) {
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);  // a thread begins with its maker's mask
  const int error = ::pthread_create(&thread, attributes, run, argument);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace yett
