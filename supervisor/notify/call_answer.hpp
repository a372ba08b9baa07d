// What became of a call that the supervisor carried out for the target.
#pragma once

#include <cstdint>
#include <string>

namespace yett {

struct CallAnswer {
  int error = 0;           // the errno to answer with, 0 for success
  std::int64_t value = 0;  // with success
  std::string logged;      // of its own words, for the audit log; untrusted bytes; empty: none
};

}  // namespace yett
