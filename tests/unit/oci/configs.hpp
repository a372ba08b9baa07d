// The configurations that the tests of config.json begin from.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "runsc-like/oci/config/read_config.hpp"

namespace yett::oci {

inline std::string good_text(const std::string& name) {
  std::ifstream file(YETT_SOURCE_DIR "/tests/unit/oci/good/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline nlohmann::ordered_json good_json(const std::string& name) {
  return nlohmann::ordered_json::parse(good_text(name));
}

// The message of the refusal; "" where the configuration was taken.
inline std::string refusal_of(const std::string& text) {
  const auto config = parse_config(text, "config.json");
  return config ? std::string() : config.error().message();
}

}  // namespace yett::oci
