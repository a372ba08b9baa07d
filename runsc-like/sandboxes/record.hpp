// The entry of a sandbox of `yett run` among the containers: made before it starts, so that its
// name is taken; filled when its program runs; closed with how it ended.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "runsc-like/oci/state/container_store.hpp"
#include "runsc-like/oci/state/sandbox_end.hpp"

namespace yett {

// Twelve hexadecimal digits, for a sandbox that nobody has named.
[[nodiscard]] Result<std::string> make_sandbox_id();

class SandboxRecord {
 public:
  // Locked until started() or until every process that holds it is gone. Error: the name is taken.
  [[nodiscard]] static Result<SandboxRecord> make(const oci::ContainerStore& store,
                                                  const std::string& id,
                                                  const oci::SandboxFacts& facts);

  [[nodiscard]] const std::string& id() const { return state_.id; }
  [[nodiscard]] const std::string& path() const { return directory_.path(); }
  // For `exec`: to be listened at by the supervisor.
  [[nodiscard]] Result<UniqueFd> listen_for_exec() const { return directory_.listen_for_exec(); }

  // For commands of yett/uapi.h, likewise.
  [[nodiscard]] Result<UniqueFd> listen_for_control() const {
    return directory_.listen_for_control();
  }
  // For `grant`, likewise.
  [[nodiscard]] Result<UniqueFd> listen_for_grants() const {
    return directory_.listen_for_grants();
  }

  // For `policy swap`, likewise.
  [[nodiscard]] Result<UniqueFd> listen_for_swaps() const { return directory_.listen_for_swaps(); }

  struct Started {
    int app = 0;  // 0: it has ended already
    std::vector<std::string> cgroups;
    bool cgroup_v2 = false;
    std::string cgroup_path;
    std::vector<std::string> mounts;
  };
  // The calling process is the supervisor.
  [[nodiscard]] Status started(const Started& started);
  // It has become so, in place of one that died before or after it had started().
  [[nodiscard]] Status adopted(const Started& started);
  [[nodiscard]] Status ended(int exit_status, const char* reason);
  [[nodiscard]] Status remove() { return directory_.remove(); }

 private:
  SandboxRecord(oci::ContainerDirectory directory, UniqueFd end)
      : directory_(std::move(directory)), end_(std::move(end)) {}
  [[nodiscard]] Status supervised_here();
  oci::ContainerDirectory directory_;
  oci::ContainerState state_;
  UniqueFd end_;
};

}  // namespace yett
