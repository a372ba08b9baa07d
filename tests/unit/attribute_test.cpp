// Attribution: which plane is told for a call that failed, as a table; and what is told of none.
#include "supervisor/explain/attribute.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "sandbox/plan/planner.hpp"
#include "sandbox/policy/parse_policy.hpp"
#include "supervisor/explain/explanation.hpp"
#include "tests/unit/full_features.hpp"

namespace yett {
namespace {

SandboxPlan plan_of(const char* policy) {
  const SandboxRequest request{.command = {"true"}, .trace = true};
  const PlanContext context{.identity_seed = 1, .host_root_entries = {"usr", "bin -> usr/bin"}};
  auto plan = make_plan(request, *parse_policy(policy, "p.toml"), test::make_features(), context);
  EXPECT_TRUE(plan) << plan.error().message();
  return *std::move(plan);
}

ObservedCall failed(std::uint32_t call, int error, const char* path = nullptr) {
  ObservedCall observed{.snapshot = {.architecture = 0xC000003E, .call = call}, .error = error};
  if (path != nullptr) observed.path = ObservedPath{.path = path, .inside = error != ENOENT};
  return observed;
}

ObservedCall on_host(ObservedCall call) {
  call.path->on_host = true;
  call.path->host_mode = S_IFREG | 0644;
  return call;
}

std::string told(const char* policy, const ObservedCall& call) {
  const SandboxPlan plan = plan_of(policy);
  const auto record = Attribution(plan).explain(call);
  return record ? record->plane + " | " + record->rule + " | " + record->mend : "nothing";
}

TEST(Attribution, FilesOfTheMountTree) {
  EXPECT_EQ(told("", on_host(failed(SYS_openat, ENOENT, "/srv/a"))),
            "mount tree | built in: of the host, only what a rule names is inside | "
            "[files] read += [\"/srv/a\"]");
  EXPECT_EQ(told("", failed(SYS_openat, ENOENT, "/srv/nowhere")), "nothing");
  EXPECT_EQ(told("[files]\nread = [\"/srv\"]\n", failed(SYS_unlink, EROFS, "/srv/a/b")),
            "mount tree | p.toml:2:9: files.read /srv | [files] write += [\"/srv/a\"]");
  EXPECT_EQ(told("[files]\nread = [\"/srv\"]\n", failed(SYS_unlink, EROFS, "/srv/b")),
            "mount tree | p.toml:2:9: files.read /srv | [files] read -= [\"/srv\"]; "
            "[files] write += [\"/srv\"]");
  EXPECT_EQ(told("", failed(SYS_unlink, EROFS, "/usr/bin/env")),
            "mount tree | built in: /usr is read-only | ");
  EXPECT_EQ(
      told("[files]\ndeny = [\"/usr/bin/ssh\"]\n", failed(SYS_execve, EACCES, "/usr/bin/ssh")),
      "mount tree | p.toml:2:9: files.deny /usr/bin/ssh | [files] deny -= [\"/usr/bin/ssh\"]");
  EXPECT_EQ(told("", failed(SYS_execve, EACCES, "/tmp/mine")),
            "mount tree | exec.written_files = false: /tmp is writable, so noexec | "
            "[exec] written_files = true");
}

TEST(Attribution, ProgramsAmongTheLibrariesAreLandlocks) {
  const char* policy = "[files]\nexec = [\"/usr/bin/env\"]\n";
  EXPECT_EQ(told(policy, failed(SYS_execve, EACCES, "/usr/lib/x/tool")),
            "landlock | p.toml:2:9: files.exec | [files] exec += [\"/usr/lib/x/tool\"]");
  EXPECT_EQ(told(policy, failed(SYS_execve, EACCES, "/usr/bin/true")),
            "mount tree | p.toml:2:9: files.exec | [files] exec += [\"/usr/bin/true\"]");
}

TEST(Attribution, TheFilterIsEvaluatedAgainOnTheRegisters) {
  EXPECT_EQ(told("", failed(SYS_ptrace, EPERM)),
            "filter | plugin: ptrace | [syscalls] allow += [\"ptrace\"]");
  EXPECT_EQ(told("", failed(SYS_ptrace, ESRCH)), "nothing");
  EXPECT_EQ(told("", failed(9999, ENOSYS)), "filter | filter: calls without a rule | ");
  ObservedCall socket = failed(SYS_socket, EAFNOSUPPORT);
  socket.snapshot.arguments = {AF_PACKET, SOCK_RAW, 768};
  EXPECT_EQ(told("", socket), "filter | plugin: socket | ");
  socket.snapshot.arguments = {AF_INET, SOCK_STREAM, 0};
  EXPECT_EQ(told("", socket), "nothing");
}

TEST(Attribution, NetworksAndLimits) {
  ObservedCall connect = failed(SYS_connect, ENETUNREACH);
  connect.endpoint = "tcp://192.0.2.1:443";
  EXPECT_EQ(
      told("", connect),
      "namespaces | p.toml: network.mode = none | [network] connect += [\"tcp://192.0.2.1:443\"]");
  EXPECT_EQ(told("[limits]\nopen_files = 64\n", failed(SYS_openat, EMFILE)),
            "rlimit | p.toml:2:14: limits.open_files = 64 | [limits] open_files = 128");
}

TEST(Explanation, EscapesWhatATargetChose) {
  ToldRecord record;
  record.record.plane = "mount tree";
  record.record.call = "openat";
  record.record.object = "/a\033[2J\nplane  filter";
  record.record.comm = "\033]0;x";
  const std::string text = explanation_text(
      explain_record(record, [](const std::string&) { return false; }), Colour::no);
  EXPECT_EQ(text.find('\033'), std::string::npos);
  EXPECT_EQ(text.find("\nplane  filter"), std::string::npos);
}

TEST(ToldRecord, ALogWithStrangeLinesIsReadOn) {
  const std::string log =
      "not json\n[1,2]\n{\"event\":\"start\",\"sandbox\":\"b\",\"backends\":[\"filter\"]}\n"
      "{\"sandbox\":\"b\",\"plane\":\"filter\",\"call\":\"ptrace\",\"verdict\":\"deny\","
      "\"errno\":\"EPERM\",\"id\":\"b.1\"}\n{\"sandbox\":\"b\",\"plane\":7,\"call\":\"x\"}\n{\"cut";
  const auto last = find_record(log, Wanted::last, "");
  ASSERT_TRUE(last);
  EXPECT_EQ(last->record.id, "b.1");
  EXPECT_EQ(last->record.error, EPERM);
  EXPECT_EQ(last->backends, std::vector<std::string>{"filter"});
  EXPECT_FALSE(find_record(log, Wanted::by_id, "b.2"));
  EXPECT_FALSE(parse_record("{}"));
}

}  // namespace
}  // namespace yett
