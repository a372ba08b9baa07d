// A network namespace of its own, made by a thread while the caller does something else: making one
// takes the kernel longer than everything else of a start but the mounts.
#pragma once

#include <memory>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

class FreshNetwork {
 public:
  // Starts making it. lo is up in it; there is nothing else. Needs CAP_SYS_ADMIN.
  [[nodiscard]] static FreshNetwork start();
  FreshNetwork(FreshNetwork&&) noexcept;
  FreshNetwork& operator=(FreshNetwork&&) noexcept;
  ~FreshNetwork();  // waits for the thread; the namespace goes when nobody holds it

  // Waits until it is made, and hands it over, once.
  [[nodiscard]] Result<UniqueFd> take();

 private:
  struct State;
  explicit FreshNetwork(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace yett
