// A non-blocking UDP socket that moves datagrams in batches: recvmmsg and UDP_GRO in, sendmmsg and
// UDP_SEGMENT out. What it is not: a queue. It never waits; what the kernel does not take is lost, counted
// and reported.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/net/datagram_socket.h"
#include "mptunnel/net/notice.h"
#include "mptunnel/net/receive_age.h"

namespace mptunnel {

struct UdpSocketOptions {
  /// Its family decides the socket's; the any-address and port 0 are the kernel's choice. Unset: the family
  /// of `connect`, else IPv6 with `dual_stack` and IPv4 without.
  Endpoint bind;
  std::optional<Endpoint> connect;
  std::string device;           ///< send and receive by this interface only (SO_BINDTODEVICE); empty: any
  bool free_bind = false;       ///< `bind` may be an address that this host has not, or not yet (IP_FREEBIND)
  bool dual_stack = false;      ///< an IPv6 socket that takes IPv4 too, and shows it as IPv4
  bool packet_info = false;     ///< learn and choose local addresses (IP_PKTINFO, both families)
  bool read_marks = false;      ///< learn DSCP and ECN of what arrives
  bool sends_only = false;      ///< receives nothing; with `reuse_port`: sends from the port of a group that
                                ///< is_steered()
  bool hears_icmp = false;      ///< learn what ICMP says of what was sent (IP_RECVERR), by take_icmp(): it is
                                ///< no error of a send or receive then. For connected sockets alone: the
                                ///< kernel compares the peer's address with what ICMP quotes
  bool reuse_port = false;      ///< SO_REUSEPORT: join others on this port; see open_group()
  bool shares_port = false;     ///< `bind` may be that of a socket whose let_share() is in effect
  bool offload = true;          ///< UDP_SEGMENT and UDP_GRO if the kernel has them
  bool allow_fragments = true;  ///< let IP fragment what exceeds the MTU; else it is EMSGSIZE (DF set)
  std::uint32_t mark = 0;       ///< SO_MARK, for policy routing and firewalls; 0: none
  std::size_t buffer_bytes = 0;    ///< wanted size of each kernel buffer; 0: the system's default
  NoticeSink on_notice = nullptr;  ///< hears when the kernel or the device can do less than was wanted
};

/// Which socket of a group of N takes a datagram: the sender's port modulo N, or a byte of the payload modulo
/// N (the first socket if there is no such byte). If some are kept apart, the last socket is theirs, and the
/// others are N - 1.
struct Steering {
  std::optional<std::uint32_t> payload_byte{};  ///< its offset; nullopt: the sender's port decides
  std::optional<std::uint8_t> apart{};          ///< the first byte of those that are kept apart
};

namespace detail {

inline constexpr std::size_t kAnySegment = std::numeric_limits<std::size_t>::max();

/// What the socket's parts share. Not for users.
struct UdpSocketState {
  int fd = -1;
  bool ipv6 = false;  ///< AF_INET6; IPv4 goes as mapped addresses
  bool connected = false;
  bool peer_is_ipv4 = false;  ///< connected: as a mapped address if the socket is IPv6
  bool offload = false;       ///< UDP_SEGMENT may be used
  bool hears_icmp = false;    ///< as in the options
  bool has_icmp = false;      ///< the error queue may have something
  bool is_steered = false;    ///< of a group whose steering the kernel took
  std::size_t longest_segment =
      kAnySegment;  ///< connected: larger datagrams are beyond the route's MTU in a run
  NoticeSink on_notice = nullptr;
  std::uint16_t port = 0;          ///< local, host byte order
  ClockPair emptied;               ///< when the receive buffer was known to be empty last
  bool has_stamps = false;         ///< the kernel says when each datagram came
  std::uint32_t prompt_reads = 0;  ///< since the last that came after a pause
  std::uint32_t last_drops = 0;    ///< the kernel's own drop counter, as last seen
  SocketCounters counters;
};

}  // namespace detail

class UdpSocket final : public DatagramSocket {
 public:
  /// Opens, sets options, binds and connects. On an error nothing stays open.
  static tl::expected<UdpSocket, SocketError> open(const UdpSocketOptions& options);

  /// Several sockets on one address and port, each with a receive buffer of its own, so that a flood fills
  /// one of them and not all. `steering` says into which a datagram goes. Sending is the same from each.
  ///
  /// If the kernel refuses the steering, a hash of addresses and ports takes its place, and none of them
  /// is_steered().
  ///
  /// The first is bound as open() does it: a port that another program has is an error. `count` is 1 to 256;
  /// fewer come if the kernel or the limit of open files has no more, but at least one.
  static tl::expected<std::vector<UdpSocket>, SocketError> open_group(const UdpSocketOptions& options,
                                                                      std::size_t count,
                                                                      const Steering& steering);

  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;
  UdpSocket(UdpSocket&& other) noexcept;
  UdpSocket& operator=(UdpSocket&& other) noexcept;
  ~UdpSocket() override;

  tl::expected<void, SocketError> connect(const Endpoint& remote) override;
  void let_share(bool shares) override;
  /// By recvmmsg and UDP_GRO.
  ReceiveResult receive(ReceiveBuffers& buffers, std::size_t max_batches) override;
  /// As many batches as the buffers have room for.
  ReceiveResult receive(ReceiveBuffers& buffers) {
    return receive(buffers, std::numeric_limits<std::size_t>::max());
  }
  /// By sendmmsg and UDP_SEGMENT.
  void send(std::span<const SendRun> runs, std::span<SendOutcome> outcomes) override;
  void send(std::span<const SendPieces> pieces, std::span<SendOutcome> outcomes) override;
  using DatagramSocket::send;
  std::optional<IcmpReport> take_icmp() override;

  [[nodiscard]] Endpoint local_endpoint() const override;
  [[nodiscard]] int fd() const override { return state_.fd; }
  [[nodiscard]] const SocketCounters& counters() const override { return state_.counters; }
  /// Whether runs leave segmented by the kernel. It ends when a device proves unable to.
  [[nodiscard]] bool offloads() const { return state_.offload; }
  [[nodiscard]] std::size_t queued_bytes() const override;
  [[nodiscard]] bool is_steered() const override { return state_.is_steered; }
  [[nodiscard]] std::size_t receive_buffer_bytes() const override;

 private:
  UdpSocket() = default;
  detail::UdpSocketState state_;
};

/// Whether this process may mark what it sends (SO_MARK), which needs CAP_NET_ADMIN.
bool may_mark_packets();

}  // namespace mptunnel
