// examples/plugin-host, as it stands, with its four plugins.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/support/yett_runner.hpp"

namespace yett::test {

// A root with the plugins in it.
inline void make_plugins(const std::string& root) {
  std::filesystem::create_directories(root + "/bin");
  for (const char* name : {"upper", "crash", "hang", "spy"})
    std::filesystem::copy_file(YETT_BUILD_DIR "/examples/plugin", root + "/bin/" + name);
}

// All of them, in sandboxes of `root` or of a template.
inline RunResult run_plugin_host(const std::string& socket, const std::string& root) {
  return run_program({YETT_BUILD_DIR "/examples/plugin_host", socket, "6000", root, "/bin/upper",
                      "/bin/crash", "/bin/hang", "/bin/spy"});
}

// One answers, one dies (`how`), one is killed, one finds nothing.
inline void expect_plugins_heard(const RunResult& run, const std::string& how) {
  EXPECT_EQ(run.exit_status, 0) << run.text();
  for (const std::string& line :
       {std::string("/bin/upper: HELLO\n"), "/bin/crash: ended without an answer, " + how + "\n",
        std::string("/bin/hang: killed, for it did not answer\n"),
        std::string("/bin/spy: nothing to see\n")})
    EXPECT_NE(run.out.find(line), std::string::npos) << line << run.text();
}

}  // namespace yett::test
