// What a call costs that BPF LSM lets pass: printed, and held to a bound so loose that only a
// mistake breaks it (this runs emulated, among other tests).
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "supervisor/lsm/kernel_planes.hpp"
#include "tests/bpf/labelled_task.hpp"

namespace yett::test {
namespace {

constexpr int kRounds = 3;
constexpr int kCalls = 1000;

double now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

// The best of some rounds: noise only adds.
template <typename Call>
double cost_ns(Call call) {
  double best = 1e18;
  for (int round = 0; round < kRounds; ++round) {
    const double begin = now_ns();
    for (int i = 0; i < kCalls; ++i) call();
    best = std::min(best, (now_ns() - begin) / kCalls);
  }
  return best;
}

struct Costs {
  double open_read = 0;
  double open_write = 0;
  double connect = 0;
};

Costs measure(const std::string& file) {
  Costs costs;
  costs.open_read = cost_ns([&file] { ::close(::open(file.c_str(), O_RDONLY)); });
  costs.open_write = cost_ns([&file] { ::close(::open(file.c_str(), O_WRONLY)); });
  const int socket = ::socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(4001);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  costs.connect =
      cost_ns([&] { (void)::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to); });
  ::close(socket);
  return costs;
}

void print(const char* who, const Costs& costs) {
  std::printf("cost %-28s open+close read %6.0f ns, write %6.0f ns, connect udp %6.0f ns\n", who,
              costs.open_read, costs.open_write, costs.connect);
  std::fflush(stdout);
}

class LsmCost : public LsmTest {};

TEST_F(LsmCost, OfALabelledTaskStaysNearThatOfOthers) {
  const std::string file = make_file("a/b/c/d/e/f/g/file");
  ASSERT_TRUE(unload_kernel_planes());
  const Act bare = [&file] {
    print("no programs", measure(file));
    return 0;
  };
  EXPECT_EQ(run_unlabelled(bare), 0);
  LsmPlan plan = plain_plan();
  plan.write = {path_rule(directory())};
  plan.connect = {endpoint_rule(EndpointScheme::udp, "127.0.0.0", 8, 4001)};
  plan.deny_exec_of_written = true;
  const Act both = [&] {
    const Costs labelled = measure(file);
    print("labelled, 8 levels", labelled);
    return labelled.open_read < 1e6 && labelled.open_write < 1e6 && labelled.connect < 1e6 ? 0 : 1;
  };
  const LabelledRun run = run_labelled(plan, both);
  EXPECT_EQ(run.result, 0) << run.error;
  EXPECT_TRUE(run.records.empty());
  const Act attached = [&file] {
    print("programs attached, unlabelled", measure(file));
    return 0;
  };
  EXPECT_EQ(run_unlabelled(attached), 0);
}

}  // namespace
}  // namespace yett::test
