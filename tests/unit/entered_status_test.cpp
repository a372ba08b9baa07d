// What /proc says of a process that has come into a sandbox: each line that a program of it would
// have, and none else.
#include <gtest/gtest.h>

#include <string>

#include "supervisor/session/entered_process.hpp"

namespace yett {
namespace {

constexpr std::string_view kGood =
    "Name:\tapp\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t900\nPid:\t900\nPPid:\t4\n"
    "TracerPid:\t0\nUid:\t70\t70\t70\t70\nGid:\t71\t71\t71\t71\nFDSize:\t64\nGroups:\t \n"
    "NSpid:\t900\t2\nNSsid:\t900\t2\nThreads:\t1\nCapInh:\t0000000000000000\n"
    "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
    "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";

SandboxPlan plan() {
  SandboxPlan made;
  made.identity.host_uid = 70;
  made.identity.host_gid = 71;
  return made;
}

std::string fault_with(const std::string& line, const std::string& instead) {
  std::string status(kGood);
  const std::size_t at = status.find(line);
  EXPECT_NE(at, std::string::npos) << line;
  return fault_in_status(status.replace(at, line.size(), instead), plan(), 0);
}

TEST(EnteredStatus, OfAProgramIsWithoutFault) { EXPECT_EQ(fault_in_status(kGood, plan(), 0), ""); }

TEST(EnteredStatus, EachLineIsLookedAt) {
  EXPECT_NE(fault_with("Uid:\t70\t70", "Uid:\t70\t0"), "");
  EXPECT_NE(fault_with("Gid:\t71", "Gid:\t0"), "");
  EXPECT_EQ(fault_with("Groups:\t \n", "Groups:\t4 24 \n"), "Groups is 4 24 and not ");
  EXPECT_EQ(fault_with("Umask:\t0022", "Umask:\t0000"), "Umask is 0000 and not 0022");
  EXPECT_EQ(fault_with("TracerPid:\t0", "TracerPid:\t8"), "TracerPid is 8 and not 0");
  EXPECT_EQ(fault_with("Threads:\t1", "Threads:\t2"), "Threads is 2 and not 1");
  for (const std::string set : {"Inh", "Prm", "Eff", "Bnd", "Amb"})
    EXPECT_NE(fault_with("Cap" + set + ":\t0000000000000000", "Cap" + set + ":\t0000000000000001"),
              "");
  EXPECT_EQ(fault_with("NoNewPrivs:\t1", "NoNewPrivs:\t0"), "NoNewPrivs is 0 and not 1");
  EXPECT_EQ(fault_with("Seccomp:\t2", "Seccomp:\t0"), "Seccomp is 0 and not 2");
  EXPECT_EQ(fault_with("NSsid:\t900", "NSsid:\t4"), "its session is another's");
}

TEST(EnteredStatus, ItsFiltersAreMoreThanItsParents) {
  EXPECT_EQ(fault_in_status(kGood, plan(), 1), "it has no filter more than its parent");
  EXPECT_EQ(fault_with("Seccomp_filters:\t1", "Seccomp_filters:\t0"),
            "it has no filter more than its parent");
}

// SECURITY(fail-closed): a line that is not there is no line that is right.
TEST(EnteredStatus, WhatIsNotThereIsAFault) {
  EXPECT_NE(fault_in_status("", plan(), 0), "");
  for (const char* key : {"Umask", "TracerPid", "Uid", "Gid", "Groups", "Threads", "CapInh",
                          "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp"})
    EXPECT_NE(fault_with(std::string("\n") + key + ":", "\nOther:"), "") << key;
}

}  // namespace
}  // namespace yett
