// Network devices and their addresses by rtnetlink(7): what moving a device takes, and no more.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace yett {

// An address as the kernel told it: RTM_NEWADDR's header, and its attributes as they came.
struct LinkAddress {
  std::uint8_t family = 0;
  std::uint8_t prefix = 0;  // length in bits
  std::uint8_t scope = 0;
  std::vector<char> attributes;
};

enum class LabelsOfAddresses { keep, drop };

// A socket belongs to the network namespace it was made in. One thread, one request at a time.
class RouteSocket {
 public:
  // Of the caller's own namespace.
  [[nodiscard]] static Result<RouteSocket> open();
  // Of another one. Preconditions: single-threaded; CAP_SYS_ADMIN over both, for the caller goes
  // there and back.
  [[nodiscard]] static Result<RouteSocket> open_in(BorrowedFd network_namespace);

  // The index of the device of that name; nothing where there is none.
  [[nodiscard]] Result<std::optional<int>> find_link(const std::string& name);
  // Permanent ones of global scope (RFC 3549, 2.3.3.2); IFA_LABEL, which has the device's name in
  // it, as asked.
  [[nodiscard]] Result<std::vector<LinkAddress>> global_addresses(int link,
                                                                  LabelsOfAddresses labels);
  // Into another namespace and under another name, in one step. The device is down afterwards.
  [[nodiscard]] Status move_link(int link, BorrowedFd network_namespace, const std::string& name);
  [[nodiscard]] Status raise_link(int link);
  [[nodiscard]] Status add_address(int link, const LinkAddress& address);

 private:
  explicit RouteSocket(UniqueFd socket) : socket_(std::move(socket)) {}

  UniqueFd socket_;
  std::uint32_t sequence_ = 0;
};

}  // namespace yett
