// Calls of yett/uapi.h as ioctl(2) brings them.
#pragma once

#include <cerrno>
#include <span>
#include <string>

#include "supervisor/control/control_caller.hpp"
#include "supervisor/emulate/target_error.hpp"
#include "supervisor/notify/target_memory.hpp"

namespace yett {

// A program of the sandbox, which waits in its ioctl(2).
class TargetCaller final : public ControlCaller {
 public:
  explicit TargetCaller(const PendingNotification& pending) : pending_(pending) {}

  int read(std::uint64_t address, std::span<std::byte> into) override {
    return errno_for_target(read_target(pending_, address, into));
  }
  int write(std::uint64_t address, std::span<const std::byte> from) override {
    return errno_for_target(write_target(pending_, address, from));
  }
  std::string read_text(std::uint64_t address, std::size_t limit) override {
    return read_target_text(pending_, address, limit);
  }
  int create(SandboxManager& manager, const std::string& path) override {
    return manager.create(pending_, path);
  }
  int add_self(SandboxManager& manager, int number) override {
    return manager.add_self(pending_, number);
  }
  int spawn(SandboxManager& /*manager*/, int /*number*/, InsteadOf /*wanted*/) override {
    return -EOPNOTSUPP;
  }
  int become_template(const MakeTemplate& make) override { return make(pending_); }

 private:
  const PendingNotification& pending_;
};

}  // namespace yett
