// /yett.toml from strangers. What is accepted keeps the promises of the value, and the policy that
// it carries is TOML again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "sandbox/package/manifest.hpp"

namespace {

void check(const yett::PackageManifest& manifest) {
  for (const std::string& word : manifest.command)
    if (word.find('\0') != std::string::npos) std::abort();
  for (const std::string& variable : manifest.environment)
    if (variable.find('=') == std::string::npos) std::abort();
  const bool rooted = manifest.working_directory.empty() || manifest.working_directory[0] == '/';
  if (!rooted || manifest.name.find('/') != std::string::npos) std::abort();
  if (!yett::parse_manifest("[policy]\n" + manifest.policy_toml, "again")) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A sixteenth of the bound: written again with quoted keys, an accepted policy is still below it.
  if (size > yett::kMaxManifestBytes / 16) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto manifest = yett::parse_manifest(text, "fuzz")) check(*manifest);
  return 0;
}
