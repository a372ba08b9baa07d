// Values of the right type that the specification or the kernel cannot take: one change each to a
// complete good configuration, refused with the JSON path of the change.
#include <gmock/gmock.h>

#include "tests/unit/oci/configs.hpp"

namespace yett::oci {
namespace {

using nlohmann::ordered_json;
using testing::HasSubstr;

struct BadValue {
  const char* at;    // JSON path of what is changed
  const char* json;  // its new value
  const char* words;
  const char* told = nullptr;  // the path in the message, where it is another
};

class BadValues : public testing::TestWithParam<BadValue> {};

TEST_P(BadValues, AreRefusedByTheirPath) {
  const BadValue& bad = GetParam();
  ordered_json config = good_json("everything.json");
  config[ordered_json::json_pointer(bad.at)] = ordered_json::parse(bad.json);
  const std::string message = refusal_of(config.dump());
  const std::string path = bad.told != nullptr ? bad.told : bad.at;
  EXPECT_THAT(message, HasSubstr("config.json: " + path + ": "));
  EXPECT_THAT(message, HasSubstr(bad.words));
  EXPECT_EQ(message.find('\n'), std::string::npos) << "one fault, one line: " << message;
}

INSTANTIATE_TEST_SUITE_P(
    Top, BadValues,
    testing::Values(
        BadValue{"/ociVersion", R"("")", "is no version"},
        BadValue{"/ociVersion", R"("1")", "is no version"},
        BadValue{"/ociVersion", R"("1.2")", "is no version"},
        BadValue{"/ociVersion", R"("1.2.x")", "is no version"},
        BadValue{"/ociVersion", R"("01.2.0")", "is no version"},
        BadValue{"/ociVersion", R"("1.2.0-")", "is no version"},
        BadValue{"/ociVersion", R"("v1.2.0")", "is no version"},
        BadValue{"/ociVersion", R"("1.2.0 ")", "is no version"},
        BadValue{"/ociVersion", R"("1.4.0")", "not supported"},
        BadValue{"/ociVersion", R"("2.0.0")", "not supported"},
        BadValue{"/ociVersion", R"("0.9.0")", "not supported"},
        BadValue{"/root/path", R"("")", "is empty"},
        BadValue{"/hostname",
                 R"("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff12345")",
                 "longer than 64"},
        BadValue{"/mounts/0/destination", R"("")", "is empty"},
        BadValue{"/mounts/1/uidMappings", "[]", "both or none"},
        BadValue{"/mounts/1/options", R"(["ro"])", "bind mounts only", "/mounts/1/uidMappings"},
        BadValue{"/mounts/1/source", "null", "is missing"},
        BadValue{"/mounts/1/gidMappings/0/size", "0", "is 0"},
        BadValue{"/hooks/prestart/0/path", R"("first")", "no absolute path"},
        BadValue{"/hooks/poststop/0/path", R"("./x")", "no absolute path"},
        BadValue{"/hooks/createRuntime/0/path", R"("")", "no absolute path"},
        BadValue{"/hooks/prestart/0/timeout", "0", "from 1"},
        BadValue{"/hooks/prestart/0/timeout", "-1", "from 1"},
        BadValue{"/hooks/prestart/0/timeout", "4294967296", "from 1"},
        BadValue{"/hooks/prestart/0/env", R"(["A"])", "no NAME=VALUE", "/hooks/prestart/0/env/0"},
        BadValue{"/annotations/", R"("x")", "needs a name"}));

INSTANTIATE_TEST_SUITE_P(
    Process, BadValues,
    testing::Values(
        BadValue{"/process/consoleSize/height", "65536", "from 0 to 65535"},
        BadValue{"/process/consoleSize/width", "-1", "from 0 to 65535"},
        BadValue{"/process/user/uid", "-1", "is -1"},
        BadValue{"/process/user/uid", "4294967295", "from 0 to 4294967294"},
        BadValue{"/process/user/uid", "4294967296", "from 0 to 4294967294"},
        BadValue{"/process/user/uid", "\"1000\"", "is a string"},
        BadValue{"/process/user/gid", "2147483648000", "from 0"},
        BadValue{"/process/user/gid", "18446744073709551616", "no whole number within 64 bits"},
        BadValue{"/process/user/umask", "512", "from 0 to 511"},
        BadValue{"/process/user/additionalGids/0", "4294967295", "no group"},
        BadValue{"/process/user/additionalGids/1", "-5", "is -5"},
        BadValue{"/process/args", "[]", "is empty"},
        BadValue{"/process/args/0", "\"\"", "is empty"},
        BadValue{"/process/args/1", "null", "is null"},
        BadValue{"/process/env/0", "\"PATH\"", "no NAME=VALUE"},
        BadValue{"/process/env/1", "\"=x\"", "no NAME=VALUE"},
        BadValue{"/process/env/1", "\"\"", "no NAME=VALUE"},
        BadValue{"/process/cwd", "\"home\"", "no absolute path"},
        BadValue{"/process/cwd", "\"\"", "no absolute path"},
        BadValue{"/process/cwd", "\"./\"", "no absolute path"},
        BadValue{"/process/rlimits/0/type", "\"RLIMIT_FILES\"", "is not known"},
        BadValue{"/process/rlimits/0/type", "\"NOFILE\"", "is not known"},
        BadValue{"/process/rlimits/0/type", "\"rlimit_nofile\"", "is not known"},
        BadValue{"/process/rlimits/1/type", "\"RLIMIT_NOFILE\"", "there twice"},
        BadValue{"/process/rlimits/0/soft", "5000", "above the hard limit"},
        BadValue{"/process/rlimits/0/hard", "-1", "is -1"},
        BadValue{"/process/oomScoreAdj", "1001", "from -1000 to 1000"},
        BadValue{"/process/oomScoreAdj", "-1001", "from -1000 to 1000"},
        BadValue{"/process/scheduler/policy", "\"SCHED_NONE\"", "is not known"},
        BadValue{"/process/scheduler/policy", "\"SCHED_FIF0\"", "did you mean SCHED_FIFO?"},
        BadValue{"/process/scheduler/priority", "0", "1 to 99"},
        BadValue{"/process/scheduler/priority", "100", "1 to 99"},
        BadValue{"/process/scheduler/nice", "20", "from -20 to 19"},
        BadValue{"/process/scheduler/nice", "5", "SCHED_OTHER and SCHED_BATCH only"},
        BadValue{"/process/scheduler/runtime", "5", "SCHED_DEADLINE only", "/process/scheduler"},
        BadValue{"/process/scheduler/flags/0", "\"RESET\"", "is not known"},
        BadValue{"/process/scheduler", R"({"policy": "SCHED_DEADLINE"})", "runtime <= deadline"},
        BadValue{"/process/scheduler", R"({"policy": "SCHED_OTHER", "priority": 1})",
                 "SCHED_FIFO and SCHED_RR only", "/process/scheduler/priority"},
        BadValue{"/process/ioPriority/class", "\"IOPRIO_CLASS_NONE\"", "is not known"},
        BadValue{"/process/ioPriority/priority", "8", "from 0 to 7"},
        BadValue{"/process/ioPriority/priority", "-1", "from 0 to 7"},
        BadValue{"/process/execCPUAffinity/initial", "\"0;1\"", "no list of numbers"},
        BadValue{"/process/execCPUAffinity/final", "\"all\"", "no list of numbers"}));

// id-mappings
INSTANTIATE_TEST_SUITE_P(
    Identity, BadValues,
    testing::Values(
        BadValue{"/linux/namespaces/0/type", "\"pids\"", "did you mean pid?"},
        BadValue{"/linux/namespaces/0/type", "\"net\"", "is not known"},
        BadValue{"/linux/namespaces/0/type", "\"\"", "is not known"},
        BadValue{"/linux/namespaces/3/type", "\"pid\"", "there twice"},
        BadValue{"/linux/namespaces/1/path", "\"netns\"", "no absolute path"},
        BadValue{"/linux/uidMappings", "[]", "is missing"},
        BadValue{"/linux/gidMappings", "[]", "is missing"},
        BadValue{"/linux/uidMappings/0/size", "0", "is 0"},
        BadValue{"/linux/uidMappings/0/size", "4294967296", "from 1 to 4294967295"},
        BadValue{"/linux/uidMappings/1/containerID", "4294967295", "beyond the last id",
                 "/linux/uidMappings/1"},
        BadValue{"/linux/uidMappings/1/hostID", "4294967295", "beyond the last id",
                 "/linux/uidMappings/1"},
        BadValue{"/linux/uidMappings/1/containerID", "65535", "overlaps mapping 0",
                 "/linux/uidMappings/1"},
        BadValue{"/linux/uidMappings/1/hostID", "100000", "overlaps mapping 0",
                 "/linux/uidMappings/1"},
        BadValue{"/linux/gidMappings/0/hostID", "-1", "is -1"},
        BadValue{"/linux/timeOffsets/monotonic/nanosecs", "1000000000", "from 0 to 999999999"},
        BadValue{"/linux/timeOffsets/monotonic/secs", "9223372036854775808", "a whole number"},
        BadValue{"/linux/timeOffsets/realtime", "{}", "no clock of a time namespace"},
        BadValue{"/linux/namespaces/7/path", "\"/proc/1/ns/time\"", "new time namespace",
                 "/linux/timeOffsets"},
        BadValue{"/linux/netDevices/eth7/name", "\"a-name-of-16-char\"", "no name of a network"},
        BadValue{"/linux/netDevices/eth7/name", "\"a/b\"", "no name of a network"},
        BadValue{"/linux/netDevices/eth7/name", "\"..\"", "no name of a network"},
        BadValue{"/linux/netDevices/eth7/name", "\"eth0:1\"", "no name of a network"},
        BadValue{"/linux/netDevices/eth7/name", "\"eth8\"", "would both be",
                 "/linux/netDevices/eth8"},
        BadValue{"/linux/netDevices/", "{}", "no name of a network"},
        BadValue{"/linux/netDevices/a b", "{}", "no name of a network"}));

// cgroup-path, sysctl-values, clos-names; and what a sysctl outside of all namespaces meets
INSTANTIATE_TEST_SUITE_P(
    Linux, BadValues,
    testing::Values(
        BadValue{"/linux/devices/0/type", "\"x\"", "no type of device"},
        BadValue{"/linux/devices/0/type", "\"\"", "no type of device"},
        BadValue{"/linux/devices/0/type", "\"char\"", "no type of device"},
        BadValue{"/linux/devices/0/path", "\"dev/fuse\"", "no absolute path"},
        BadValue{"/linux/devices/0/major", "-1", "is -1"},
        BadValue{"/linux/devices/0/major", "4096", "from 0 to 4095"},
        BadValue{"/linux/devices/0/minor", "1048576", "from 0 to 1048575"},
        BadValue{"/linux/devices/0/fileMode", "65536", "from 0 to 65535"},
        BadValue{"/linux/devices/0/uid", "4294967296", "from 0"},
        BadValue{"/linux/cgroupsPath", "\"../../escape\"", "leads out"},
        BadValue{"/linux/cgroupsPath", "\"/a/../../b\"", "leads out"},
        BadValue{"/linux/cgroupsPath", "\"/a\\nb\"", "leads out"},
        BadValue{"/linux/rootfsPropagation", "\"public\"", "is not known"},
        BadValue{"/linux/sysctl/net.ipv4.ip_forward", "\"1\\n0\"", "more than one line"},
        BadValue{"/linux/sysctl/kernel.shmmax", "\"1\\r\"", "more than one line"},
        BadValue{"/linux/sysctl/kernel.core_pattern", "\"|/x\"", "would change the host"},
        BadValue{"/linux/sysctl/kernel.shm_rmid_forced+kernel.core_pattern", "\"1\"",
                 "no name of a sysctl"},
        BadValue{"/linux/sysctl/net..ipv4", "\"1\"", "no name of a sysctl"},
        BadValue{"/linux/sysctl/.net.ipv4", "\"1\"", "no name of a sysctl"},
        BadValue{"/linux/sysctl/net.", "\"1\"", "no name of a sysctl"},
        BadValue{"/linux/sysctl/net\n.ipv4", "\"1\"", "no name of a sysctl",
                 "/linux/sysctl/net\\x0a.ipv4"},
        BadValue{"/linux/sysctl/net~1..~1kernel", "\"1\"", "no name of a sysctl"},
        BadValue{"/linux/sysctl/", "\"1\"", "no name of a sysctl"},
        BadValue{"/linux/sysctl/kernel.hostname", "\"x\"", "hostname"},
        BadValue{"/linux/sysctl/vm.swappiness", "\"1\"", "would change the host"},
        BadValue{"/linux/sysctl/kernel~1randomize_va_space", "\"0\"", "would change the host"},
        BadValue{"/linux/maskedPaths/0", "\"proc/kcore\"", "no absolute path"},
        BadValue{"/linux/readonlyPaths/0", "\"proc/sys\"", "no absolute path"},
        BadValue{"/linux/readonlyPaths/0", "\"\"", "no absolute path"},
        BadValue{"/linux/intelRdt/closID", "\"..\"", "no name of a directory"},
        BadValue{"/linux/intelRdt/closID", "\"a/b\"", "no name of a directory"},
        BadValue{"/linux/intelRdt/schemata/0", "\"L3:0=f\\nMB:0=1\"", "more than one line"},
        BadValue{"/linux/intelRdt/memBwSchema", "\"0=20\"", "MB:"},
        BadValue{"/linux/intelRdt/memBwSchema", "\"MB:0=20\\nL3:0=1\"", "one line"},
        BadValue{"/linux/personality/domain", "\"BSD\"", "is not known"},
        BadValue{"/linux/personality/flags", "[\"ADDR_NO_RANDOMIZE\"]", "defines no flag",
                 "/linux/personality/flags/0"},
        BadValue{"/linux/memoryPolicy/mode", "\"MPOL_BOUND\"", "MPOL_BIND"},
        BadValue{"/linux/memoryPolicy/nodes", "\"0..1\"", "no list of numbers"},
        BadValue{"/linux/memoryPolicy/nodes", "\"3-1\"", "no list of numbers"},
        BadValue{"/linux/memoryPolicy/nodes", "\"70000\"", "no list of numbers"},
        BadValue{"/linux/memoryPolicy/nodes", "\"\"", "is missing"},
        BadValue{"/linux/memoryPolicy/mode", "\"MPOL_LOCAL\"", "without nodes",
                 "/linux/memoryPolicy/nodes"},
        BadValue{"/linux/memoryPolicy/flags", R"(["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"])",
                 "not both"},
        BadValue{"/linux/memoryPolicy/flags/0", "\"STATIC\"", "is not known"}));

// cgroup-file-names
INSTANTIATE_TEST_SUITE_P(
    Resources, BadValues,
    testing::Values(
        BadValue{"/linux/resources/devices/0/type", "\"p\"", "no type of device"},
        BadValue{"/linux/resources/devices/1/type", "\"cb\"", "no type of device"},
        BadValue{"/linux/resources/devices/0/access", "\"rwx\"", "no access"},
        BadValue{"/linux/resources/devices/1/major", "-2", "from -1"},
        BadValue{"/linux/resources/memory/limit", "-2", "from -1"},
        BadValue{"/linux/resources/memory/limit", "9223372036854775808", "from -1"},
        BadValue{"/linux/resources/memory/swap", "1", "less than limit"},
        BadValue{"/linux/resources/memory/swappiness", "101", "from 0 to 100"},
        BadValue{"/linux/resources/cpu/shares", "-1", "is -1"},
        BadValue{"/linux/resources/cpu/quota", "-2", "from -1"},
        BadValue{"/linux/resources/cpu/cpus", "\"a-b\"", "no list of numbers"},
        BadValue{"/linux/resources/cpu/mems", "\"0\\n1\"", "no list of numbers"},
        BadValue{"/linux/resources/cpu/idle", "2", "from 0 to 1"},
        BadValue{"/linux/resources/blockIO/weight", "9", "10 to 1000"},
        BadValue{"/linux/resources/blockIO/weight", "1001", "10 to 1000"},
        BadValue{"/linux/resources/blockIO/leafWeight", "65536", "from 0 to 65535"},
        BadValue{"/linux/resources/blockIO/weightDevice/0", R"({"major": 8, "minor": 0})",
                 "neither weight nor leafWeight"},
        BadValue{"/linux/resources/blockIO/weightDevice/0/weight", "5", "10 to 1000"},
        BadValue{"/linux/resources/blockIO/throttleReadBpsDevice/0/major", "-1", "is -1"},
        BadValue{"/linux/resources/blockIO/throttleWriteIOPSDevice/0/rate", "-1", "is -1"},
        BadValue{"/linux/resources/hugepageLimits/0/pageSize", "\"2M\"", "no size of a page"},
        BadValue{"/linux/resources/hugepageLimits/0/pageSize", "\"02MB\"", "no size of a page"},
        BadValue{"/linux/resources/hugepageLimits/0/pageSize", "\"MB\"", "no size of a page"},
        BadValue{"/linux/resources/hugepageLimits/0/pageSize", "\"2mb\"", "no size of a page"},
        BadValue{"/linux/resources/network/priorities/0/name", "\"\"", "is empty"},
        BadValue{"/linux/resources/network/priorities/0/name", "\"a b\"", "white space"},
        BadValue{"/linux/resources/network/classID", "4294967296", "from 0"},
        BadValue{"/linux/resources/rdma/mlx5_1", "{}", "neither hcaHandles nor hcaObjects"},
        BadValue{"/linux/resources/rdma/mlx5_1/hcaHandles", "-1", "is -1"},
        BadValue{"/linux/resources/unified/..~1x.max", "\"1\"", "no file of a controller"},
        BadValue{"/linux/resources/unified/memory", "\"1\"", "no file of a controller"},
        BadValue{"/linux/resources/unified/cgroup.procs", "\"1\"", "belongs to the runtime"}));

INSTANTIATE_TEST_SUITE_P(
    Seccomp, BadValues,
    testing::Values(BadValue{"/linux/seccomp/defaultAction", "\"SCMP_ACT_DENY\"", "is not known"},
                    BadValue{"/linux/seccomp/defaultAction", "\"SCMP_ACT_ALLOW\"",
                             "returns no errno", "/linux/seccomp/defaultErrnoRet"},
                    BadValue{"/linux/seccomp/defaultErrnoRet", "4096", "from 0 to 4095"},
                    BadValue{"/linux/seccomp/architectures/0", "\"x86_64\"", "is not known"},
                    BadValue{"/linux/seccomp/flags/0", "\"SECCOMP_FILTER_FLAG_NEW_LISTENER\"",
                             "is not known"},
                    BadValue{"/linux/seccomp/listenerPath", "\"agent.sock\"", "no absolute path"},
                    BadValue{"/linux/seccomp/listenerPath", "\"\"", "needs listenerPath",
                             "/linux/seccomp/listenerMetadata"},
                    BadValue{"/linux/seccomp/syscalls/0/names", "[]", "is empty"},
                    BadValue{"/linux/seccomp/syscalls/0/names/1", "\"\"", "is empty"},
                    BadValue{"/linux/seccomp/syscalls/0/action", "\"ALLOW\"", "is not known"},
                    BadValue{"/linux/seccomp/syscalls/0/action", "\"SCMP_ACT_ALOW\"",
                             "did you mean SCMP_ACT_ALLOW?"},
                    BadValue{"/linux/seccomp/syscalls/0/errnoRet", "1", "returns no errno"},
                    BadValue{"/linux/seccomp/syscalls/1/errnoRet", "70000", "from 0 to 4095"},
                    BadValue{"/linux/seccomp/syscalls/1/args/0/index", "6", "from 0 to 5"},
                    BadValue{"/linux/seccomp/syscalls/1/args/0/index", "-1", "from 0 to 5"},
                    BadValue{"/linux/seccomp/syscalls/1/args/0/value", "18446744073709551616",
                             "no whole number within 64 bits"},
                    BadValue{"/linux/seccomp/syscalls/1/args/0/op", "\"==\"", "is not known"},
                    BadValue{"/linux/seccomp/syscalls/1/args/0/op", "\"SCMP_CMP_MASKED\"",
                             "did you mean SCMP_CMP_MASKED_EQ?"}));

// What needs a namespace of the container, without it: host-name, sysctl-namespaces.
struct Missing {
  const char* type;
  std::vector<std::string> told;
};

TEST(BadTogether, WhatNeedsANamespaceIsNamedWithoutIt) {
  const std::vector<Missing> cases{
      {"uts", {"/hostname", "/domainname"}},
      {"user", {"/linux/uidMappings", "/linux/gidMappings"}},
      {"time", {"/linux/timeOffsets"}},
      {"mount", {"/linux/maskedPaths", "/linux/readonlyPaths"}},
      {"ipc", {"/linux/sysctl/kernel.shmmax"}},
      {"network", {"/linux/netDevices", "/linux/sysctl/net.ipv4.ip_forward"}},
  };
  for (const Missing& missing : cases) {
    ordered_json config = good_json("everything.json");
    auto& namespaces = config["linux"]["namespaces"];
    std::erase_if(namespaces.get_ref<ordered_json::array_t&>(),
                  [&](const ordered_json& each) { return each["type"] == missing.type; });
    const std::string message = refusal_of(config.dump());
    for (const std::string& path : missing.told)
      EXPECT_THAT(message, HasSubstr("config.json: " + path + ": needs a ")) << missing.type;
  }
}

TEST(BadTogether, AnIdmappedMountNeedsMappingsFromSomewhere) {
  ordered_json config = good_json("runc_spec.json");
  config["mounts"].push_back(
      {{"destination", "/x"}, {"source", "/y"}, {"options", {"bind", "idmap"}}});
  EXPECT_THAT(refusal_of(config.dump()), HasSubstr("/options: idmap needs mappings"));
}

TEST(BadTogether, AllFaultsOfAFileAreTold) {
  ordered_json config = good_json("everything.json");
  config["process"]["cwd"] = "x";
  config["root"]["path"] = 5;
  config["linux"]["cgroupsPath"] = "/..";
  const std::string message = refusal_of(config.dump());
  for (const char* path : {"/process/cwd", "/root/path", "/linux/cgroupsPath"})
    EXPECT_THAT(message, HasSubstr(path));
}

}  // namespace
}  // namespace yett::oci
