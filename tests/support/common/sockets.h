// UDP sockets for the test programs: addresses from text, sockets with large buffers, what the kernel
// dropped. Nothing here reads or writes datagrams: see batch_io.h.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>

#include "mptunnel/base/endpoint.h"

namespace mptunnel::test {

/// Owns a file descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool is_open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// An address as the kernel takes it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
};

SocketAddress to_socket_address(const Endpoint& endpoint);
/// Unset if the family is neither IPv4 nor IPv6.
Endpoint to_endpoint(const SocketAddress& address);

/// "HOST:PORT", "[IPV6]:PORT", or "PORT" alone, which means `default_host`. Names are looked up, blocking;
/// the first address counts. The error says what is wrong with the text.
tl::expected<Endpoint, std::string> resolve_endpoint(std::string_view text,
                                                     std::string_view default_host = "127.0.0.1");

/// A non-blocking UDP socket with large buffers, bound to `local` (port 0: the kernel picks one). An IPv6
/// socket takes IPv6 alone. Bound to a wildcard, it reports to which address each datagram came.
tl::expected<Fd, std::string> open_bound(const Endpoint& local);

/// The same, connected to `target`, and bound to `local` if that is set.
tl::expected<Fd, std::string> open_connected(const Endpoint& target, const Endpoint& local = {});

/// What the socket is bound to.
Endpoint local_endpoint(int fd);

/// Datagrams that the kernel dropped because this socket's receive buffer was full, so far (the counter of
/// SO_RXQ_OVFL).
std::uint64_t kernel_drops(int fd);

/// Lets the kernel drop datagrams of more than `bytes` of payload before they reach the receive buffer, and
/// uncounted. The error says why it can't.
tl::expected<void, std::string> ignore_larger(int fd, std::uint32_t bytes);

/// Raises the soft limit of open files to the hard one.
void raise_file_limit();

/// The text for errno `code`, after what was tried: "bind 127.0.0.1:53: Permission denied".
std::string system_error(std::string_view what, int code);

}  // namespace mptunnel::test
