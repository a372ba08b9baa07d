// Every Feature of KernelFeatures by name: what the cache writes, and what `yett doctor` walks.
#pragma once

#include <span>
#include <string_view>

#include "sandbox/host/kernel_features.hpp"

namespace yett {

struct FeatureEntry {
  std::string_view key;
  Feature KernelFeatures::* member;
};

[[nodiscard]] std::span<const FeatureEntry> feature_table();

}  // namespace yett
