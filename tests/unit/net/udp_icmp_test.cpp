// What a UdpSocket makes of ICMP, which the test forges: about a datagram that was sent, and from an address
// of loopback. It needs a network namespace of its own.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <tuple>

#include "mptunnel/base/file.h"
#include "mptunnel/net/socket_address.h"
#include "namespace_support.h"
#include "net_support.h"

namespace mptunnel {
namespace {

using test::bound_to;
using test::Datagram;
using test::endpoint;
using test::open_socket;

constexpr const char* kRouter = "127.0.0.9";

bool set_up_loopback() {
  const File fd(socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_mtu = 1500;
  if (ioctl(fd.get(), SIOCSIFMTU, &request) != 0) return false;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

void with_loopback(void (*body)()) {
  test::in_namespace(set_up_loopback, body);
}

template <typename T>
void append(Datagram& bytes, const T& value) {
  const auto* const from = reinterpret_cast<const std::uint8_t*>(&value);
  bytes.insert(bytes.end(), from, from + sizeof value);
}

udphdr udp_header(std::uint16_t source, std::uint16_t destination) {
  udphdr header{};
  header.source = htons(source);
  header.dest = htons(destination);
  header.len = htons(sizeof header);
  return header;
}

// RFC 1071.
std::uint16_t checksum(ConstBytes bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) sum += std::uint32_t{bytes[i]} << (i % 2 == 0 ? 8U : 0U);
  while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

void send_raw(int protocol, const Endpoint& from, const Endpoint& to, const Datagram& message) {
  const File raw(socket(from.family == Family::ipv6 ? AF_INET6 : AF_INET, SOCK_RAW, protocol));
  SocketAddress address{};
  socklen_t length = to_socket_address(from.with_port(0), from.family == Family::ipv6, address);
  ASSERT_EQ(bind(raw.get(), &address.any, length), 0) << std::strerror(errno);
  length = to_socket_address(to.with_port(0), to.family == Family::ipv6, address);
  ASSERT_EQ(sendto(raw.get(), message.data(), message.size(), 0, &address.any, length),
            static_cast<ssize_t>(message.size()));
}

// `router` says this of a datagram from `local` to `remote`. `value` is the MTU, for the type that has one.
void forge(const Endpoint& local, const Endpoint& remote, std::uint8_t type, std::uint8_t code,
           const char* router = kRouter, std::uint16_t value = 0) {
  const bool is_ipv6 = local.family == Family::ipv6;
  Datagram message{
      type, code, 0, 0, 0, 0, static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)};
  if (is_ipv6) {
    ip6_hdr quoted{};
    quoted.ip6_vfc = 6U << 4U;
    quoted.ip6_plen = htons(sizeof(udphdr));
    quoted.ip6_nxt = IPPROTO_UDP;
    quoted.ip6_hlim = 60;
    quoted.ip6_src = to_in6_addr(local);
    quoted.ip6_dst = to_in6_addr(remote);
    append(message, quoted);
  } else {
    iphdr quoted{};
    quoted.version = 4;
    quoted.ihl = 5;
    quoted.tot_len = htons(sizeof quoted + sizeof(udphdr));
    quoted.ttl = 60;
    quoted.protocol = IPPROTO_UDP;
    std::memcpy(&quoted.saddr, local.address.data(), sizeof quoted.saddr);
    std::memcpy(&quoted.daddr, remote.address.data(), sizeof quoted.daddr);
    append(message, quoted);
  }
  append(message, udp_header(local.port, remote.port));
  if (!is_ipv6) {
    const std::uint16_t sum = checksum(message);
    message[2] = static_cast<std::uint8_t>(sum >> 8U);
    message[3] = static_cast<std::uint8_t>(sum);
  }
  send_raw(is_ipv6 ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP), endpoint(router),
           local, message);
}

UdpSocket open_hearing(const UdpSocket& peer) {
  UdpSocketOptions options;
  options.connect = peer.local_endpoint();
  options.hears_icmp = true;
  options.allow_fragments = false;
  return open_socket(options);
}

// What the loop would do.
std::optional<IcmpReport> heard(UdpSocket& socket) {
  if (!test::wait_readable(socket.fd(), monotonic_now() + std::chrono::seconds(1))) return std::nullopt;
  ReceiveBuffers buffers;
  const ReceiveResult result = socket.receive(buffers);
  EXPECT_EQ(result.error, 0);
  EXPECT_TRUE(result.batches.empty());
  return result.has_icmp ? socket.take_icmp() : std::nullopt;
}

bool hears_nothing(const UdpSocket& socket) {
  return !test::wait_readable(socket.fd(), monotonic_now() + std::chrono::milliseconds(20));
}

TEST(UdpIcmp, SaysWhoRefusesAndWhy) {
  with_loopback([] {
    const UdpSocket peer = open_socket(bound_to("127.0.0.1"));
    UdpSocket socket = open_hearing(peer);
    using Row = std::tuple<std::uint8_t, std::uint8_t, IcmpKind>;
    for (const auto& [type, code, kind] : {
             Row{ICMP_DEST_UNREACH, ICMP_PKT_FILTERED, IcmpKind::prohibited},
             Row{ICMP_DEST_UNREACH, ICMP_NET_ANO, IcmpKind::prohibited},
             Row{ICMP_DEST_UNREACH, ICMP_HOST_ANO, IcmpKind::prohibited},
             Row{ICMP_DEST_UNREACH, ICMP_NET_UNREACH, IcmpKind::no_route},
             Row{ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, IcmpKind::host_unreachable},
             Row{ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, IcmpKind::port_closed},
             Row{ICMP_DEST_UNREACH, ICMP_SR_FAILED, IcmpKind::other},
             Row{ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, IcmpKind::in_circles},
         }) {
      forge(socket.local_endpoint(), peer.local_endpoint(), type, code);
      const auto report = heard(socket);
      ASSERT_TRUE(report) << int{type} << "/" << int{code};
      EXPECT_EQ(report->kind, kind) << int{type} << "/" << int{code};
      EXPECT_EQ(report->from, endpoint(kRouter));
      EXPECT_EQ(report->to, peer.local_endpoint());
      EXPECT_TRUE(hears_nothing(socket));
    }
  });
}

TEST(UdpIcmp, OfIpv6IsTheSame) {
  with_loopback([] {
    const UdpSocket peer = open_socket(bound_to("::1"));
    UdpSocket socket = open_hearing(peer);
    using Row = std::tuple<std::uint8_t, std::uint8_t, IcmpKind>;
    for (const auto& [type, code, kind] : {
             Row{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADMIN, IcmpKind::prohibited},
             Row{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOROUTE, IcmpKind::no_route},
             Row{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_ADDR, IcmpKind::host_unreachable},
             Row{ICMP6_DST_UNREACH, ICMP6_DST_UNREACH_NOPORT, IcmpKind::port_closed},
             Row{ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT, IcmpKind::in_circles},
         }) {
      forge(socket.local_endpoint(), peer.local_endpoint(), type, code, "::1");
      const auto report = heard(socket);
      ASSERT_TRUE(report) << int{type} << "/" << int{code};
      EXPECT_EQ(report->kind, kind) << int{type} << "/" << int{code};
      EXPECT_EQ(report->from, endpoint("::1"));
      EXPECT_EQ(report->to, peer.local_endpoint());
    }
  });
}

TEST(UdpIcmp, CostsNoDatagramAndIsReadLater) {
  with_loopback([] {
    UdpSocket peer = open_socket(bound_to("127.0.0.1"));
    UdpSocket socket = open_hearing(peer);
    const Datagram bytes = test::numbered_bytes(5, 100, 40);
    for (const int code : {ICMP_PKT_FILTERED, ICMP_HOST_UNREACH, ICMP_PORT_UNREACH}) {
      forge(socket.local_endpoint(), peer.local_endpoint(), ICMP_DEST_UNREACH,
            static_cast<std::uint8_t>(code));
      const SendOutcome outcome = socket.send({bytes, 100, {}});
      EXPECT_EQ(outcome.accepted, 5U);
      EXPECT_EQ(outcome.error, 0);
      EXPECT_EQ(test::collect(peer, 5).datagrams, test::cut(bytes, 100));
      EXPECT_TRUE(heard(socket)) << "though the send has met the error";
      EXPECT_TRUE(hears_nothing(socket));
    }
  });
}

TEST(UdpIcmp, SizesThatIcmpTellsCostNoDatagramAndNoOffload) {
  with_loopback([] {
    UdpSocket peer = open_socket(bound_to("127.0.0.1"));
    for (const bool hears : {false, true}) {
      UdpSocketOptions options;
      options.connect = peer.local_endpoint();
      options.allow_fragments = false;
      options.hears_icmp = hears;
      UdpSocket socket = open_socket(options);
      const Datagram bytes = test::numbered_bytes(5, 100, 40);
      for (const std::size_t count : {std::size_t{1}, std::size_t{5}}) {
        forge(socket.local_endpoint(), peer.local_endpoint(), ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, kRouter,
              600);
        const SendOutcome outcome = socket.send({ConstBytes(bytes).first(count == 1 ? 100 : 440), 100, {}});
        EXPECT_EQ(outcome.accepted, count) << hears;
        EXPECT_EQ(outcome.error, 0) << "the MTU is found without it";
        EXPECT_EQ(test::collect(peer, count).datagrams.size(), count);
      }
      EXPECT_EQ(socket.counters().too_big, 0U);
      ASSERT_EQ(socket.send({bytes, 100, {}}).accepted, 5U);
      EXPECT_EQ(test::collect(peer, 5).batches, 1U) << "runs still leave in one piece";
      while (hears && !hears_nothing(socket)) EXPECT_FALSE(heard(socket)) << "it says nothing of the way";
    }
  });
}

TEST(UdpIcmp, FloodIsReadInBoundedStepsAndStopsNothing) {
  with_loopback([] {
    UdpSocket peer = open_socket(bound_to("127.0.0.1"));
    UdpSocket socket = open_hearing(peer);
    const Datagram bytes = test::numbered_bytes(5, 100, 40);
    for (int i = 0; i < 300; ++i) {
      forge(socket.local_endpoint(), peer.local_endpoint(), ICMP_DEST_UNREACH, ICMP_PKT_FILTERED);
      if (i % 100 == 0) {
        EXPECT_EQ(socket.send({bytes, 100, {}}).accepted, 5U);
      }
    }
    EXPECT_EQ(test::collect(peer, 15).datagrams.size(), 15U);
    int steps = 0;
    for (; steps < 20 && !hears_nothing(socket); ++steps) EXPECT_TRUE(heard(socket));
    EXPECT_GE(steps, 300 / 64);
    EXPECT_LE(steps, 300 / 64 + 2);
  });
}

TEST(UdpIcmp, WhatTheKernelItselfSaysOfSizesIsReadAway) {
  with_loopback([] {
    UdpSocket peer = open_socket(bound_to("127.0.0.1"));
    UdpSocket socket = open_hearing(peer);
    const Datagram large(2000);
    for (int i = 0; i < 10; ++i) {
      const SendOutcome outcome = socket.send({large, large.size(), {}});
      EXPECT_EQ(outcome.accepted, 0U);
      EXPECT_EQ(outcome.error, EMSGSIZE);
    }
    EXPECT_EQ(socket.counters().too_big, 10U);
    EXPECT_FALSE(heard(socket));
    EXPECT_TRUE(hears_nothing(socket)) << "the loop would wake up without end";
  });
}

TEST(UdpIcmp, AboutAnotherPeerIsNotHeard) {
  with_loopback([] {
    const UdpSocket peer = open_socket(bound_to("127.0.0.1"));
    const UdpSocket socket = open_hearing(peer);
    const Endpoint other =
        peer.local_endpoint().with_port(static_cast<std::uint16_t>(peer.local_endpoint().port ^ 1U));
    forge(socket.local_endpoint(), other, ICMP_DEST_UNREACH, ICMP_PKT_FILTERED);
    EXPECT_TRUE(hears_nothing(socket));
  });
}

}  // namespace
}  // namespace mptunnel
