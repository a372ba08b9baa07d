// What became of a call that the supervisor carried out for the target.
#pragma once

#include <cstdint>
#include <string>

namespace yett {

struct CallAnswer {
  int error = 0;           // the errno to answer with, 0 for success
  std::int64_t value = 0;  // with success
  bool answered = false;   // the target has its answer already, or left: the rest says nothing
  std::string endpoint;    // refused by a rule: what was to be listened on, "tcp://0.0.0.0:80"
  std::string logged;      // of its own words, for the audit log; untrusted bytes; empty: none
};

}  // namespace yett
