// Small pure parts of the BPF room: events as records, mount points, policy flags.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstring>

#include "ioctl_uapi/lsm_policy.h"
#include "supervisor/lsm/event_record.hpp"
#include "supervisor/lsm/lsm_entry.hpp"
#include "supervisor/lsm/mount_points.hpp"

namespace yett {
namespace {

yett_event event(std::uint16_t hook, std::uint16_t reason) {
  yett_event result{};
  result.time_ns = 5;
  result.pid = 42;
  result.error = -13;
  result.hook = hook;
  result.reason = reason;
  std::strcpy(result.comm, "thief");
  return result;
}

TEST(EventRecord, AFileIsNamedWithItsMend) {
  yett_event open = event(YETT_HOOK_FILE_OPEN, YETT_REASON_NOT_BELOW);
  std::strcpy(open.object, "/etc/passwd");
  const AuditRecord record = make_event_record(open, "box", "bpf-lsm", 100);
  EXPECT_EQ(record.time_ns, 105);
  EXPECT_EQ(record.sandbox, "box");
  EXPECT_EQ(record.pid, 42);
  EXPECT_EQ(record.comm, "thief");
  EXPECT_EQ(record.call, "file_open");
  EXPECT_EQ(record.object, "/etc/passwd");
  EXPECT_EQ(record.rule, "files.write");
  EXPECT_EQ(record.mend, "[files] write += [\"/etc/passwd\"]");
  EXPECT_EQ(record.error, 13);
  EXPECT_EQ(record.verdict, VerdictKind::deny);
}

TEST(EventRecord, AnObjectWithoutEndIsCutAtItsField) {
  yett_event open = event(YETT_HOOK_FILE_OPEN, YETT_REASON_NOT_BELOW);
  std::memset(open.object, 'a', sizeof open.object);
  std::memset(open.comm, 'b', sizeof open.comm);
  const AuditRecord record = make_event_record(open, "box", "bpf-lsm", 0);
  EXPECT_EQ(record.object.size(), sizeof open.object);
  EXPECT_EQ(record.comm.size(), sizeof open.comm);
}

TEST(EventRecord, AnEndpointIsWrittenAsARuleWouldBe) {
  yett_event connect = event(YETT_HOOK_CONNECT, YETT_REASON_NO_ENDPOINT);
  connect.family = AF_INET6;
  connect.protocol = 6;
  connect.port = 443;
  ::inet_pton(AF_INET6, "2001:db8::1", connect.address);
  EXPECT_EQ(make_event_record(connect, "box", "bpf-lsm", 0).object, "tcp://[2001:db8::1]:443");
  yett_event bind = event(YETT_HOOK_BIND, YETT_REASON_NO_ENDPOINT);
  bind.family = AF_INET;
  bind.protocol = 17;
  bind.port = 53;
  EXPECT_EQ(make_event_record(bind, "box", "bpf-lsm", 0).mend,
            "[network] listen += [\"udp://0.0.0.0:53\"]");
}

TEST(EventRecord, EveryHookHasAName) {
  for (std::uint16_t hook = 1; hook < YETT_HOOK_COUNT; ++hook)
    EXPECT_STRNE(lsm_hook_name(hook), "unknown") << hook;
  EXPECT_STREQ(lsm_hook_name(YETT_HOOK_COUNT), "unknown");
  EXPECT_STREQ(lsm_hook_name(YETT_HOOK_DEVICE), "device");
  EXPECT_STREQ(lsm_hook_name(YETT_HOOK_KERNEL_LOG), "syslog");
}

TEST(MountPoints, AreTheFifthFieldUnescaped) {
  const auto points = parse_mount_points(
      "22 1 0:20 / / rw - ext4 /dev/sda rw\n"
      "23 22 0:21 / /with\\040space\\134 rw - tmpfs tmpfs rw\n"
      "broken\n");
  EXPECT_EQ(points, (std::vector<std::string>{"/", "/with space\\"}));
}

TEST(MountPoints, BelowIsByWholeNames) {
  EXPECT_TRUE(is_below("/data/x", "/data"));
  EXPECT_TRUE(is_below("/data", "/"));
  EXPECT_FALSE(is_below("/data", "/data"));
  EXPECT_FALSE(is_below("/database", "/data"));
  EXPECT_FALSE(is_below("/", "/"));
}

TEST(PolicyFlags, FollowThePlan) {
  LsmPlan plan;
  const std::uint32_t plain = make_policy_flags(plan);
  EXPECT_TRUE(plain & YETT_REFUSE_EXEC_OF_WRITTEN);
  EXPECT_TRUE(plain & YETT_REFUSE_MOUNTS);
  EXPECT_FALSE(plain & (YETT_RESTRICT_WRITE | YETT_RESTRICT_EXEC | YETT_REFUSE_NETWORK));
  EXPECT_FALSE(plain & YETT_REFUSE_SET_IDS);
  plan.deny_set_ids = true;
  plan.deny_network = true;
  plan.deny_exec_of_written = false;
  plan.write = {{.path = "/data", .source = {}}};
  plan.connect = {EndpointRule{}};
  const std::uint32_t restricted = make_policy_flags(plan);
  EXPECT_TRUE(restricted & YETT_REFUSE_NETWORK);
  EXPECT_TRUE(restricted & YETT_REFUSE_SET_IDS);
  EXPECT_TRUE(restricted & YETT_RESTRICT_WRITE);
  EXPECT_TRUE(restricted & YETT_RESTRICT_CONNECT);
  EXPECT_TRUE(restricted & YETT_RESTRICT_LISTEN);
  EXPECT_FALSE(restricted & YETT_REFUSE_EXEC_OF_WRITTEN);
  EXPECT_EQ(restricted & ~YETT_POLICY_FLAGS_ALL, 0U);
}

}  // namespace
}  // namespace yett
