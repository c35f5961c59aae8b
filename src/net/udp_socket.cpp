#include "mptunnel/net/udp_socket.h"

#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/file.h"
#include "mptunnel/net/route_query.h"
#include "mptunnel/net/socket_address.h"

namespace mptunnel {
namespace {

using detail::UdpSocketState;

// Well-known ports need a capability (ip_unprivileged_port_start, 1024 by default).
constexpr std::uint16_t kFirstUnprivilegedPort = 1024;

std::string text_of(int error) {
  return std::generic_category().message(error);
}

tl::unexpected<SocketError> failure(int error, std::string what) {
  return tl::make_unexpected(SocketError{error, std::move(what)});
}

bool set_option(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

int get_option(int fd, int level, int name) {
  int value = 0;
  socklen_t length = sizeof value;
  return getsockopt(fd, level, name, &value, &length) == 0 ? value : -1;
}

std::string why_no_socket(int error, bool ipv6) {
  if (error == EAFNOSUPPORT) return fmt::format("this system has no {}", ipv6 ? "IPv6" : "IPv4");
  if (error == EMFILE || error == ENFILE) return "no socket could be opened: too many files are open already";
  return fmt::format("no socket could be opened: {}", text_of(error));
}

std::string why_not_bound(int error, const Endpoint& address) {
  if (error == EADDRINUSE) return fmt::format("{} is in use by another program", address.to_string());
  if (error == EADDRNOTAVAIL)
    return fmt::format("{} is not an address of this host", address.address_string());
  if (error == EACCES && address.port != 0 && address.port < kFirstUnprivilegedPort) {
    return fmt::format("no permission to use {}: ports below {} are for root", address.to_string(),
                       kFirstUnprivilegedPort);
  }
  return fmt::format("{} can't be used: {}", address.to_string(), text_of(error));
}

std::string why_no_device(int error, const std::string& device) {
  if (error == ENODEV) return fmt::format("there is no interface named {}", device);
  if (error == EPERM) return fmt::format("no permission to bind to the interface {}", device);
  return fmt::format("the interface {} can't be used: {}", device, text_of(error));
}

std::string why_not_connected(int error, const Endpoint& remote) {
  if (error == ENETUNREACH || error == EHOSTUNREACH)
    return fmt::format("there is no route to {}", remote.to_string());
  if (error == EACCES || error == EINVAL) return why_not_routed(error, remote);
  if (error == EADDRNOTAVAIL)
    return fmt::format("no local address or port is left to reach {}", remote.to_string());
  return fmt::format("{} can't be reached: {}", remote.to_string(), text_of(error));
}

bool wants_ipv6(const UdpSocketOptions& options) {
  if (options.bind.is_set()) return options.bind.family == Family::ipv6;
  if (options.dual_stack) return true;
  return options.connect && options.connect->family == Family::ipv6;
}

// An IPv6 socket gets the IPv4 options as well, for the mapped addresses.
void set_fragmentation(const UdpSocketState& state, bool allow) {
  set_option(state.fd, IPPROTO_IP, IP_MTU_DISCOVER, allow ? IP_PMTUDISC_DONT : IP_PMTUDISC_PROBE);
  if (!state.ipv6) return;
  set_option(state.fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, allow ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_PROBE);
  set_option(state.fd, IPPROTO_IPV6, IPV6_DONTFRAG, allow ? 0 : 1);
}

// The FORCE forms go beyond the system's limit, and need CAP_NET_ADMIN.
void set_buffer(int fd, int forced, int plain, std::size_t bytes) {
  const int wanted = static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max() / 2));
  if (!set_option(fd, SOL_SOCKET, forced, wanted)) set_option(fd, SOL_SOCKET, plain, wanted);
}

// The kernel stamps what comes, for all sockets, while one of them wants it. Sockets want the stamps only at
// times (follow_pauses() in udp_receive.cpp): this one does for the life of the process.
void keep_stamping() {
  static const File keeper = [] {
    File fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd.is_open()) fd = File(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    set_option(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1);
    return fd;
  }();
  static_cast<void>(keeper);
}

// The steering never chooses a socket beyond its own; this is for a kernel that can't run it for once.
void refuse_all(const UdpSocketState& state) {
  sock_filter code = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog program{1, &code};
  setsockopt(state.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

void set_up(UdpSocketState& state, const UdpSocketOptions& options) {
  set_fragmentation(state, options.allow_fragments);
  set_option(state.fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
  if (options.sends_only) refuse_all(state);
  if (options.reuse_port) set_option(state.fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (options.free_bind) {
    set_option(state.fd, IPPROTO_IP, IP_FREEBIND, 1);
    if (state.ipv6) set_option(state.fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
  }
  if (options.packet_info)
    set_option(state.fd, state.ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, state.ipv6 ? IPV6_RECVPKTINFO : IP_PKTINFO,
               1);
  if (options.hears_icmp)
    state.hears_icmp = set_option(state.fd, state.ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
                                  state.ipv6 ? IPV6_RECVERR : IP_RECVERR, 1);
  if (options.read_marks) {
    set_option(state.fd, IPPROTO_IP, IP_RECVTOS, 1);
    if (state.ipv6) set_option(state.fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
  }
  if (options.offload) {
    // Asked first: a kernel older than 4.18 ignores the request and sends the run as one datagram.
    state.offload = get_option(state.fd, SOL_UDP, UDP_SEGMENT) >= 0;
    set_option(state.fd, SOL_UDP, UDP_GRO, 1);
  }
  if (options.buffer_bytes > 0) {
    set_buffer(state.fd, SO_RCVBUFFORCE, SO_RCVBUF, options.buffer_bytes);
    set_buffer(state.fd, SO_SNDBUFFORCE, SO_SNDBUF, options.buffer_bytes);
  }
}

int bind_to(const UdpSocketState& state, const Endpoint& local) {
  SocketAddress address{};
  const socklen_t length = to_socket_address(local, state.ipv6, address);
  if (length == 0) return EAFNOSUPPORT;
  return ::bind(state.fd, &address.any, length) == 0 ? 0 : errno;
}

// The kernel shows the program the payload alone (reuseport_select_sock), and the IP header below
// SKF_NET_OFF. What the program can't read selects the first socket. Without it a hash of addresses and ports
// decides: on kernels before 4.5, and where a sandbox forbids it.
bool steer(const UdpSocketState& state, const Steering& steering, std::size_t count) {
  constexpr std::uint32_t kIpv4HeaderBytes = 20;
  constexpr std::uint32_t kIpv6HeaderBytes = 40;
  const std::uint32_t source_port =
      static_cast<std::uint32_t>(SKF_NET_OFF) + (state.ipv6 ? kIpv6HeaderBytes : kIpv4HeaderBytes);
  std::vector<sock_filter> code;
  auto others = static_cast<std::uint32_t>(count);
  if (steering.apart) {
    --others;
    code = {sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, *steering.apart, 0, 1),
            sock_filter BPF_STMT(BPF_RET | BPF_K, others)};
  }
  code.push_back(steering.payload_byte
                     ? sock_filter BPF_STMT(BPF_LD | BPF_B | BPF_ABS, *steering.payload_byte)
                     : sock_filter BPF_STMT(BPF_LD | BPF_H | BPF_ABS, source_port));
  code.push_back(sock_filter BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, others));
  code.push_back(sock_filter BPF_STMT(BPF_RET | BPF_A, 0));
  const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  if (setsockopt(state.fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof program) == 0) return true;
  notify(state.on_notice, LogLevel::info,
         "port {}: the kernel does not steer datagrams among {} sockets ({}): a hash decides which one takes "
         "them, and no other one can be opened to send from",
         state.port, count, text_of(errno));
  return false;
}

}  // namespace

tl::expected<UdpSocket, SocketError> UdpSocket::open(const UdpSocketOptions& options) {
  UdpSocket made;
  UdpSocketState& state = made.state_;
  state.on_notice = options.on_notice;
  state.ipv6 = wants_ipv6(options);
  state.fd =
      ::socket(state.ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
  if (state.fd < 0) return failure(errno, why_no_socket(errno, state.ipv6));
  if (state.ipv6 && !set_option(state.fd, IPPROTO_IPV6, IPV6_V6ONLY, options.dual_stack ? 0 : 1)) {
    return failure(errno, why_no_socket(errno, state.ipv6));
  }
  set_up(state, options);

  if (options.mark != 0 && !set_option(state.fd, SOL_SOCKET, SO_MARK, static_cast<int>(options.mark)))
    return failure(
        errno, fmt::format("packets can't be marked with fwmark {:#x}: {}", options.mark, text_of(errno)));
  const std::string& device = options.device;
  if (!device.empty() && setsockopt(state.fd, SOL_SOCKET, SO_BINDTODEVICE, device.data(),
                                    static_cast<socklen_t>(device.size())) != 0) {
    return failure(errno, why_no_device(errno, device));
  }
  Endpoint local = options.bind;
  if (!local.is_set()) local.family = state.ipv6 ? Family::ipv6 : Family::ipv4;
  if (options.shares_port) made.let_share(true);
  if (const int error = bind_to(state, local); error != 0) return failure(error, why_not_bound(error, local));
  if (options.shares_port) made.let_share(false);
  state.port = made.local_endpoint().port;
  keep_stamping();
  state.emptied = read_clocks();
  if (options.connect) {
    if (auto connected = made.connect(*options.connect); !connected) {
      return tl::make_unexpected(std::move(connected.error()));
    }
  }
  return made;
}

tl::expected<std::vector<UdpSocket>, SocketError> UdpSocket::open_group(const UdpSocketOptions& options,
                                                                        std::size_t count,
                                                                        const Steering& steering) {
  MPT_ASSERT(count >= 1 && count <= 256);
  // The program knows one IP header.
  MPT_ASSERT(steering.payload_byte || !options.dual_stack);
  auto first = open(options);
  if (!first) return tl::make_unexpected(std::move(first.error()));
  std::vector<UdpSocket> group;
  group.push_back(std::move(*first));
  const int fd = group.front().fd();
  // Only now: with the option set before, binding would not notice another program on the port.
  if (count == 1 || !set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) return group;
  UdpSocketOptions joining = options;
  joining.reuse_port = true;
  joining.bind = group.front().local_endpoint();
  while (group.size() < count) {
    auto next = open(joining);
    if (!next) {
      notify(options.on_notice, LogLevel::warning, "port {}: {} sockets instead of {}: {}", joining.bind.port,
             group.size(), count, next.error().what);
      break;
    }
    group.push_back(std::move(*next));
  }
  const bool is_steered = group.size() > 1 && steer(group.front().state_, steering, group.size());
  for (UdpSocket& socket : group) socket.state_.is_steered = is_steered;
  return group;
}

tl::expected<void, SocketError> UdpSocket::connect(const Endpoint& remote) {
  if (state_.connected) {
    // Only a disconnected socket chooses its local address anew. It gives up a port that the kernel chose.
    sockaddr nobody{};
    nobody.sa_family = AF_UNSPEC;
    static_cast<void>(::connect(state_.fd, &nobody, sizeof nobody));
    state_.connected = false;
    const Endpoint local = local_endpoint();
    // If another program was quicker, connecting chooses a new port.
    if (local.port == 0) static_cast<void>(bind_to(state_, local.with_port(state_.port)));
  }
  SocketAddress address{};
  const socklen_t length = remote.is_set() ? to_socket_address(remote, state_.ipv6, address) : 0;
  const int error = length == 0 ? EAFNOSUPPORT : ::connect(state_.fd, &address.any, length) == 0 ? 0 : errno;
  if (error != 0) return failure(error, why_not_connected(error, remote));
  state_.connected = true;
  state_.peer_is_ipv4 = remote.family == Family::ipv4;
  state_.longest_segment = detail::kAnySegment;
  state_.port = local_endpoint().port;
  return {};
}

// Two sockets share a port if both have the option when the second is bound; nothing looks at it later.
void UdpSocket::let_share(bool shares) {
  static_cast<void>(set_option(state_.fd, SOL_SOCKET, SO_REUSEADDR, shares ? 1 : 0));
}

UdpSocket::UdpSocket(UdpSocket&& other) noexcept
    : state_(std::exchange(other.state_, detail::UdpSocketState{})) {}

UdpSocket& UdpSocket::operator=(UdpSocket&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

UdpSocket::~UdpSocket() {
  if (state_.fd >= 0) ::close(state_.fd);
}

Endpoint UdpSocket::local_endpoint() const {
  SocketAddress address{};
  socklen_t length = sizeof address;
  if (getsockname(state_.fd, &address.any, &length) != 0) return {};
  return from_socket_address(address);
}

std::size_t UdpSocket::queued_bytes() const {
  int queued = 0;
  return ioctl(state_.fd, SIOCOUTQ, &queued) == 0 ? static_cast<std::size_t>(std::max(0, queued)) : 0;
}

// The kernel doubles what it is asked for, for its own bookkeeping, and reports the double: socket(7).
std::size_t UdpSocket::receive_buffer_bytes() const {
  return static_cast<std::size_t>(std::max(0, get_option(state_.fd, SOL_SOCKET, SO_RCVBUF))) / 2;
}

bool may_mark_packets() {
  const File socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP));
  return set_option(socket.get(), SOL_SOCKET, SO_MARK, 1);
}

}  // namespace mptunnel
