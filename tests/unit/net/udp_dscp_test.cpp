// DSCP and ECN of datagrams, through real sockets on loopback: both families, IPv4 over IPv6 sockets,
// batches, and together with everything else that rides beside a datagram's bytes.
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <optional>

#include "net_support.h"

namespace mptunnel {
namespace {

using test::collect;
using test::Datagram;
using test::endpoint;
using test::open_socket;

constexpr std::uint8_t kExpedited = 46;  // EF, RFC 3246
constexpr std::uint8_t kLargest = 63;

struct FamilyRow {
  const char* name;
  bool ipv6_socket;
  const char* address;  // where the receiver is reached
  const char* other;    // another address that the sender may leave from
};

constexpr FamilyRow kFamilies[] = {
    {"Ipv4", false, "127.0.0.1", "127.0.0.2"},
    {"Ipv6", true, "::1", "::1"},
    {"Mapped", true, "127.0.0.1", "127.0.0.2"},
};

bool is_possible(const FamilyRow& row) {
  return !row.ipv6_socket || test::has_ipv6();
}

UdpSocketOptions any_port(const FamilyRow& row) {
  UdpSocketOptions options;
  options.dual_stack = row.ipv6_socket;
  options.packet_info = true;
  options.read_marks = true;
  return options;
}

Endpoint address_of(const FamilyRow& row, const UdpSocket& socket) {
  return endpoint(row.address, socket.local_endpoint().port);
}

// The byte as it stands in the packet, ECN included. -1 if there was none.
int read_traffic_class(int fd) {
  if (!test::wait_readable(fd, monotonic_now() + test::kPatience)) return -1;
  alignas(cmsghdr) char control[256];
  char bytes[2048];
  iovec vector{bytes, sizeof bytes};
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  if (recvmsg(fd, &message, 0) < 0) return -1;
  for (cmsghdr* note = CMSG_FIRSTHDR(&message); note != nullptr; note = CMSG_NXTHDR(&message, note)) {
    if (note->cmsg_level == IPPROTO_IP && note->cmsg_type == IP_TOS) return *CMSG_DATA(note);
    if (note->cmsg_level == IPPROTO_IPV6 && note->cmsg_type == IPV6_TCLASS) {
      int value = 0;
      std::memcpy(&value, CMSG_DATA(note), sizeof value);
      return value;
    }
  }
  return -1;
}

void set_traffic_class(const UdpSocket& socket, bool ipv6, int value) {
  ASSERT_EQ(setsockopt(socket.fd(), ipv6 ? IPPROTO_IPV6 : IPPROTO_IP, ipv6 ? IPV6_TCLASS : IP_TOS, &value,
                       sizeof value),
            0);
}

enum class Sending { connected, chosen_by_kernel, from_other_address };

class UdpDscp : public ::testing::TestWithParam<std::tuple<FamilyRow, Sending, bool, bool>> {
 protected:
  void SetUp() override {
    if (!is_possible(row_)) GTEST_SKIP() << "this system has no IPv6";
    UdpSocketOptions in = any_port(row_);
    in.offload = std::get<3>(GetParam());
    in.buffer_bytes = 1 << 20;
    receiver_ = open_socket(in);
    UdpSocketOptions out = any_port(row_);
    out.offload = std::get<2>(GetParam());
    if (sending_ == Sending::connected) out.connect = address_of(row_, *receiver_);
    sender_ = open_socket(out);
    if (sending_ != Sending::connected) to_.remote = address_of(row_, *receiver_);
    if (sending_ == Sending::from_other_address) to_.local = endpoint(row_.other);
  }

  void expect_arrival(const test::Inbox& inbox, const Datagram& bytes, std::size_t stride,
                      const std::vector<Marks>& marks) {
    EXPECT_EQ(inbox.datagrams, test::cut(bytes, stride));
    EXPECT_EQ(inbox.marks, marks);
    EXPECT_EQ(receiver_->counters().truncated, 0U);
    for (const Route& route : inbox.routes) {
      EXPECT_EQ(route.local, address_of(row_, *receiver_));
      const char* from = sending_ == Sending::from_other_address ? row_.other : row_.address;
      EXPECT_EQ(route.remote, endpoint(from, sender_->local_endpoint().port));
    }
  }

  const FamilyRow row_ = std::get<0>(GetParam());
  const Sending sending_ = std::get<1>(GetParam());
  std::optional<UdpSocket> receiver_;
  std::optional<UdpSocket> sender_;
  Route to_;
};

TEST_P(UdpDscp, OfEachRunArrivesWithItsDatagrams) {
  constexpr std::size_t kStride = 300;
  const Datagram bytes = test::numbered_bytes(8, kStride, kStride);
  const ConstBytes all(bytes);
  const std::vector<SendRun> runs{{all.first(3 * kStride), kStride, to_, {kExpedited}},
                                  {all.subspan(3 * kStride, 2 * kStride), kStride, to_},
                                  {all.subspan(5 * kStride, kStride), kStride, to_, {kLargest, Ecn::ce}},
                                  {all.subspan(6 * kStride), kStride, to_, {0, Ecn::ect0}}};
  std::vector<SendOutcome> outcomes(runs.size());
  sender_->send(runs, outcomes);
  for (const SendOutcome& outcome : outcomes) EXPECT_EQ(outcome.error, 0);
  expect_arrival(collect(*receiver_, 8), bytes, kStride,
                 {{kExpedited},
                  {kExpedited},
                  {kExpedited},
                  {},
                  {},
                  {kLargest, Ecn::ce},
                  {0, Ecn::ect0},
                  {0, Ecn::ect0}});
}

TEST_P(UdpDscp, OfPiecesArrives) {
  const Datagram bytes = test::numbered_bytes(4, 100, 10);
  std::vector<ConstBytes> pieces;
  for (std::size_t i = 0; i < 4; ++i) pieces.push_back(ConstBytes(bytes).subspan(i * 100, i < 3 ? 100 : 10));
  const std::vector<SendPieces> sends{{std::span(pieces).first(1), to_, {kLargest}},
                                      {std::span(pieces).subspan(1, 2), to_}};
  std::vector<SendOutcome> outcomes(sends.size());
  sender_->send(std::span<const SendPieces>(sends), outcomes);
  EXPECT_EQ(sender_->send_pieces(std::span(pieces).subspan(3), to_, {kExpedited}).accepted, 1U);
  expect_arrival(collect(*receiver_, 4), bytes, 100, {{kLargest}, {}, {}, {kExpedited}});
}

// What the sender's socket would put there by itself is replaced.
TEST_P(UdpDscp, AndEcnLeaveAsTheyWereGiven) {
  set_traffic_class(*sender_, row_.ipv6_socket, 3);
  const Datagram byte{1};
  for (const Marks marks : {Marks{1}, Marks{kExpedited, Ecn::ect1}, Marks{kLargest, Ecn::ce},
                            Marks{0, Ecn::ect0}, Marks{0, Ecn::ce}}) {
    ASSERT_EQ(sender_->send({byte, 1, to_, marks}).accepted, 1U);
    EXPECT_EQ(read_traffic_class(receiver_->fd()), marks.traffic_class());
  }
}

std::string name_of(const ::testing::TestParamInfo<UdpDscp::ParamType>& row) {
  const auto& [family, sending, offload_out, offload_in] = row.param;
  const char* how = sending == Sending::connected          ? "Connected"
                    : sending == Sending::chosen_by_kernel ? "Unconnected"
                                                           : "FromAddress";
  return fmt::format("{}{}{}{}", family.name, how, offload_out ? "Segmented" : "Plain",
                     offload_in ? "ToGro" : "ToPlain");
}

INSTANTIATE_TEST_SUITE_P(Rows, UdpDscp,
                         ::testing::Combine(::testing::ValuesIn(kFamilies),
                                            ::testing::Values(Sending::connected, Sending::chosen_by_kernel,
                                                              Sending::from_other_address),
                                            ::testing::Bool(), ::testing::Bool()),
                         name_of);

class UdpDscpReceive : public ::testing::TestWithParam<FamilyRow> {
 protected:
  void SetUp() override {
    if (!is_possible(GetParam())) GTEST_SKIP() << "this system has no IPv6";
  }
};

TEST_P(UdpDscpReceive, EcnOfTheSenderIsReadBesideIt) {
  UdpSocket receiver = open_socket(any_port(GetParam()));
  UdpSocketOptions plain;
  plain.connect = address_of(GetParam(), receiver);
  UdpSocket sender = open_socket(plain);
  const Datagram byte{1};
  for (const int ecn : {0, 1, 2, 3}) {
    set_traffic_class(sender, plain.connect->family == Family::ipv6, kExpedited * 4 + ecn);
    ASSERT_EQ(sender.send({byte, 1, {}}).accepted, 1U);
    EXPECT_EQ(collect(receiver, 1).marks, (std::vector{Marks{kExpedited, static_cast<Ecn>(ecn)}}));
  }
}

TEST_P(UdpDscpReceive, IsZeroWhereNobodyAskedForIt) {
  UdpSocketOptions deaf = any_port(GetParam());
  deaf.read_marks = false;
  UdpSocket receiver = open_socket(deaf);
  UdpSocketOptions plain;
  plain.connect = address_of(GetParam(), receiver);
  UdpSocket sender = open_socket(plain);
  const Datagram byte{1};
  ASSERT_EQ(sender.send({byte, 1, {}, {kExpedited, Ecn::ce}}).accepted, 1U);
  EXPECT_EQ(collect(receiver, 1).marks, std::vector<Marks>(1));
}

// Local address, DSCP, segment size and the kernel's drops together: a batch without room for them would
// count as truncated, and be lost.
TEST_P(UdpDscpReceive, AllNotesOfABatchHaveRoom) {
  UdpSocketOptions tiny = any_port(GetParam());
  tiny.buffer_bytes = 1;  // the kernel gives its minimum
  UdpSocket receiver = open_socket(tiny);
  UdpSocketOptions options;
  options.connect = address_of(GetParam(), receiver);
  UdpSocket sender = open_socket(options);
  if (!sender.offloads()) GTEST_SKIP() << "this kernel has no UDP_SEGMENT";
  const Datagram flood = test::numbered_bytes(100, 1, 1);
  for (std::size_t i = 0; i < flood.size(); ++i) sender.send({ConstBytes(flood).subspan(i, 1), 1, {}});
  ReceiveBuffers buffers;
  ASSERT_LT(receiver.receive(buffers).batches.size(), flood.size());
  const Datagram series = test::numbered_bytes(4, 10, 10);
  ASSERT_EQ(sender.send({series, 10, {}, {kExpedited, Ecn::ect0}}).accepted, 4U);
  const test::Inbox inbox = collect(receiver, 4);
  EXPECT_EQ(inbox.batches, 1U);
  EXPECT_EQ(inbox.datagrams, test::cut(series, 10));
  EXPECT_EQ(inbox.marks, std::vector<Marks>(4, {kExpedited, Ecn::ect0}));
  EXPECT_EQ(inbox.routes.at(0).local, address_of(GetParam(), receiver));
  EXPECT_GT(receiver.counters().kernel_drops, 0U);
  EXPECT_EQ(receiver.counters().truncated, 0U);
}

INSTANTIATE_TEST_SUITE_P(Rows, UdpDscpReceive, ::testing::ValuesIn(kFamilies),
                         [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace mptunnel
