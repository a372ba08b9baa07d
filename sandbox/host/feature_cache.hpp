// The kept answer of the probes: one small text file per build of yett in the runtime directory,
// good for one boot, kernel, user namespace, uid, capability set and cgroup mount.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sandbox/host/kernel_features.hpp"

namespace yett {

// What an answer kept in `directory` depends on, as text.
[[nodiscard]] std::string make_feature_key(const std::string& directory);

// To be called before the process makes a user namespace of its own and stays in it.
void note_user_namespace_around();

// Pure; the two undo each other. Nothing for text that is cut, malformed or of another key.
[[nodiscard]] std::string serialise_features(const KernelFeatures& features, std::string_view key);
[[nodiscard]] std::optional<KernelFeatures> parse_features(std::string_view text,
                                                           std::string_view key);

// A file that is missing, not ours, writable by others or damaged counts as none.
[[nodiscard]] std::optional<KernelFeatures> load_features(const std::string& directory,
                                                          std::string_view key);
// Written whole or not at all; a failure costs the next start time, nothing else.
void keep_features(const std::string& directory, std::string_view key,
                   const KernelFeatures& features);

}  // namespace yett
