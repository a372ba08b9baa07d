// Whoever takes all there is, in the rootless mode: held within a tenth of its limit. Memory:
// Rootless.*; processors: CpuShare.*.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "tests/integration/rootless_fixture.hpp"
#include "tests/support/marked_processes.hpp"

namespace yett::test {
namespace {

class RootlessBounds : public RootlessCase {
 protected:
  // Megabytes that could be written in all places together, with many files and with one.
  [[nodiscard]] double filled(const std::string& disk) const {
    const RunResult result =
        run({"--mode", "rootless", "--policy", policy("[limits]\ndisk = \"" + disk + "\"\n"), "--",
             "python3", "-c",
             "import os\n"
             "kept = 0\n"
             "places = ['/tmp', '/dev/shm', '/run', '/var/tmp', os.environ.get('HOME', '/'), '/']\n"
             "for place in places + ['/dev', '/etc', '/usr', '/home']:\n"
             "  for size in (1 << 30, 4096):\n"
             "    try:\n"
             "      for i in range(4000):\n"
             "        with open('%s/f%d.%d' % (place, size, i), 'wb', buffering=0) as f:\n"
             "          left = size\n"
             "          while left > 0:\n"
             "            done = f.write(bytes(min(left, 65536)))\n"
             "            kept += done; left -= done\n"
             "    except OSError: pass\n"
             "print(kept / (1 << 20))\n"});
    EXPECT_EQ(result.exit_status, 0) << result.text();
    return std::atof(result.out.c_str());
  }
};

TEST_F(RootlessBounds, AForkBombIsHeldWithinATenth) {
  YETT_REQUIRE_OF_KERNEL(!is_emulated_guest(), "it is to run, and an emulated processor is slow");
  const std::string mark = "61.234007" + std::to_string(::getpid());
  RunningProgram bomb(yett_command(bomb_command("rootless", mark)), home_->options());
  expect_bomb_is_held(bomb, mark);
}

TEST_F(RootlessBounds, ADiskFillerIsHeldWithinATenth) {
  for (const int megabytes : {20, 40}) {
    const double written = filled(std::to_string(megabytes) + "M");
    EXPECT_LE(written, megabytes * 1.1);
    EXPECT_GE(written, megabytes * 0.5);
  }
}

}  // namespace
}  // namespace yett::test
