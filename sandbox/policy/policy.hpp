// The policy: what a sandbox may do, as written by a person, parsed and merged, before any plane is
// chosen. A value: it holds no fd and knows no host. design: TOML, docs/policy.md.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/source_location.hpp"
#include "sandbox/profiles/syscall_rule.hpp"

namespace yett {

struct PathRule {
  std::string path;  // absolute, normalised: no "..", no "//", no trailing slash
  SourceLocation source;
};

struct TmpfsRule {
  std::string path;
  std::uint64_t size_bytes = 0;
  SourceLocation source;
};

struct FilePolicy {
  std::vector<PathRule> read;   // visible, read-only
  std::vector<PathRule> write;  // visible, writable
  std::vector<PathRule>
      exec;  // executable; everything visible and read-only is, when this list is empty
  std::vector<PathRule> deny;  // masked, even below a visible path
  std::vector<TmpfsRule> tmpfs;
  // With ViolationAction::ask: trees of the host about whose files it may ask; empty: about all.
  std::vector<PathRule> ask;
  bool set_ids = false;  // may it set set-uid and set-gid bits where it writes to the host?
};

enum class NetworkMode {
  none,
  host,
  isolated
};  // "private" in TOML is `isolated` here: a C++ keyword
enum class EndpointScheme { tcp, udp, unix_path };

// "tcp://10.0.0.0/8:443", "udp://[::1]:53", "tcp://api.example.com:443", "unix:///run/db.sock".
struct EndpointRule {
  EndpointScheme scheme = EndpointScheme::tcp;
  std::string host;                // literal address, host name, or "*"; empty for unix
  std::uint8_t prefix_length = 0;  // for literal addresses: 0..32 or 0..128
  bool is_ipv6 = false;
  bool is_literal = false;  // host is an address (address holds its bytes), not a name
  std::array<std::uint8_t, 16> address{};
  std::uint16_t port_first = 0;  // port range, inclusive; 0..65535 where "*" was written
  std::uint16_t port_last = 0;
  std::string path;  // unix
  std::string text;  // as written
  SourceLocation source;
};

// Endpoint rules that a policy, the plans made of it and whoever holds them have in common: there
// may be ten thousand, and copying a plan copies none of them.
class EndpointList {
 public:
  using Rules = std::vector<EndpointRule>;
  EndpointList() = default;
  EndpointList(Rules rules);                                // NOLINT: made of what it stands for
  EndpointList(std::initializer_list<EndpointRule> rules);  // NOLINT

  [[nodiscard]] const Rules& rules() const;
  operator const Rules&() const { return rules(); }  // NOLINT
  [[nodiscard]] auto begin() const { return rules().begin(); }
  [[nodiscard]] auto end() const { return rules().end(); }
  [[nodiscard]] auto size() const { return rules().size(); }
  [[nodiscard]] bool empty() const { return rules().empty(); }
  [[nodiscard]] const EndpointRule& front() const { return rules().front(); }
  [[nodiscard]] const EndpointRule& operator[](std::size_t index) const { return rules()[index]; }

  // To this list alone: who had it in common keeps what was there.
  void add(EndpointRule rule);

 private:
  std::shared_ptr<const Rules> rules_;  // null: empty
};

struct NetworkPolicy {
  std::optional<NetworkMode> mode;
  EndpointList connect;
  EndpointList listen;
};

struct SyscallPolicy {
  std::vector<SyscallRule> rules;  // ordered by number; a number that is not here is ENOSYS
  [[nodiscard]] SyscallRule* find(std::uint32_t number);
};

struct LimitPolicy {
  // Bytes, counts, CPUs; nullopt: not limited by this policy.
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> swap_bytes;
  std::optional<std::uint64_t> pids;
  std::optional<double> cpus;
  std::optional<std::chrono::milliseconds> wall;
  std::optional<std::uint64_t> open_files;
  std::optional<std::uint64_t> file_size_bytes;
  std::optional<std::uint64_t> disk_bytes;        // of all tmpfs the sandbox may write together
  std::map<std::string, SourceLocation> sources;  // by TOML key
};

struct ExecPolicy {
  bool written_files = false;  // may the sandbox execute what it wrote itself?
  bool memfd = false;          // may it execute from a memfd?
  SourceLocation written_files_source;
};

// What a sandbox with limits is told of the machine: the limits (by files that the supervisor
// keeps, or by the host's lxcfs), or what the host is.
enum class ResourceTruth { limits, lxcfs, host };

struct TruthPolicy {
  ResourceTruth resources = ResourceTruth::limits;
  // What uname tells where it is emulated; empty: the running kernel's major and minor number.
  std::string release;
  std::string version;
  std::string machine;
};

enum class SupervisorLoss { adopt, freeze, kill };
enum class ViolationAction { deny, kill, ask };
enum class Hardening { normal, stacked };

struct Policy {
  std::string name;  // "plugin", or the file's
  std::string file;  // absolute, where it was read from one that is still there; else empty
  FilePolicy files;
  NetworkPolicy network;
  SyscallPolicy syscalls;
  LimitPolicy limits;
  ExecPolicy exec;
  TruthPolicy truth;
  SupervisorLoss supervisor_loss = SupervisorLoss::kill;
  ViolationAction violation = ViolationAction::deny;
  std::chrono::milliseconds ask_time{30'000};  // a question that nobody answered is then a no
  Hardening hardening = Hardening::normal;
  bool live = false;          // `yett policy swap` may loosen and tighten what it names
  bool unrestricted = false;  // built-in "none": no filter, no rules; namespaces only
};

}  // namespace yett
