// What of prctl(2) concerns the caller alone.
#pragma once

#include <linux/prctl.h>

#include <array>

#include "sandbox/profiles/argument_checks.hpp"

namespace yett::checks {

// `Dumpable`: what holds besides where a process asks whether it is shown to others.
template <ArgumentCheck... Dumpable>
inline constexpr std::array kPlainPrctl{all_of<is(0, PR_SET_NAME)>(),
                                        all_of<is(0, PR_GET_NAME)>(),
                                        all_of<is(0, PR_SET_DUMPABLE), Dumpable...>(),
                                        all_of<is(0, PR_GET_DUMPABLE)>(),
                                        all_of<is(0, PR_SET_PDEATHSIG)>(),
                                        all_of<is(0, PR_GET_PDEATHSIG)>(),
                                        all_of<is(0, PR_CAPBSET_READ)>(),
                                        all_of<is(0, PR_SET_NO_NEW_PRIVS)>(),
                                        all_of<is(0, PR_GET_NO_NEW_PRIVS)>(),
                                        all_of<is(0, PR_SET_KEEPCAPS)>(),
                                        all_of<is(0, PR_GET_KEEPCAPS)>(),
                                        all_of<is(0, PR_SET_TIMERSLACK)>(),
                                        all_of<is(0, PR_GET_TIMERSLACK)>(),
                                        all_of<is(0, PR_SET_CHILD_SUBREAPER)>(),
                                        all_of<is(0, PR_GET_CHILD_SUBREAPER)>(),
                                        all_of<is(0, PR_SET_THP_DISABLE)>(),
                                        all_of<is(0, PR_GET_THP_DISABLE)>(),
                                        all_of<is(0, PR_SET_VMA)>()};

}  // namespace yett::checks
