#include "support/common/sockets.h"

#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netdb.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>

namespace mptunnel::test {
namespace {

/// Half a second of 50,000 datagrams of 1,000 bytes: each takes about 2.3 KiB of the buffer (Linux 6,
/// x86-64).
constexpr int kBufferBytes = 32 << 20;

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<HostPort> split_host_port(std::string_view text, std::string_view default_host) {
  HostPort result{.host = std::string(default_host)};
  std::string_view port = text;
  if (text.starts_with('[')) {
    const std::size_t close = text.find("]:");
    if (close == std::string_view::npos) return std::nullopt;
    result.host = text.substr(1, close - 1);
    port = text.substr(close + 2);
  } else if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
    result.host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (result.host.find(':') != std::string::npos) return std::nullopt;
  }
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), result.port);
  if (error != std::errc{} || end != port.data() + port.size() || result.host.empty()) return std::nullopt;
  return result;
}

/// The forced size if the process may, else as much of it as net.core.*mem_max allows.
void enlarge_buffers(int fd) {
  const int size = kBufferBytes;
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
  if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0) {
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  }
}

tl::expected<Fd, std::string> open_udp(Family family) {
  Fd fd(socket(family == Family::ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.is_open()) return tl::unexpected(system_error("socket", errno));
  const int on = 1;
  if (family == Family::ipv6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  enlarge_buffers(fd.get());
  return fd;
}

tl::expected<void, std::string> bind_to(int fd, const Endpoint& local) {
  const SocketAddress address = to_socket_address(local);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0) return {};
  return tl::unexpected(system_error(fmt::format("bind {}", local.to_string()), errno));
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

std::string system_error(std::string_view what, int code) {
  return fmt::format("{}: {}", what, std::generic_category().message(code));
}

SocketAddress to_socket_address(const Endpoint& endpoint) {
  SocketAddress result;
  if (endpoint.family == Family::ipv4) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, endpoint.address.data(), sizeof address.sin_addr);
    std::memcpy(&result.storage, &address, sizeof address);
    result.length = sizeof address;
  } else if (endpoint.family == Family::ipv6) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    address.sin6_scope_id = endpoint.scope;
    std::memcpy(&address.sin6_addr, endpoint.address.data(), sizeof address.sin6_addr);
    std::memcpy(&result.storage, &address, sizeof address);
    result.length = sizeof address;
  }
  return result;
}

Endpoint to_endpoint(const SocketAddress& address) {
  Endpoint result;
  if (address.storage.ss_family == AF_INET && address.length >= sizeof(sockaddr_in)) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, &address.storage, sizeof ipv4);
    std::memcpy(result.address.data(), &ipv4.sin_addr, sizeof ipv4.sin_addr);
    result.port = ntohs(ipv4.sin_port);
    result.family = Family::ipv4;
  } else if (address.storage.ss_family == AF_INET6 && address.length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, &address.storage, sizeof ipv6);
    std::memcpy(result.address.data(), &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
    result.port = ntohs(ipv6.sin6_port);
    result.scope = ipv6.sin6_scope_id;
    result.family = Family::ipv6;
  }
  return result;
}

tl::expected<Endpoint, std::string> resolve_endpoint(std::string_view text, std::string_view default_host) {
  const auto parts = split_host_port(text, default_host);
  if (!parts) {
    return tl::unexpected(fmt::format("'{}' is not HOST:PORT, [IPV6]:PORT or PORT (0 to 65535)", text));
  }
  if (const auto numeric = parse_numeric_endpoint(parts->host, parts->port)) return *numeric;
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(parts->host.c_str(), nullptr, &hints, &found);
  if (code != 0) return tl::unexpected(fmt::format("{}: {}", parts->host, gai_strerror(code)));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, &freeaddrinfo);
  SocketAddress address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.length = found->ai_addrlen;
  return to_endpoint(address).with_port(parts->port);
}

tl::expected<Fd, std::string> open_bound(const Endpoint& local) {
  auto fd = open_udp(local.family);
  if (!fd) return fd;
  if (const auto bound = bind_to(fd->get(), local); !bound) return tl::unexpected(bound.error());
  if (local.is_any()) {
    const int on = 1;
    const bool ipv6 = local.family == Family::ipv6;
    setsockopt(fd->get(), ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on,
               sizeof on);
  }
  return fd;
}

tl::expected<Fd, std::string> open_connected(const Endpoint& target, const Endpoint& local) {
  auto fd = open_udp(target.family);
  if (!fd) return fd;
  if (local.is_set()) {
    if (const auto bound = bind_to(fd->get(), local); !bound) return tl::unexpected(bound.error());
  }
  const SocketAddress address = to_socket_address(target);
  if (connect(fd->get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) != 0) {
    return tl::unexpected(system_error(fmt::format("connect {}", target.to_string()), errno));
  }
  return fd;
}

Endpoint local_endpoint(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address.storage), &address.length) != 0) return {};
  return to_endpoint(address);
}

std::uint64_t kernel_drops(int fd) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> values{};
  socklen_t length = sizeof values;
  if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, values.data(), &length) != 0) return 0;
  return values[SK_MEMINFO_DROPS];
}

tl::expected<void, std::string> ignore_larger(int fd, std::uint32_t bytes) {
  // A socket filter sees the UDP header as well.
  constexpr std::uint32_t kUdpHeaderBytes = 8;
  std::array<sock_filter, 4> code{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, bytes + kUdpHeaderBytes, 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, 0),
      sock_filter BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  };
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0) return {};
  return tl::unexpected(system_error("SO_ATTACH_FILTER", errno));
}

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace mptunnel::test
