#include "runsc-like/sandboxes/record.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <array>

#include "base/time_text.hpp"

namespace yett {

Result<std::string> make_sandbox_id() {
  static constexpr char kHex[] = "0123456789abcdef";
  std::array<unsigned char, 6> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return fail(errno_error("getrandom"));
  std::string id;
  for (const unsigned char byte : bytes) {
    id += kHex[byte >> 4];
    id += kHex[byte & 15];
  }
  return id;
}

Result<SandboxRecord> SandboxRecord::make(const oci::ContainerStore& store, const std::string& id,
                                          const oci::SandboxFacts& facts) {
  YETT_TRY(oci::ContainerDirectory directory, store.create(id));
  auto end = directory.open_end();
  if (!end) {
    static_cast<void>(directory.remove());
    return fail(std::move(end).error());
  }
  SandboxRecord record(std::move(directory), std::move(*end));
  record.state_.id = id;
  record.state_.bundle = record.directory_.path();
  record.state_.created = time_text_now();
  record.state_.owner = ::geteuid() == 0 ? "root" : std::to_string(::geteuid());
  record.state_.program = facts.command.empty() ? "" : facts.command.front();
  record.state_.sandbox = facts;
  // With its facts from the start: what a crash leaves can be told by name.
  if (Status written = record.directory_.write_state(record.state_); !written) {
    static_cast<void>(record.directory_.remove());
    return fail(std::move(written).error());
  }
  return record;
}

Status SandboxRecord::started(const Started& started) {
  state_.pid = started.app;
  state_.pid_start = oci::process_start_time(started.app).value_or(0);
  state_.cgroups = started.cgroups;
  state_.cgroup_v2 = started.cgroup_v2;
  state_.cgroup_path = started.cgroup_path;
  state_.sandbox->mounts = started.mounts;
  return supervised_here();
}

// What is known of it is in the file: this process parted from the other one before it was.
Status SandboxRecord::adopted(const Started& started) {
  auto written = directory_.read_state();
  if (!written || written->pid == 0 || !written->sandbox) return this->started(started);
  state_ = std::move(*written);
  return supervised_here();
}

Status SandboxRecord::supervised_here() {
  state_.sandbox->supervisor = ::getpid();
  state_.sandbox->supervisor_start = oci::process_start_time(::getpid()).value_or(0);
  YETT_CHECK(directory_.write_state(state_));
  directory_.unlock();
  return {};
}

Status SandboxRecord::ended(int exit_status, const char* reason) {
  return oci::write_sandbox_end(
      end_.borrow(), {.exit_status = exit_status, .reason = reason, .finished = time_text_now()});
}

}  // namespace yett
