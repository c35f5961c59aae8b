// What needs a host arranged for it: a network namespace of the test's own, where loopback has an Ethernet's
// MTU and, besides its own, an address of another network.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "namespace_support.h"
#include "net_support.h"

namespace mptunnel {
namespace {

using test::bound_to;
using test::collect;
using test::Datagram;
using test::open_socket;

constexpr int kLoopbackMtu = 1500;
constexpr const char* kOtherAddress = "10.9.8.7";

bool set_up_two_addresses() {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
  request.ifr_mtu = kLoopbackMtu;
  bool done = ioctl(fd, SIOCSIFMTU, &request) == 0;
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  done = ioctl(fd, SIOCSIFFLAGS, &request) == 0 && done;
  std::strncpy(request.ifr_name, "lo:1", IFNAMSIZ - 1);
  sockaddr_in other{};
  other.sin_family = AF_INET;
  done = inet_pton(AF_INET, kOtherAddress, &other.sin_addr) == 1 && done;
  std::memcpy(&request.ifr_addr, &other, sizeof other);
  done = ioctl(fd, SIOCSIFADDR, &request) == 0 && done;
  close(fd);
  return done;
}

void with_two_addresses(void (*body)()) {
  test::in_namespace(set_up_two_addresses, body);
}

UdpSocket open_sender(const UdpSocket& receiver, bool allow_fragments) {
  UdpSocketOptions options;
  options.connect = receiver.local_endpoint();
  options.allow_fragments = allow_fragments;
  return open_socket(options);
}

TEST(UdpMtu, StrideBeyondItGoesOutInFragmentsAndOffloadStays) {
  with_two_addresses([] {
    UdpSocket receiver = open_socket(bound_to("127.0.0.1"));
    UdpSocket sender = open_sender(receiver, true);
    for (const std::size_t stride :
         {std::size_t{1400}, std::size_t{1472}, std::size_t{1473}, std::size_t{9000}}) {
      const Datagram bytes = test::numbered_bytes(4, stride, 30);
      const SendOutcome outcome = sender.send({bytes, stride, {}});
      EXPECT_EQ(outcome.accepted, 4U) << stride;
      EXPECT_EQ(outcome.error, 0) << stride;
      EXPECT_EQ(collect(receiver, 4).datagrams, test::cut(bytes, stride)) << stride;
    }
    const Datagram largest(65507, 1);
    EXPECT_EQ(sender.send({largest, largest.size(), {}}).accepted, 1U);
    EXPECT_EQ(collect(receiver, 1).datagrams, test::Datagrams{largest});
    EXPECT_TRUE(sender.offloads());
    EXPECT_EQ(sender.counters().too_big, 0U);
  });
}

TEST(UdpMtu, WithoutFragmentsWhatIsTooBigIsToldAndTheTailPasses) {
  with_two_addresses([] {
    UdpSocket receiver = open_socket(bound_to("127.0.0.1"));
    UdpSocket sender = open_sender(receiver, false);
    const Datagram bytes = test::numbered_bytes(4, 1473, 30);
    const SendOutcome outcome = sender.send({bytes, 1473, {}});
    EXPECT_EQ(outcome.accepted, 1U);
    EXPECT_EQ(outcome.error, EMSGSIZE);
    EXPECT_EQ(sender.counters().too_big, 3U);
    EXPECT_EQ(collect(receiver, 1).datagrams, test::Datagrams{Datagram(bytes.end() - 30, bytes.end())});
    const Datagram fits = test::numbered_bytes(4, 1472, 1472);
    EXPECT_EQ(sender.send({fits, 1472, {}}).accepted, 4U);
    EXPECT_EQ(collect(receiver, 4).datagrams, test::cut(fits, 1472));
    EXPECT_TRUE(sender.offloads());
  });
}

TEST(UdpSocketConnect, ChoosesItsLocalAddressAnewForAnotherPeer) {
  with_two_addresses([] {
    UdpSocket first = open_socket(bound_to("127.0.0.1"));
    UdpSocket second = open_socket(bound_to(kOtherAddress));
    UdpSocket socket = open_sender(first, true);
    const Endpoint before = socket.local_endpoint();
    EXPECT_EQ(before.address_string(), "127.0.0.1");
    EXPECT_TRUE(socket.connect(second.local_endpoint()));
    EXPECT_EQ(socket.local_endpoint(), test::endpoint(kOtherAddress, before.port));
    const Datagram bytes{1};
    EXPECT_EQ(socket.send({bytes, 1, {}}).accepted, 1U);
    EXPECT_EQ(collect(second, 1).routes.at(0).remote, socket.local_endpoint());
  });
}

}  // namespace
}  // namespace mptunnel
