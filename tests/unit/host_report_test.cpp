#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runsc-like/cli/doctor_print.hpp"

namespace yett {
namespace {

// A host with everything.
KernelFeatures good_host() {
  KernelFeatures features;
  features.release = "6.12.0";
  features.is_root = true;
  features.capabilities = UINT64_MAX;
  features.landlock_abi = 6;
  for (Feature KernelFeatures::* member :
       {&KernelFeatures::user_namespaces, &KernelFeatures::seccomp_notify,
        &KernelFeatures::seccomp_wait_killable, &KernelFeatures::seccomp_sync_wake_up,
        &KernelFeatures::bpf_lsm, &KernelFeatures::cgroup_bpf, &KernelFeatures::overlay,
        &KernelFeatures::squashfs, &KernelFeatures::erofs, &KernelFeatures::erofs_file_backed,
        &KernelFeatures::loop_devices, &KernelFeatures::idmapped_mounts,
        &KernelFeatures::memfd_noexec_sysctl})
    (features.*member).usable = true;
  features.cgroup.layout = CgroupLayout::v2;
  features.cgroup.v2_mount = "/sys/fs/cgroup";
  for (const char* controller : {"memory", "pids", "cpu"})
    features.cgroup.v2_controllers[controller] = true;
  return features;
}

HostReport report_on(const KernelFeatures& features) {
  HostReport report;
  report.features = features;
  report.rows = describe_host(features);
  report.planes = usable_planes(features);
  report.mode = working_mode(report.features, report.rows);
  return report;
}

TEST(HostReport, FindsAGoodHostWhole) {
  const HostReport report = report_on(good_host());
  for (const HostRow& row : report.rows) EXPECT_TRUE(row.there) << row.name;
  EXPECT_EQ(report.mode, Mode::full);
  EXPECT_EQ(report.planes, (std::vector<std::string>{"mount tree", "filter", "supervisor",
                                                     "cgroup-bpf", "bpf-lsm", "landlock-6"}));
}

TEST(HostReport, TellsForEachRowWhatItGivesAndCosts) {
  for (const HostRow& row : describe_host({})) {
    EXPECT_FALSE(row.there) << row.name;
    EXPECT_FALSE(row.gives.empty()) << row.name;
    EXPECT_FALSE(row.without.empty()) << row.name;
    EXPECT_FALSE(row.mend.empty()) << row.name;
  }
}

TEST(HostReport, NeedsOnlyTheNeededForFullMode) {
  KernelFeatures features = good_host();
  features.bpf_lsm = {.usable = false, .detail = "EPERM"};
  features.landlock_abi = 0;
  EXPECT_EQ(report_on(features).mode, Mode::full);
  features.seccomp_notify.usable = false;
  EXPECT_EQ(report_on(features).mode, std::nullopt);
  features = good_host();
  features.is_root = false;
  EXPECT_EQ(report_on(features).mode, Mode::fallback) << "it has no user namespace";
  features.landlock_abi = 5;
  EXPECT_EQ(report_on(features).mode, std::nullopt);
}

TEST(DoctorTable, TellsWhyCostAndMendOfWhatIsMissing) {
  KernelFeatures features = good_host();
  features.bpf_lsm = {.usable = false, .detail = "BPF_PROG_LOAD: Operation not permitted"};
  const std::string text = doctor_table(report_on(features), Detail::everything, Colours::no);
  EXPECT_NE(text.find("- BPF LSM"), std::string::npos);
  EXPECT_NE(text.find("BPF_PROG_LOAD: Operation not permitted"), std::string::npos);
  EXPECT_NE(text.find("boot with lsm="), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << "no colours were asked for";
  EXPECT_NE(doctor_table(report_on(features), Detail::everything, Colours::yes).find('\x1b'),
            std::string::npos);
}

TEST(DoctorJson, IsJson) {
  const auto document = nlohmann::json::parse(doctor_json(report_on(good_host())));
  EXPECT_EQ(document["modes"]["full"], "works");
  EXPECT_EQ(document["features"].size(), describe_host({}).size());
  KernelFeatures odd = good_host();
  odd.bpf_lsm = {.usable = false, .detail = "bytes \xff\x1b"};
  EXPECT_FALSE(nlohmann::json::parse(doctor_json(report_on(odd))).empty());
}

}  // namespace
}  // namespace yett
