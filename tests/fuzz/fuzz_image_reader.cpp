// Whole images from strangers, through both readers: any bytes give an answer.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "sandbox/package/image_reader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kLimit = 4096;
  const yett::MemoryBytes image(std::as_bytes(std::span(data, size)));
  for (const auto& answer : {yett::read_from_squashfs(image, "yett.toml", kLimit),
                             yett::read_from_erofs(image, "yett.toml", kLimit)})
    if (answer.outcome == yett::ReadOutcome::present && answer.text.size() > kLimit) std::abort();
  return 0;
}
