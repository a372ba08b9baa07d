// Cache classes on a directory that looks like resctrl's.
#include "runsc-like/oci/life/intel_rdt.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace yett::oci {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class IntelRdtTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/yett-rdt-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    root_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  void make_class(const std::string& name, const std::string& schemata) {
    std::filesystem::create_directories(root_ + "/" + name + "/mon_groups");
    write(name + "/schemata", schemata);
    write(name + "/tasks", "");
  }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(root_ + "/" + name) << text;
  }
  std::string read(const std::string& name) {
    std::ifstream file(root_ + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::string root_;
};

TEST_F(IntelRdtTest, AClassThatIsThereIsJoinedWhenItAgrees) {
  make_class("gold", "    L3:0=7f0;1=01f\n    MB:0=20;1=70\n");
  const auto plan = plan_rdt({.clos_id = "gold", .l3_cache_schema = "L3:1=1f"}, "box", root_);
  ASSERT_TRUE(plan.has_value());
  EXPECT_TRUE(make_rdt(*plan).has_value());
  EXPECT_THAT(made_by_rdt(*plan), IsEmpty());
  EXPECT_TRUE(join_rdt(joined_by_rdt(*plan), 42).has_value());
  EXPECT_EQ(read("gold/tasks"), "42");
  EXPECT_THAT(read("gold/schemata"), HasSubstr("L3:0=7f0;1=01f")) << "nothing is written";
}

TEST_F(IntelRdtTest, AClassThatDiffersIsAnError) {
  make_class("gold", "L3:0=7f0;1=1f\n");
  const auto plan = plan_rdt({.clos_id = "gold", .l3_cache_schema = "L3:1=3f"}, "box", root_);
  ASSERT_TRUE(plan.has_value());
  const Status made = make_rdt(*plan);
  ASSERT_FALSE(made.has_value());
  EXPECT_THAT(made.error().message(), HasSubstr("/linux/intelRdt"));
}

TEST_F(IntelRdtTest, AClassWithoutSchemataHasToBeThere) {
  EXPECT_FALSE(plan_rdt({.clos_id = "none"}, "box", root_).has_value());
  make_class("none", "");
  EXPECT_TRUE(plan_rdt({.clos_id = "none"}, "box", root_).has_value());
}

TEST_F(IntelRdtTest, TheContainersOwnClassGoesWithIt) {
  const auto plan = plan_rdt({.schemata = {"L3:0=f"}}, "box", root_);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->group, root_ + "/box");
  EXPECT_TRUE(plan->make_group);
  EXPECT_THAT(made_by_rdt(*plan), ElementsAre(root_ + "/box"));
  make_class("box", "");
  EXPECT_FALSE(plan_rdt({.schemata = {"L3:0=f"}}, "box", root_).has_value()) << "somebody else's";
}

TEST_F(IntelRdtTest, ANamedClassIsMadeAndStays) {
  const auto plan = plan_rdt({.clos_id = "gold", .schemata = {"L3:0=f"}}, "box", root_);
  ASSERT_TRUE(plan.has_value());
  EXPECT_TRUE(plan->make_group);
  EXPECT_THAT(made_by_rdt(*plan), IsEmpty());
}

TEST_F(IntelRdtTest, MonitoringIsAGroupOfTheContainers) {
  make_class("gold", "");
  const auto plan = plan_rdt({.clos_id = "gold", .enable_monitoring = true}, "box", root_);
  ASSERT_TRUE(plan.has_value());
  EXPECT_TRUE(make_rdt(*plan).has_value());
  EXPECT_TRUE(std::filesystem::is_directory(root_ + "/gold/mon_groups/box"));
  EXPECT_THAT(made_by_rdt(*plan), ElementsAre(root_ + "/gold/mon_groups/box"));
  EXPECT_THAT(joined_by_rdt(*plan), ElementsAre(root_ + "/gold", root_ + "/gold/mon_groups/box"));
  EXPECT_FALSE(make_rdt(*plan).has_value()) << "a second of that name";
}

TEST_F(IntelRdtTest, TheDefaultClassIsTheRoot) {
  const auto plan = plan_rdt({.clos_id = "/"}, "box", root_);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->group, root_);
  EXPECT_THAT(made_by_rdt(*plan), IsEmpty());
}

TEST_F(IntelRdtTest, LinesAreInTheSpecificationsOrder) {
  const auto plan = plan_rdt({.schemata = {"L2:0=1", "L3:0=3"},
                              .l3_cache_schema = "L3:0=f\nMB:0=50",
                              .mem_bw_schema = "MB:0=20"},
                             "box", root_);
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->schemata, "L3:0=f\nMB:0=20\nL2:0=1\nL3:0=3\n");
}

TEST(Schemata, AgreeByValue) {
  EXPECT_TRUE(schemata_agree("L3:0=7f0", "  L3:0=7f0;1=1f\n"));
  EXPECT_TRUE(schemata_agree("MB:0=20", "MB:0= 20;1=100\n"));
  EXPECT_TRUE(schemata_agree("L3:0=000f", "L3:0=f\n"));
  EXPECT_FALSE(schemata_agree("L3:2=f", "L3:0=f\n"));
  EXPECT_FALSE(schemata_agree("L2:0=f", "L3:0=f\n"));
  EXPECT_FALSE(schemata_agree("L3:0=0", "L3:0=f\n"));
}

}  // namespace
}  // namespace yett::oci
