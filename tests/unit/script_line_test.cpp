#include "supervisor/redirect/script_line.hpp"

#include <gtest/gtest.h>

namespace yett {
namespace {

std::string text_of(std::string_view begins) {
  const auto line = parse_script_line(begins);
  if (!line) return "none";
  return line->interpreter + (line->word ? "|" + *line->word : "");
}

TEST(ScriptLine, AsTheKernelReadsIt) {
  EXPECT_EQ(text_of("#!/bin/sh\necho"), "/bin/sh");
  EXPECT_EQ(text_of("#! \t/bin/sh \t\n"), "/bin/sh");
  EXPECT_EQ(text_of("#!/bin/sh -e\n"), "/bin/sh|-e");
  EXPECT_EQ(text_of("#!/usr/bin/env  -S a  b \n"), "/usr/bin/env|-S a  b");
  EXPECT_EQ(text_of("#!/bin/sh"), "/bin/sh");
  EXPECT_EQ(text_of(std::string_view("#!/bin/sh\0x -e", 14)), "/bin/sh");
}

TEST(ScriptLine, WhatNamesNoInterpreter) {
  for (const char* begins : {"", "#", "ELF", "#!", "#!\n/bin/sh", "#!  \t\n"})
    EXPECT_EQ(text_of(begins), "none") << begins;
}

// A path that may go on is none; a word is cut.
TEST(ScriptLine, TheLineEndsWhereTheKernelStopsReading) {
  const std::string path = "#!/" + std::string(kScriptLineSize, 'a');
  EXPECT_EQ(text_of(path.substr(0, kScriptLineSize)), "none");
  EXPECT_EQ(text_of(path.substr(0, kScriptLineSize - 1)), path.substr(2, kScriptLineSize - 3));
  const std::string word = "#!/bin/sh " + std::string(kScriptLineSize, 'w');
  EXPECT_EQ(text_of(word.substr(0, kScriptLineSize)).size(), kScriptLineSize - 2);
}

}  // namespace
}  // namespace yett
