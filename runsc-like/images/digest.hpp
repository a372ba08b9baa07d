// SHA-256, by which everything in the image store has its name.
#pragma once

#include <sha256.h>

#include <array>
#include <string>
#include <string_view>

namespace yett {

class Digest {
 public:
  Digest() { ::SHA256Init(&state_); }
  void add(std::string_view bytes) {
    ::SHA256Update(&state_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  // Its length goes before it, so that two texts one after the other are no other two.
  void add_text(std::string_view text) {
    add(std::to_string(text.size()) + ":");
    add(text);
  }
  // 64 hexadecimal digits. To be called once.
  [[nodiscard]] std::string take() {
    std::array<char, SHA256_DIGEST_STRING_LENGTH> text{};
    return ::SHA256End(&state_, text.data());
  }

 private:
  SHA2_CTX state_{};
};

}  // namespace yett
