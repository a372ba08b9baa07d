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
  const std::string program = YETT_BUILD_DIR "/examples/plugin_host";
  return run_program(
      {program, socket, "6000", root, "/bin/upper", "/bin/crash", "/bin/hang", "/bin/spy"});
}

// One answers, one dies (`how`), one is killed, one finds nothing.
inline void expect_plugins_heard(const RunResult& run, const std::string& how) {
  EXPECT_EQ(run.exit_status, 0) << run.text();
  const std::string crashed = "/bin/crash: ended without an answer, " + how + "\n";
  for (const char* line :
       {"/bin/upper: HELLO\n", crashed.c_str(), "/bin/hang: killed, for it did not answer\n",
        "/bin/spy: nothing to see\n"})
    EXPECT_NE(run.out.find(line), std::string::npos) << line << run.text();
}

}  // namespace yett::test
