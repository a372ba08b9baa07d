// security.md, "Kernel interface": what is outside the sandbox and can only be reached by a socket,
// a key, a terminal or a descriptor that somebody hands in.
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "base/unique_fd.hpp"
#include "tests/adversarial/host_unchanged.hpp"
#include "tests/adversarial/layers.hpp"
#include "tests/support/require.hpp"

namespace yett::test {
namespace {

class Reach : public HostUnchanged {
 protected:
  static UniqueFd listen_at(const char* name, std::size_t length) {
    struct sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    std::memcpy(address.sun_path, name, length);
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto size = static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + length);
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(socket.get(), 16), 0);
    return socket;
  }
};

// ---- abstract sockets ---------------------------------------------------------------------------

TEST_F(Reach, AbstractSocketsOfTheHost) {
  const std::string canary = std::to_string(::getpid());
  const std::string name = std::string(1, '\0') + "yett-canary-" + canary;
  const UniqueFd listener = listen_at(name.data(), name.size());
  const std::vector<std::string> flags{"-e", "CANARY=" + canary};

  // A network namespace of its own has none of the host's names.
  expect_result(results_of(run_attack({"reach_out", "abstract_socket"}, flags)), "abstract_socket",
                "ECONNREFUSED", "with no network");
  // In the host's, Landlock's scope refuses; without it the socket is reached.
  const RunOptions told{.environment = {"CANARY=" + canary}};
  expect_result(results_of(run_program({kAttacks + "/reach_out", "abstract_socket"}, told)),
                "abstract_socket", "ok", "natively");
  std::vector<std::string> host_network = flags;
  host_network.insert(host_network.end(), {"--net", "host"});
  // Before Linux 6.12 nothing refuses: docs/threat-model.md says so.
  if (plan_of({.command = {"true"}}).landlock.scoped == 0) return;
  expect_result(results_of(run_attack({"reach_out", "abstract_socket"}, host_network)),
                "abstract_socket", "EPERM", "with --net host");
  const Missing scope{.from_plan =
                          [canary](SandboxPlan& plan) {
                            plan.namespaces.network = NetworkNamespace::host;
                            plan.landlock.applied = false;
                            plan.process.environment.push_back("CANARY=" + canary);
                          },
                      .calls = {}};
  expect_result(results_of(run_attack_without(scope, {"reach_out", "abstract_socket"})),
                "abstract_socket", "ok", "without Landlock, in the host's network");
}

// No name of ours is among the abstract ones while a sandbox runs.
TEST_F(Reach, TheRuntimeListensNowhere) {
  RunningProgram running(yett_command({"run", "--", "sh", "-c", "echo up; exec sleep 30"}), {});
  ASSERT_TRUE(running.wait_for_output("up", std::chrono::seconds(20)));
  EXPECT_EQ(read_file("/proc/net/unix").find("@yett-run"), std::string::npos);
  for (const std::string& line : {std::string("@yett/"), std::string("@yett.")})
    EXPECT_EQ(read_file("/proc/net/unix").find(line), std::string::npos);
}

// ---- descriptors handed in ----------------------------------------------------------------------

void hand_out(int listener, const std::string& directory) {
  for (;;) {
    const UniqueFd peer(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
    if (!peer.valid()) return;
    const UniqueFd given(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    char byte = 'x';
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    struct iovec vector{.iov_base = &byte, .iov_len = 1};
    struct msghdr message{};
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    struct cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    const int fd = given.get();
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    ::sendmsg(peer.get(), &message, MSG_NOSIGNAL);
  }
}

// A helper outside hands in a directory of the host. It is of no more use than the sandbox's host
// uid is on the host: what is not everybody's stays closed. With BPF LSM it does not even arrive.
TEST_F(Reach, ADirectoryHandedInGivesNothing) {
  const std::string volume = work() + "/volume";
  ASSERT_EQ(::mkdir(volume.c_str(), 0755), 0);
  const std::string path = volume + "/socket";
  const UniqueFd listener = listen_at(path.c_str(), path.size() + 1);
  ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
  std::thread helper([&] { hand_out(listener.get(), work() + "/host"); });

  const std::vector<std::string> attack{"reach_out", "passed_private", "passed_create",
                                        "passed_upwards", "passed_shared"};
  const Results inside = results_of(run_attack(attack, {"-v", volume + ":/data"}));
  for (const char* attempt : {"passed_private", "passed_create", "passed_upwards"})
    expect_result(inside, attempt, "EACCES|EPERM|ECONNREFUSED|ENODATA", "inside");
  const bool bpf_lsm = plan_of({.command = {"true"}}).lsm.labelled;
  expect_result(inside, "passed_shared", bpf_lsm ? "EACCES|EPERM|ENODATA" : "ok", "inside");
  expect_result(results_of(run_attack_without({}, attack, {{volume, "/data", false}})),
                "passed_shared", "ok", "without BPF LSM");

  // Were the sandbox's user the host's root (which the plan never says), it would be one.
  const Missing own_uid{.from_plan =
                            [](SandboxPlan& plan) {
                              plan.identity.host_uid = plan.identity.host_gid = 0;
                              plan.identity.uid_map = {{plan.identity.uid, 0, 1}};
                              plan.identity.gid_map = {{plan.identity.gid, 0, 1}};
                            },
                        .calls = {}};
  const Results off = results_of(run_attack_without(
      own_uid, {"reach_out", "passed_private", "passed_upwards"}, {{volume, "/data", false}}));
  expect_result(off, "passed_private", "ok", "as the host's root");
  ::shutdown(listener.get(), SHUT_RDWR);
  helper.join();
}

// ---- keys ---------------------------------------------------------------------------------------

// SECURITY(session-keyring)
TEST_F(Reach, KeysOfTheCaller) {
  RunOptions options;
  options.before_exec = [] {  // in a session keyring of the child's own, which is gone with it
    ::syscall(SYS_keyctl, 1, nullptr);
    if (::syscall(SYS_add_key, "user", "yett-canary", "x", 1, -3) < 0) ::_exit(124);
  };
  const LaunchOf start{.command = {"/attacks/reach_out", "host_key"},
                       .volumes = {{kAttacks, "/attacks", true}}};
  const auto result = [](const RunResult& run) { return results_of(run).at("host_key"); };
  EXPECT_EQ(result(run_attack({"reach_out", "host_key"}, {}, options)), "EPERM");
  // Without the filter, the new session keyring has no such key; with the caller's, it is found.
  EXPECT_EQ(result(run_without(without_filter(), start, options)), "ENOKEY");
  const Missing new_keyring{.from_plan = {}, .calls = {{SYS_keyctl, 0, 1}}};
  EXPECT_EQ(result(run_without(without({without_filter(), new_keyring}), start, options)), "ok");
}

// ---- the caller's terminal ----------------------------------------------------------------------

// Puts a fresh terminal on descriptor 0 and makes it the controlling one, as a login does.
void sit_at_a_terminal() {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  ::grantpt(master);
  ::unlockpt(master);
  const int slave = ::open(::ptsname(master), O_RDWR | O_NOCTTY);
  ::setsid();
  if (slave < 0 || ::ioctl(slave, TIOCSCTTY, 0) != 0) ::_exit(124);
  ::fchmod(slave, 0666);
  ::dup2(slave, 0);
}

// SECURITY(own-session)
TEST_F(Reach, TheCallersTerminal) {
  RunOptions options;
  options.before_exec = sit_at_a_terminal;
  const std::vector<std::string> attack{"reach_out", "type_into_stdin", "open_tty"};
  const Results inside = results_of(run_attack(attack, {}, options));
  expect_result(inside, "type_into_stdin", "EPERM", "inside");
  expect_result(inside, "open_tty", "ENXIO", "inside");
  // Without the filter its session holds: the terminal is not its controlling one.
  const LaunchOf start{.command = {"/attacks/reach_out", "type_into_stdin", "open_tty"},
                       .volumes = {{kAttacks, "/attacks", true}}};
  const Results unfiltered = results_of(run_without(without_filter(), start, options));
  expect_result(unfiltered, "type_into_stdin", "EPERM|EIO", "without the filter");
  expect_result(unfiltered, "open_tty", "ENXIO", "without the filter");
  // Without either it types (where the kernel still lets anybody: dev.tty.legacy_tiocsti).
  const Missing session{.from_plan = {}, .calls = {{SYS_setsid}}};
  const Results off = results_of(run_without(without({without_filter(), session}), start, options));
  expect_result(off, "type_into_stdin", "ok|EIO", "in the caller's session");
  expect_result(off, "open_tty", "ok|EACCES", "in the caller's session");
}

}  // namespace
}  // namespace yett::test
