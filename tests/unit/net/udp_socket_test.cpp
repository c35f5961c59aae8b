#include "mptunnel/net/udp_socket.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "net_support.h"

namespace mptunnel {
namespace {

using test::bound_to;
using test::collect;
using test::Datagram;
using test::Datagrams;
using test::endpoint;
using test::open_socket;

UdpSocket connected_to(const Endpoint& remote) {
  UdpSocketOptions options;
  options.connect = remote;
  return open_socket(options);
}

SendRun run_of(const Datagram& bytes, std::size_t stride) {
  return {bytes, stride, {}};
}

TEST(UdpSocket, LocalEndpointHasThePortThatTheKernelChose) {
  const UdpSocket socket = open_socket(bound_to("127.0.0.1"));
  EXPECT_EQ(socket.local_endpoint().address_string(), "127.0.0.1");
  EXPECT_NE(socket.local_endpoint().port, 0);
}

TEST(UdpSocket, UnsetBindTakesTheFamilyOfThePeer) {
  EXPECT_EQ(connected_to(endpoint("127.0.0.1", 9)).local_endpoint().family, Family::ipv4);
  if (!test::has_ipv6()) GTEST_SKIP() << "this system has no IPv6";
  EXPECT_EQ(connected_to(endpoint("::1", 9)).local_endpoint().family, Family::ipv6);
}

TEST(UdpSocket, MovesKeepTheDescriptorOnce) {
  UdpSocket first = open_socket(bound_to("127.0.0.1"));
  UdpSocket second = open_socket(bound_to("127.0.0.1"));
  const int fd = first.fd();
  second = std::move(first);
  UdpSocket third(std::move(second));
  EXPECT_EQ(third.fd(), fd);
  EXPECT_EQ(third.local_endpoint().address_string(), "127.0.0.1");
}

TEST(UdpSocketOpen, SaysThatAnotherProgramHasThePort) {
  const UdpSocket holder = open_socket(bound_to("127.0.0.1"));
  UdpSocketOptions options;
  options.bind = holder.local_endpoint();
  const auto second = UdpSocket::open(options);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().error, EADDRINUSE);
  EXPECT_EQ(second.error().what, holder.local_endpoint().to_string() + " is in use by another program");
}

TEST(UdpSocketOpen, SaysWhatIsWrong) {
  UdpSocketOptions foreign = bound_to("192.0.2.1");
  UdpSocketOptions no_device = bound_to("127.0.0.1");
  no_device.device = "no-such-if";
  UdpSocketOptions mixed = bound_to("127.0.0.1");
  mixed.connect = endpoint("2001:db8::1", 1);
  struct Row {
    const char* name;
    const UdpSocketOptions& options;
    int error;
    const char* what;
  };
  const Row rows[] = {
      {"foreign address", foreign, EADDRNOTAVAIL, "192.0.2.1 is not an address of this host"},
      {"unknown interface", no_device, ENODEV, "there is no interface named no-such-if"},
      {"families differ", mixed, EAFNOSUPPORT,
       "[2001:db8::1]:1 can't be reached: Address family not supported by protocol"},
  };
  for (const Row& row : rows) {
    const auto socket = UdpSocket::open(row.options);
    ASSERT_FALSE(socket) << row.name;
    EXPECT_EQ(socket.error().error, row.error) << row.name;
    EXPECT_EQ(socket.error().what, row.what) << row.name;
  }
}

TEST(UdpSocketOpen, BindsToAnAddressThatIsNotThereYet) {
  for (const char* const address : {"192.0.2.1", "2001:db8::1"}) {
    if (std::string_view(address).find(':') != std::string_view::npos && !test::has_ipv6()) continue;
    UdpSocketOptions options = bound_to(address);
    options.free_bind = true;
    const auto socket = UdpSocket::open(options);
    ASSERT_TRUE(socket) << socket.error().what;
    EXPECT_EQ(socket->local_endpoint().address_string(), address);
  }
}

TEST(UdpSocketOpen, ReportsTheBuffersItGot) {
  UdpSocketOptions options = bound_to("127.0.0.1");
  options.buffer_bytes = 100000;
  const UdpSocket socket = open_socket(options);
  EXPECT_GE(socket.receive_buffer_bytes(), 100000U);
  int send_buffer = 0;
  socklen_t length = sizeof send_buffer;
  ASSERT_EQ(getsockopt(socket.fd(), SOL_SOCKET, SO_SNDBUF, &send_buffer, &length), 0);
  // The kernel reports the double of what it gives: socket(7).
  EXPECT_GE(send_buffer / 2, 100000);
}

TEST(UdpSocketOpen, BindsToAnInterface) {
  UdpSocketOptions options = bound_to("0.0.0.0");
  options.device = "lo";
  auto receiver = UdpSocket::open(options);
  if (!receiver && receiver.error().error == EPERM) GTEST_SKIP() << receiver.error().what;
  ASSERT_TRUE(receiver) << receiver.error().what;
  UdpSocket sender = connected_to(endpoint("127.0.0.1", receiver->local_endpoint().port));
  const Datagram bytes{1, 2, 3};
  sender.send(run_of(bytes, 3));
  EXPECT_EQ(collect(*receiver, 1).datagrams, Datagrams{bytes});
}

TEST(UdpSocketConnect, TurnsToAnotherPeerAndKeepsThePort) {
  for (const bool named_port : {false, true}) {
    UdpSocket first = open_socket(bound_to("127.0.0.1"));
    UdpSocket second = open_socket(bound_to("127.0.0.2"));
    UdpSocketOptions options;
    if (named_port) {
      // A port that was free a moment ago: taken by its number, it is bound in another way.
      options.bind = open_socket(bound_to("0.0.0.0")).local_endpoint();
    }
    options.connect = first.local_endpoint();
    UdpSocket socket = open_socket(options);
    const Endpoint before = socket.local_endpoint();
    EXPECT_EQ(before.address_string(), "127.0.0.1");
    ASSERT_TRUE(socket.connect(second.local_endpoint()));
    EXPECT_EQ(socket.local_endpoint().port, before.port) << named_port;

    const Datagram bytes{7};
    EXPECT_EQ(socket.send(run_of(bytes, 1)).accepted, 1U);
    const test::Inbox inbox = collect(second, 1);
    ASSERT_EQ(inbox.routes.size(), 1U);
    EXPECT_EQ(inbox.routes[0].remote, socket.local_endpoint());

    // A socket that is no longer the peer is no longer heard.
    EXPECT_EQ(first.send({bytes, 1, {socket.local_endpoint(), {}}}).accepted, 1U);
    const Datagram answer{8};
    EXPECT_EQ(second.send({answer, 1, {socket.local_endpoint(), {}}}).accepted, 1U);
    EXPECT_EQ(collect(socket, 1).datagrams, Datagrams{answer});
  }
}

TEST(UdpSocketConnect, FailureLeavesItUsable) {
  UdpSocket peer = open_socket(bound_to("127.0.0.1"));
  UdpSocket socket = connected_to(peer.local_endpoint());
  const std::uint16_t port = socket.local_endpoint().port;
  EXPECT_FALSE(socket.connect(endpoint("::1", 1)));
  EXPECT_FALSE(socket.connect(Endpoint{}));
  ASSERT_TRUE(socket.connect(peer.local_endpoint()));
  EXPECT_EQ(socket.local_endpoint().port, port);
}

TEST(UdpSocketShare, SecondSocketOnAPortGetsWhatIsNotFromThePeerOfTheFirst) {
  for (const char* const address : {"127.0.0.1", "::1"}) {
    if (std::string_view(address) == "::1" && !test::has_ipv6()) continue;
    UdpSocket peer = open_socket(bound_to(address));
    UdpSocket stranger = open_socket(bound_to(address));
    UdpSocket other = open_socket(bound_to(address));
    UdpSocket socket = connected_to(peer.local_endpoint());
    const Endpoint local = socket.local_endpoint();
    UdpSocketOptions sharing;
    sharing.bind = local;
    sharing.shares_port = true;
    ASSERT_FALSE(UdpSocket::open(sharing)) << "nobody lets it";
    socket.let_share(true);
    UdpSocket elsewhere = open_socket(sharing);
    socket.let_share(false);
    ASSERT_FALSE(UdpSocket::open(sharing)) << "not any more";

    const auto send = [&local](UdpSocket& from, std::uint8_t byte) {
      const Datagram bytes{byte};
      EXPECT_EQ(from.send({bytes, 1, {local, {}}}).accepted, 1U);
    };
    send(stranger, 1);
    send(peer, 2);
    EXPECT_EQ(collect(elsewhere, 1).datagrams, Datagrams{{1}});
    EXPECT_EQ(collect(socket, 1).datagrams, Datagrams{{2}});
    // Connected, it hears one other alone.
    ASSERT_TRUE(elsewhere.connect(other.local_endpoint()));
    EXPECT_EQ(elsewhere.local_endpoint(), local);
    send(stranger, 3);
    send(other, 4);
    send(peer, 5);
    EXPECT_EQ(collect(elsewhere, 1).datagrams, Datagrams{{4}});
    EXPECT_EQ(collect(socket, 1).datagrams, Datagrams{{5}});
  }
}

// Replies leave from the address that was asked, whichever of the host's many it is.
struct AskedRow {
  const char* name;
  const char* bind;
  const char* asked;
  bool dual_stack;
  bool offload;
};

class UdpSocketReply : public ::testing::TestWithParam<AskedRow> {};

TEST_P(UdpSocketReply, LeavesFromTheAddressThatWasAsked) {
  const AskedRow& row = GetParam();
  if (std::string_view(row.bind) == "::" && !test::has_ipv6()) GTEST_SKIP() << "this system has no IPv6";
  UdpSocketOptions options = bound_to(row.bind);
  options.dual_stack = row.dual_stack;
  options.packet_info = true;
  options.offload = row.offload;
  UdpSocket server = open_socket(options);
  const Endpoint asked = endpoint(row.asked, server.local_endpoint().port);
  UdpSocket client = connected_to(asked);

  const Datagram question = test::numbered_bytes(3, 100, 10);
  EXPECT_EQ(client.send(run_of(question, 100)).accepted, 3U);
  const test::Inbox inbox = collect(server, 3);
  ASSERT_EQ(inbox.datagrams, test::cut(question, 100));
  const Route route = inbox.routes[0];
  EXPECT_EQ(route.remote, client.local_endpoint());
  EXPECT_EQ(route.local, asked);

  // A connected client takes nothing from another address.
  const Datagram answer = test::numbered_bytes(5, 200, 1);
  EXPECT_EQ(server.send({answer, 200, route}).accepted, 5U);
  EXPECT_EQ(collect(client, 5).datagrams, test::cut(answer, 200));
}

INSTANTIATE_TEST_SUITE_P(Rows, UdpSocketReply,
                         ::testing::Values(AskedRow{"Ipv4", "0.0.0.0", "127.0.0.1", false, true},
                                           AskedRow{"Ipv4Second", "0.0.0.0", "127.0.0.2", false, true},
                                           AskedRow{"Ipv4SecondPlain", "0.0.0.0", "127.0.0.2", false, false},
                                           AskedRow{"DualStackIpv4", "::", "127.0.0.2", true, true},
                                           AskedRow{"DualStackIpv4Plain", "::", "127.0.0.2", true, false},
                                           AskedRow{"DualStackIpv6", "::", "::1", true, true},
                                           AskedRow{"Ipv6", "::", "::1", false, true}),
                         [](const auto& row) { return row.param.name; });

TEST(UdpSocket, Ipv6SocketWithoutDualStackLeavesIpv4Alone) {
  if (!test::has_ipv6()) GTEST_SKIP() << "this system has no IPv6";
  UdpSocketOptions options = bound_to("::");
  options.connect = endpoint("127.0.0.1", 9);
  EXPECT_FALSE(UdpSocket::open(options));
  options.dual_stack = true;
  EXPECT_TRUE(UdpSocket::open(options));
}

TEST(UdpSocketErrors, RefusalIsReportedAndLosesNothingElse) {
  std::uint16_t closed_port = 0;
  {
    const UdpSocket closed = open_socket(bound_to("127.0.0.1"));
    closed_port = closed.local_endpoint().port;
  }
  UdpSocket socket = connected_to(endpoint("127.0.0.1", closed_port));
  const Datagram bytes{1};
  EXPECT_EQ(socket.send(run_of(bytes, 1)).accepted, 1U);
  ASSERT_TRUE(test::wait_readable(socket.fd(), monotonic_now() + test::kPatience));
  ReceiveBuffers buffers;
  const ReceiveResult result = socket.receive(buffers);
  EXPECT_EQ(result.error, ECONNREFUSED);
  EXPECT_TRUE(result.batches.empty());
  EXPECT_EQ(socket.counters().refused, 1U);

  // The answer to one send meets the next one, which passes all the same.
  EXPECT_EQ(socket.send(run_of(bytes, 1)).accepted, 1U);
  ASSERT_TRUE(test::wait_readable(socket.fd(), monotonic_now() + test::kPatience));
  const SendOutcome outcome = socket.send(run_of(bytes, 1));
  EXPECT_EQ(outcome.accepted, 1U);
  EXPECT_EQ(outcome.error, ECONNREFUSED);
  EXPECT_EQ(socket.counters().refused, 2U);
  EXPECT_EQ(socket.counters().sent, 3U);
}

TEST(UdpSocketErrors, PendingErrorComesWithTheDatagramsThatArrived) {
  UdpSocket socket = open_socket(bound_to("127.0.0.1"));
  Endpoint peer_address;
  const Datagram bytes{1};
  {
    UdpSocket peer = open_socket(bound_to("127.0.0.1"));
    peer_address = peer.local_endpoint();
    ASSERT_TRUE(socket.connect(peer_address));
    ASSERT_EQ(peer.send({bytes, 1, {socket.local_endpoint(), {}}}).accepted, 1U);
  }
  ASSERT_EQ(socket.send(run_of(bytes, 1)).accepted, 1U);  // refused: the peer is gone
  pollfd both{socket.fd(), POLLIN, 0};
  const TimePoint deadline = monotonic_now() + test::kPatience;
  while ((both.revents & POLLIN) == 0 || (both.revents & POLLERR) == 0) {
    ASSERT_LT(monotonic_now(), deadline);
    poll(&both, 1, 10);
  }
  ReceiveBuffers buffers;
  const ReceiveResult result = socket.receive(buffers);
  EXPECT_EQ(result.error, ECONNREFUSED);
  ASSERT_EQ(result.batches.size(), 1U);
  EXPECT_EQ(Datagram(result.batches[0].batch.bytes.begin(), result.batches[0].batch.bytes.end()), bytes);
}

TEST(UdpSocketErrors, NoRouteEndsItsRunOnly) {
  UdpSocket receiver = open_socket(bound_to("127.0.0.1"));
  UdpSocket sender = open_socket(bound_to("127.0.0.1"));
  const Datagram bytes = test::numbered_bytes(3, 10, 10);
  // From a loopback address there is no way to an address that is not of this host.
  const std::array<SendRun, 3> runs{SendRun{bytes, 10, {endpoint("192.0.2.1", 9), {}}},
                                    SendRun{bytes, 10, {endpoint("2001:db8::1", 9), {}}},
                                    SendRun{bytes, 10, {receiver.local_endpoint(), {}}}};
  std::array<SendOutcome, 3> outcomes{};
  sender.send(runs, outcomes);
  EXPECT_EQ(outcomes[0].accepted, 0U);
  EXPECT_NE(outcomes[0].error, 0);
  EXPECT_EQ(outcomes[1].accepted, 0U);
  EXPECT_NE(outcomes[1].error, 0);
  EXPECT_EQ(outcomes[2].accepted, 3U);
  EXPECT_EQ(outcomes[2].error, 0);
  EXPECT_EQ(sender.counters().other_errors, 6U);
  EXPECT_TRUE(sender.offloads());
  EXPECT_EQ(collect(receiver, 3).datagrams.size(), 3U);
}

}  // namespace
}  // namespace mptunnel
