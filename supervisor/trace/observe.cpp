#include "supervisor/trace/observe.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "supervisor/explain/argument_names.hpp"

namespace yett {
namespace {

template <typename T>
std::optional<T> read_struct(const Tracee& tracee, std::uint64_t address) {
  T value{};
  if (!tracee.read(address, std::as_writable_bytes(std::span(&value, 1)))) return std::nullopt;
  return value;
}

std::string quoted(std::string_view text) {
  return fmt::format("\"{}\"", escape_for_terminal(text));
}

std::string scheme_of(const Tracee& tracee, const Snapshot& snapshot) {
  const int protocol = tracee.socket_protocol(static_cast<int>(snapshot.arguments[0]));
  if (protocol == IPPROTO_TCP) return "tcp";
  return protocol == IPPROTO_UDP ? "udp" : "other";
}

std::string unix_text(const sockaddr_un& address, std::size_t size) {
  const std::size_t room = size - std::min(size, offsetof(sockaddr_un, sun_path));
  if (room == 0) return {};
  const std::string_view bytes(address.sun_path, std::min(room, sizeof address.sun_path));
  if (bytes.front() == '\0') return "unix:@" + escape_for_terminal(bytes.substr(1));
  return "unix://" + std::string(bytes.substr(0, bytes.find('\0')));
}

// "tcp://192.0.2.1:443", as policies write it.
std::string endpoint_text(const Tracee& tracee, const Snapshot& snapshot, std::uint64_t address,
                          std::size_t size) {
  sockaddr_storage storage{};
  size = std::min(size, sizeof storage);
  if (address == 0 || size < sizeof(sa_family_t) ||
      !tracee.read(address, std::as_writable_bytes(std::span(&storage, 1)).first(size)))
    return {};
  std::array<char, INET6_ADDRSTRLEN> host{};
  if (storage.ss_family == AF_UNIX)
    return unix_text(reinterpret_cast<const sockaddr_un&>(storage), size);
  if (storage.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(storage);
    ::inet_ntop(AF_INET, &four.sin_addr, host.data(), host.size());
    return fmt::format("{}://{}:{}", scheme_of(tracee, snapshot), host.data(),
                       ntohs(four.sin_port));
  }
  if (storage.ss_family != AF_INET6) return {};
  const auto& six = reinterpret_cast<const sockaddr_in6&>(storage);
  ::inet_ntop(AF_INET6, &six.sin6_addr, host.data(), host.size());
  return fmt::format("{}://[{}]:{}", scheme_of(tracee, snapshot), host.data(),
                     ntohs(six.sin6_port));
}

class Observer {
 public:
  Observer(const Tracee& tracee, const CallEnd& end, HostView host) : tracee_(tracee), host_(host) {
    call_.snapshot = end.snapshot;
    call_.error = end.error;
  }

  ObservedCall look() {
    int directory = AT_FDCWD;
    for (std::size_t index = 0; index < 6; ++index) {
      const ArgumentKind kind = argument_kind(call_.snapshot.call, index);
      if (kind == ArgumentKind::directory) directory = static_cast<int>(value(index));
      look_behind(kind, index, directory);
    }
    look_at_descriptor();
    look_at_message();
    return std::move(call_);
  }

 private:
  [[nodiscard]] std::uint64_t value(std::size_t index) const {
    return call_.snapshot.arguments[index];
  }

  void look_behind(ArgumentKind kind, std::size_t index, int directory) {
    if (kind == ArgumentKind::path) return look_at_path(index, directory);
    if (kind == ArgumentKind::socket_address) {
      const std::size_t size = static_cast<std::uint32_t>(value(index + 1));
      call_.endpoint = endpoint_text(tracee_, call_.snapshot, value(index), size);
      call_.texts[index] = call_.endpoint;
      if (call_.endpoint.starts_with("unix:///"))
        call_.path = tracee_.find_inside(call_.endpoint.substr(7), host_);
    }
    if (kind == ArgumentKind::rlimit)
      if (const auto limit = read_struct<rlimit>(tracee_, value(index))) {
        call_.wanted_limit = limit->rlim_max;
        call_.texts[index] = fmt::format("{{cur={}, max={}}}", limit->rlim_cur, limit->rlim_max);
      }
    if (kind == ArgumentKind::open_how)
      if (const auto flags = read_struct<std::uint64_t>(tracee_, value(index)))
        call_.texts[index] = fmt::format("{{flags={}}}", flag_names(NameTable::open_flags, *flags));
  }

  // The text of a symbolic link is no file that the call opens.
  void look_at_path(std::size_t index, int directory) {
    const std::string text = tracee_.text(value(index));
    if (text.empty()) return;
    call_.texts[index] = quoted(text);
    const std::uint32_t number = call_.snapshot.call;
    const bool link_text = index == 0 && (number == SYS_symlink || number == SYS_symlinkat);
    if (link_text || number == SYS_mount || number == SYS_memfd_create || number == SYS_add_key)
      return;
    auto& place = call_.path ? call_.second_path : call_.path;
    place = tracee_.find(directory, text, host_);
  }

  void look_at_descriptor() {
    const std::uint32_t number = call_.snapshot.call;
    std::size_t index = 0;
    if (number == SYS_mmap)
      index = 4;
    else if (number != SYS_write && number != SYS_pwrite64 && number != SYS_ftruncate &&
             number != SYS_fallocate)
      return;
    const std::string path = tracee_.descriptor_path(static_cast<int>(value(index)));
    if (path.empty()) return;
    call_.path = tracee_.find_inside(path, host_);
    call_.texts[index] = fmt::format("{} ({})", static_cast<int>(value(index)), quoted(path));
  }

  void look_at_message() {
    if (call_.snapshot.call != SYS_sendmsg) return;
    const auto message = read_struct<msghdr>(tracee_, value(1));
    if (!message) return;
    call_.endpoint =
        endpoint_text(tracee_, call_.snapshot, reinterpret_cast<std::uint64_t>(message->msg_name),
                      message->msg_namelen);
  }

  const Tracee& tracee_;
  HostView host_;
  ObservedCall call_;
};

}  // namespace

ObservedCall observe(const Tracee& tracee, const CallEnd& end, HostView host) {
  return Observer(tracee, end, host).look();
}

}  // namespace yett
