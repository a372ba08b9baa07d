// Which of the kernel's label systems are on.
#pragma once

namespace yett {

struct LabelFeatures {
  bool apparmor = false;
  bool selinux = false;
};
[[nodiscard]] LabelFeatures probe_labels();

}  // namespace yett
