// Two devices in two network namespaces, and between them what a tunnel does to a packet: cut, carried,
// joined, written. Sockets at both ends say whether the kernel and the layer `ip` mean the same by a
// VnetHeader: TCP and UDP have to arrive bit for bit.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <vector>

#include "ip_command.h"
#include "mptunnel/base/file.h"
#include "mptunnel/ip/joiner.h"
#include "mptunnel/ip/segmenter.h"
#include "mptunnel/net/link_config.h"
#include "mptunnel/net/socket_address.h"
#include "mptunnel/net/tun_device.h"
#include "namespace_support.h"
#include "net_support.h"
#include "tun_namespace.h"

namespace mptunnel {
namespace {

using test::in_tun_namespace;

constexpr std::size_t kTunMtu = 1400;
constexpr std::size_t kStreamBytes = 4'000'000;

template <typename Value>
Value value_of(tl::expected<Value, std::string> result) {
  if (!result) throw std::runtime_error(result.error());
  return *std::move(result);
}
void check(const tl::expected<void, std::string>& result) {
  if (!result) throw std::runtime_error(result.error());
}

/// In the namespace that the process is in.
TunDevice make_end(const std::string& name, TunOffload most, const char* ipv4, const char* ipv6) {
  TunDevice device = value_of(TunDevice::open({name, most}));
  EXPECT_EQ(device.offload(), most);
  const LinkConfig link(device.index(), name);
  check(link.set_mtu(kTunMtu));
  check(link.set_up(true));
  check(link.add_address(parse_address_prefix(ipv4).value()));
  check(link.add_address(parse_address_prefix(ipv6).value()));
  return device;
}

/// What came out of a device, and went into the other.
struct RelayCounts {
  std::size_t super_tcp = 0;
  std::size_t super_udp = 0;
  std::size_t unfinished = 0;  ///< whose checksum was left to us
  std::size_t segments = 0;
  std::size_t joined_tcp = 0;
  std::size_t joined_udp = 0;
  std::size_t refused = 0;
};

/// The tunnel in one direction.
class Relay {
 public:
  Relay(TunDevice& from, TunDevice& to) : from_(from), to_(to), joiner_(7, to.offload() == TunOffload::udp) {}

  /// As much as one read brings.
  void run() {
    const TunReadResult result = from_.read(buffer_);
    EXPECT_EQ(result.error, 0);
    carried_.clear();
    for (const TunPacket& packet : result.packets) cut(packet);
    for (const test::Datagram& packet : carried_) {
      if (to_.offload() < TunOffload::tcp) {
        if (to_.write(packet) != 0) ++counts.refused;
        continue;
      }
      if (joiner_.is_full()) write_joined();
      joiner_.add(packet);
    }
    write_joined();
  }
  [[nodiscard]] int fd() const { return from_.fd(); }

  RelayCounts counts;

 private:
  void cut(const TunPacket& packet) {
    counts.super_tcp += packet.header.gso == Gso::tcp4 || packet.header.gso == Gso::tcp6 ? 1U : 0U;
    counts.super_udp += packet.header.gso == Gso::udp ? 1U : 0U;
    counts.unfinished += packet.header.needs_checksum ? 1U : 0U;
    auto segmenter = Segmenter::make(packet.header, packet.bytes);
    if (!segmenter) throw std::runtime_error(name_of(segmenter.error()));
    while (const auto segment = segmenter->next()) {
      EXPECT_LE(segment->size(), kTunMtu);
      test::Datagram whole(segment->head.begin(), segment->head.end());
      whole.insert(whole.end(), segment->payload.begin(), segment->payload.end());
      carried_.push_back(std::move(whole));
      ++counts.segments;
    }
  }
  void write_joined() {
    while (const auto joined = joiner_.next()) {
      counts.joined_tcp += joined->header.gso == Gso::tcp4 || joined->header.gso == Gso::tcp6 ? 1U : 0U;
      counts.joined_udp += joined->header.gso == Gso::udp ? 1U : 0U;
      if (to_.write(joined->header, joined->head, joined->payload) != 0) ++counts.refused;
    }
  }

  TunDevice& from_;
  TunDevice& to_;
  TunBuffer buffer_;
  Joiner joiner_;
  test::Datagrams carried_;
};

/// A byte of what one end sends: the other knows what has to come.
std::uint8_t byte_at(std::size_t at, unsigned seed) {
  return static_cast<std::uint8_t>(at * 31 + (at >> 8U) * 7 + (at >> 16U) + seed);
}

/// One end of a TCP connection, which sends and takes kStreamBytes.
struct Stream {
  Stream(File opened, unsigned sends, unsigned takes)
      : socket(std::move(opened)), send_seed(sends), take_seed(takes) {}
  void move() {
    std::array<std::uint8_t, 65536> block{};
    const std::size_t size = std::min(block.size(), kStreamBytes - sent);
    for (std::size_t i = 0; i < size; ++i) block[i] = byte_at(sent + i, send_seed);
    if (size > 0) {
      const ssize_t count = ::send(socket.get(), block.data(), size, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (count > 0) sent += static_cast<std::size_t>(count);
    }
    const ssize_t count = ::recv(socket.get(), block.data(), block.size(), MSG_DONTWAIT);
    for (ssize_t i = 0; i < count; ++i, ++taken)
      wrong += block[static_cast<std::size_t>(i)] != byte_at(taken, take_seed) ? 1U : 0U;
  }
  [[nodiscard]] bool is_done() const { return sent == kStreamBytes && taken == kStreamBytes; }

  File socket;
  unsigned send_seed;
  unsigned take_seed;
  std::size_t sent = 0;
  std::size_t taken = 0;
  std::size_t wrong = 0;
};

File tcp_socket(const Endpoint& address) {
  const int family = address.family == Family::ipv4 ? AF_INET : AF_INET6;
  return File(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Endpoint listen_on(const File& socket, const Endpoint& address) {
  SocketAddress place{};
  socklen_t size = to_socket_address(address, address.family == Family::ipv6, place);
  if (::bind(socket.get(), &place.any, size) != 0 || ::listen(socket.get(), 1) != 0 ||
      getsockname(socket.get(), &place.any, &size) != 0)
    throw std::runtime_error("can't listen");
  return from_socket_address(place);
}

/// Both ends, with all that has to be opened in one namespace before the process goes to the other.
struct TwoEnds {
  explicit TwoEnds(TunOffload most) : near(make_end("near0", most, "10.77.0.1/24", "fd77::1/64")) {
    for (const char* address : {"10.77.0.1", "fd77::1"}) {
      listeners.push_back(tcp_socket(test::endpoint(address)));
      listening.push_back(listen_on(listeners.back(), test::endpoint(address)));
      near_udp.push_back(test::open_socket(test::bound_to(address)));
    }
    if (unshare(CLONE_NEWNET) != 0 || !test::run_ip("link set lo up")) test::skip_in_namespace();
    far.emplace(make_end("far0", most, "10.77.0.2/24", "fd77::2/64"));
    for (const char* address : {"10.77.0.2", "fd77::2"})
      far_udp.push_back(test::open_socket(test::bound_to(address)));
    forth.emplace(*far, near);
    back.emplace(near, *far);
  }

  /// Carries packets until `is_done` says so.
  template <typename Done>
  void run(Done is_done) {
    const TimePoint deadline = monotonic_now() + test::kPatience;
    while (!is_done()) {
      ASSERT_TRUE(monotonic_now() < deadline) << "it does not end";
      std::array<pollfd, 2> entries{pollfd{near.fd(), POLLIN, 0}, pollfd{far->fd(), POLLIN, 0}};
      poll(entries.data(), entries.size(), 1);
      forth->run();
      back->run();
    }
  }

  TunDevice near;
  std::optional<TunDevice> far;
  std::vector<File> listeners;
  std::vector<Endpoint> listening;
  std::vector<UdpSocket> near_udp;
  std::vector<UdpSocket> far_udp;
  std::optional<Relay> forth;
  std::optional<Relay> back;
};

void exchange_tcp(TwoEnds& ends, std::size_t which) {
  File caller = tcp_socket(ends.listening[which]);
  SocketAddress place{};
  const socklen_t size =
      to_socket_address(ends.listening[which], ends.listening[which].family == Family::ipv6, place);
  ASSERT_TRUE(::connect(caller.get(), &place.any, size) == 0 || errno == EINPROGRESS);
  File taken;
  ends.run([&] {
    if (!taken.is_open())
      taken = File(::accept4(ends.listeners[which].get(), nullptr, nullptr, SOCK_NONBLOCK));
    return taken.is_open();
  });
  Stream far(std::move(caller), 1, 2);
  Stream near(std::move(taken), 2, 1);
  ends.run([&] {
    far.move();
    near.move();
    return far.is_done() && near.is_done();
  });
  EXPECT_EQ(far.wrong, 0U);
  EXPECT_EQ(near.wrong, 0U);
}

/// Datagrams of one size by UDP_SEGMENT, the last one shorter.
void exchange_udp(TwoEnds& ends, UdpSocket& from, UdpSocket& to) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{500}, std::size_t{1201}, std::size_t{1352}}) {
    for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{40}}) {
      const test::Datagram bytes = test::numbered_bytes(count, size, (size + 1) / 2);
      EXPECT_EQ(from.send({bytes, size, Route{to.local_endpoint(), {}}}).accepted, count);
      test::Inbox inbox;
      ReceiveBuffers buffers;
      ends.run([&] {
        pollfd entry{to.fd(), POLLIN, 0};
        if (poll(&entry, 1, 0) == 1) inbox.collect(to, buffers, inbox.datagrams.size() + 1);
        return inbox.datagrams.size() >= count;
      });
      // Not EXPECT_EQ: it would print all of them.
      EXPECT_TRUE(inbox.datagrams == test::cut(bytes, size)) << size << " bytes, " << count;
    }
  }
  EXPECT_TRUE(from.offloads());
}

void expect_offloads(const RelayCounts& counts, TunOffload most) {
  EXPECT_EQ(counts.refused, 0U);
  EXPECT_EQ(counts.super_tcp > 100, most >= TunOffload::tcp) << counts.super_tcp;
  EXPECT_EQ(counts.super_udp > 10, most >= TunOffload::udp) << counts.super_udp;
  EXPECT_EQ(counts.joined_tcp > 100, most >= TunOffload::tcp) << counts.joined_tcp;
  EXPECT_EQ(counts.joined_udp > 10, most >= TunOffload::udp) << counts.joined_udp;
  EXPECT_EQ(counts.unfinished > 0, most >= TunOffload::checksum) << counts.unfinished;
}

void carry_all(TunOffload most) {
  TwoEnds ends(most);
  for (std::size_t which = 0; which < 2; ++which) {
    exchange_tcp(ends, which);
    exchange_udp(ends, ends.far_udp[which], ends.near_udp[which]);
    exchange_udp(ends, ends.near_udp[which], ends.far_udp[which]);
  }
  expect_offloads(ends.forth->counts, most);
  expect_offloads(ends.back->counts, most);
  for (const TunDevice* device : {&ends.near, &*ends.far}) {
    const TunCounters& counters = device->counters();
    EXPECT_EQ(counters.read_errors, 0U);
    EXPECT_EQ(counters.would_block + counters.no_buffers + counters.invalid + counters.is_down +
                  counters.other_errors,
              0U);
  }
}

TEST(TunRoundTrip, WithoutAnyOffload) {
  in_tun_namespace([] { carry_all(TunOffload::none); });
}
TEST(TunRoundTrip, WithChecksumsLeftToUs) {
  in_tun_namespace([] { carry_all(TunOffload::checksum); });
}
TEST(TunRoundTrip, WithSuperPacketsOfTcp) {
  in_tun_namespace([] { carry_all(TunOffload::tcp); });
}
TEST(TunRoundTrip, WithSuperPacketsOfTcpAndUdp) {
  in_tun_namespace([] { carry_all(TunOffload::udp); });
}

}  // namespace
}  // namespace mptunnel
