// What a program does to reach, or to offer, a TCP port that its rules on the host's network leave
// out: for the modes in which Landlock holds them.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdlib>
#include <string>

#include "base/unique_fd.hpp"

namespace yett::test {

// Somebody of the host who listens, at a port of the kernel's choice.
class HostListener {
 public:
  HostListener() : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    struct sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket_.get(), generic, size) != 0 || ::listen(socket_.get(), 128) != 0 ||
        ::getsockname(socket_.get(), generic, &size) != 0)
      std::abort();
    port_ = std::to_string(ntohs(address.sin_port));
  }
  [[nodiscard]] const std::string& port() const { return port_; }

 private:
  UniqueFd socket_;
  std::string port_;
};

// Python: what worked is printed, a line each. Fast open sends the data with the first packet.
inline std::string port_attack(const std::string& port) {
  return "import ctypes, os, socket\n"
         "libc = ctypes.CDLL(None, use_errno=True)\n"
         "def worked(name, f):\n"
         "  try: r = f()\n"
         "  except OSError: return\n"
         "  if r is None or not isinstance(r, int) or r >= 0: print(name)\n"
         "a = ('127.0.0.1', " +
         port +
         ")\n"
         "def made(): return socket.socket()\n"
         "def many():\n"
         "  to = ctypes.create_string_buffer(b'\\x02\\0' + a[1].to_bytes(2, 'big') + "
         "b'\\x7f\\0\\0\\x01' + bytes(8), 16)\n"
         "  word = ctypes.create_string_buffer(b'x')\n"
         "  part = (ctypes.c_size_t * 2)(ctypes.addressof(word), 1)\n"
         "  head = (ctypes.c_size_t * 8)(ctypes.addressof(to), 16, ctypes.addressof(part), 1)\n"
         "  s = made()\n"
         "  return libc.syscall(307, s.fileno(), head, 1, 0x20000000)\n"
         "def with_option():\n"
         "  s = made()\n"
         "  s.setsockopt(6, 30, 1)\n"
         "  s.connect(a)\n"
         "  s.send(b'x')\n"
         "worked('connect', lambda: made().connect(a))\n"
         "worked('fast open', lambda: made().sendto(b'x', 0x20000000, a))\n"
         "worked('fast message', lambda: made().sendmsg([b'x'], [], 0x20000000, a))\n"
         "worked('fast messages', many)\n"
         "worked('fast option', with_option)\n"
         "worked('udp', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))\n"
         "worked('mptcp', lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262))\n"
         "worked('listen', lambda: made().listen())\n"
         "worked('listen by IPv6', lambda: socket.socket(socket.AF_INET6).listen())\n"
         "def again():\n"
         "  s = made()\n"
         "  s.connect(a)\n"
         "  libc.connect(s.fileno(), bytes(16), 16)\n"  // AF_UNSPEC: its port is free again
         "  s.listen()\n"
         "worked('listen again', again)\n";
}

// And, behind it, what a rule allows: a server at that port.
inline std::string port_server(const std::string& port) {
  return "s = socket.create_server(('127.0.0.1', " + port +
         "))\n"
         "c = socket.create_connection(('127.0.0.1', " +
         port +
         "))\n"
         "worked('bound', lambda: c.send(s.accept()[1][0].encode()))\n";
}

}  // namespace yett::test
