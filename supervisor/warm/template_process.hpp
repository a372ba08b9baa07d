// The process that instances are forks of. It waits in YETT_READY and is never let go again: what
// an instance is a copy of has not run since. docs/decisions/0053-warm-fork.md.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/result.hpp"
#include "supervisor/notify/held_process.hpp"

namespace yett {

// A fork that stands where the template stands.
struct Newborn {
  HeldProcess process;
  int inner = 0;  // its number for the template
};

class TemplateProcess {
 public:
  // Preconditions: `process` is seized and interrupted, and its YETT_READY has been answered.
  // Errors, which are the answer of YETT_READY then, and it goes on: EBUSY, it is not alone, or
  // shares memory that it could write; those of HeldProcess::hold().
  [[nodiscard]] static Result<TemplateProcess> hold(HeldProcess process);

  // In new namespaces of these flags, with every capability over those alone.
  [[nodiscard]] Result<Newborn> bear(std::uint64_t namespaces);
  // As wait4(2) gives it, of one that has ended.
  [[nodiscard]] Result<int> reap(int inner);

  [[nodiscard]] int pid() const { return process_.pid(); }
  // Of the struct yett_ready.
  [[nodiscard]] std::uint64_t argument() const { return process_.stands().rdx; }
  // A page of its own memory, and so of each fork's, for what calls read and write.
  [[nodiscard]] std::uint64_t scratch() const { return scratch_; }
  [[nodiscard]] const std::string& directory() const { return directory_; }
  // set_robust_list(2)'s arguments, which a fork does not inherit; 0: none.
  [[nodiscard]] std::array<std::uint64_t, 2> robust_list() const { return robust_list_; }

 private:
  explicit TemplateProcess(HeldProcess process) : process_(std::move(process)) {}
  [[nodiscard]] Status check_alone();
  [[nodiscard]] Status arrange();

  HeldProcess process_;
  std::uint64_t scratch_ = 0;
  std::uint64_t thread_id_at_ = 0;  // where its C library keeps the thread's number
  std::string directory_;
  std::array<std::uint64_t, 2> robust_list_{};
};

inline constexpr std::size_t kScratchSize = 4096;

}  // namespace yett
