// Attacks on the rootless mode: what it holds by other planes than root would.
#include <gtest/gtest.h>

#include <string>

#include "tests/integration/rootless_fixture.hpp"
#include "tests/support/port_attack.hpp"

namespace yett::test {
namespace {

class RootlessAttack : public RootlessCase {
 protected:
  void SetUp() override {
    RootlessCase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    const RunResult probe = under("connect = [\"tcp://*:1\"]\n", "");
    YETT_REQUIRE_OF_KERNEL(
        probe.err.find("no plane here can hold network rules") == std::string::npos,
        "Landlock has no ports here");
  }
  // The same program under rules on the host's network, and as the user without a sandbox.
  [[nodiscard]] RunResult under(const std::string& rules, const std::string& attack) const {
    return run({"--mode", "rootless", "--audit", home_->path() + "/audit", "--policy",
                policy("[network]\nmode = \"host\"\n" + rules), "--", "python3", "-c", attack});
  }
  [[nodiscard]] RunResult outside(const std::string& attack) const {
    return as_user({"python3", "-c", attack});
  }
};

// Landlock's hook for connect(2) is not asked by it. SECURITY(fast-open)
TEST_F(RootlessAttack, FastOpenDoesNotGoPastThePorts) {
  const HostListener listener;
  const std::string attack = port_attack(listener.port());
  const RunResult refused = under("connect = [\"tcp://*:1\"]\n", attack);
  EXPECT_EQ(refused.out, "") << refused.text();
  const RunResult allowed = under("connect = [\"tcp://*:" + listener.port() + "\"]\n", attack);
  EXPECT_EQ(allowed.out, "connect\nfast option\n") << allowed.text();
  const RunResult twin = outside(attack);
  EXPECT_EQ(twin.out.find("connect\nfast open\nfast message\nfast messages\nfast option\n"), 0U)
      << twin.text();
}

// Landlock has no right for listening: a socket that nobody bound would listen at any port.
// SECURITY(landlock-listen)
TEST_F(RootlessAttack, NobodyListensAtAPortOfTheKernelsChoice) {
  const HostListener listener;
  const std::string attack =
      port_attack(listener.port()) + port_server("61237") +
      "u = socket.socket(socket.AF_UNIX)\n"
      "u.bind('u')\n"
      "u.listen()\n"
      "v = socket.socket(socket.AF_UNIX)\n"
      "v.connect('u')\n"
      "import struct\n"
      "print(struct.unpack('3i', v.getsockopt(1, 17, 12))[1:] == (os.getuid(), os.getgid()))\n";
  const RunResult held = under(
      "listen = [\"tcp://*:61237\"]\nconnect = [\"tcp://*:61237\", \"tcp://*:" + listener.port() +
          "\"]\n",
      attack);
  EXPECT_EQ(held.out, "connect\nfast option\nbound\nTrue\n") << held.text();
  EXPECT_NE(text_of(home_->path() + "/audit").find("\"rule\":\"network.listen\""),
            std::string::npos);
  const RunResult twin = outside(attack);
  EXPECT_NE(twin.out.find("listen\nlisten by IPv6\nlisten again\nbound\nTrue\n"), std::string::npos)
      << twin.text();
}

}  // namespace
}  // namespace yett::test
