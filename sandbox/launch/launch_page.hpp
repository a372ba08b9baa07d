// What parent and child share in memory during a launch.
#pragma once

#include <linux/bpf_common.h>
#include <linux/filter.h>

#include "ioctl_uapi/launch_protocol.hpp"

namespace yett {

struct LaunchPage {
  StepTimings timings;  // written by the child
  unsigned short filter_length =
      0;  // written by the parent before it releases the child; 0: no filter
  sock_filter filter[BPF_MAXINSNS];
};

}  // namespace yett
