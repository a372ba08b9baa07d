// The figures of a sandbox as the kernel would write those of a machine.
#include <gtest/gtest.h>

#include "supervisor/truth/machine_text.hpp"

namespace yett {
namespace {

TEST(MachineText, MeminfoAddsUpOnEitherCgroupVersion) {
  MemoryFigures memory{.total = 256 << 20, .used = 100 << 20, .swap_total = 8192};
  memory.by_kind = "file 41943040\ninactive_file 20971520\nactive_file 10485760\nanon 52428800\n";
  const std::string text = meminfo_text(memory);
  EXPECT_TRUE(
      text.starts_with("MemTotal:         262144 kB\n"
                       "MemFree:          159744 kB\n"
                       "MemAvailable:     190464 kB\n"
                       "Buffers:               0 kB\n"
                       "Cached:            40960 kB\n"))
      << text;
  EXPECT_NE(text.find("SwapFree:              8 kB\n"), std::string::npos);
  memory.by_kind =
      "total_cache 41943040\ntotal_inactive_file 20971520\ntotal_active_file 10485760\n"
      "total_rss 52428800\n";
  EXPECT_EQ(meminfo_text(memory), text);
}

TEST(MachineText, SwapsAreOneOrNone) {
  const std::string none = swaps_text({});
  EXPECT_TRUE(none.ends_with("Priority\n"));
  EXPECT_EQ(swaps_text({.swap_total = 4096, .swap_used = 1024}),
            none + "none                                    virtual\t\t4\t\t1\t\t0\n");
}

TEST(MachineText, StatSharesTheTimeAmongItsCpus) {
  MachineFigures figures{.cpu = {.shown = {1, 2}, .user_us = 4'000'000, .system_us = 2'000'000},
                         .age_s = 10,
                         .processes = 3,
                         .host_booted_s = 1000};
  const std::string text = stat_text(figures);
  EXPECT_TRUE(
      text.starts_with("cpu  400 0 200 1400 0 0 0 0 0 0\n"
                       "cpu1 200 0 100 700 0 0 0 0 0 0\n"
                       "cpu2 200 0 100 700 0 0 0 0 0 0\n"))
      << text;
  EXPECT_NE(text.find("\nbtime 1000\n"), std::string::npos);
  EXPECT_EQ(uptime_text(figures), "10.00 14.00\n");
  figures.cpu.load = {0.5, 0.25, 0};
  EXPECT_EQ(loadavg_text(figures), "0.50 0.25 0.00 1/3 3\n");
}

TEST(MachineText, CpuinfoKeepsTheShownOnes) {
  const std::string host =
      "processor\t: 0\nsiblings\t: 4\ncpu cores\t: 2\nflags\t\t: fpu\n\n"
      "processor\t: 1\nsiblings\t: 4\ncpu cores\t: 2\nflags\t\t: fpu\n\n"
      "Hardware\t: board\n";
  const std::vector<unsigned> one{1};
  EXPECT_EQ(cpuinfo_text(host, one),
            "processor\t: 1\nsiblings\t: 1\ncpu cores\t: 1\nflags\t\t: fpu\n\n"
            "Hardware\t: board\n\n");
  EXPECT_EQ(cpuinfo_text("", one), "");
}

TEST(MachineText, ListsOfCpus) {
  const auto list = [](std::vector<unsigned> cpus) { return cpu_list_text(cpus); };
  EXPECT_EQ(list({}), "\n");
  EXPECT_EQ(list({0}), "0\n");
  EXPECT_EQ(list({0, 1, 2, 5, 7, 8}), "0-2,5,7-8\n");
}

}  // namespace
}  // namespace yett
