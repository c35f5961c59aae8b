// Datagrams through real sockets on loopback, in the batches in which they are meant to travel.
#include <array>

#include "mptunnel/net/datagram_socket.h"
#include "net_support.h"

namespace mptunnel {
namespace {

using test::bound_to;
using test::collect;
using test::Datagram;
using test::Datagrams;
using test::open_socket;

constexpr std::size_t kLargestUdp = 65507;  // 65,535 minus the headers of IPv4 and UDP

struct Pair {
  UdpSocket sender;
  UdpSocket receiver;
};

Pair make_pair(const char* address, bool offload_out, bool offload_in) {
  UdpSocketOptions in = bound_to(address);
  in.offload = offload_in;
  in.buffer_bytes = 1 << 20;
  UdpSocket receiver = open_socket(in);
  UdpSocketOptions out;
  out.connect = receiver.local_endpoint();
  out.offload = offload_out;
  out.buffer_bytes = 1 << 20;
  return {open_socket(out), std::move(receiver)};
}

struct RunRow {
  const char* name;
  std::size_t count;
  std::size_t size;
  std::size_t tail;
};

// Small enough that the smallest default buffers hold each of them.
constexpr RunRow kRuns[] = {
    {"OneEmpty", 1, 0, 0},
    {"OneByte", 1, 1, 1},
    {"OnePacket", 1, 1400, 1400},
    {"Largest", 1, kLargestUdp, kLargestUdp},
    {"TwoLargest", 2, kLargestUdp, kLargestUdp},
    {"LargestAndOneByte", 2, kLargestUdp, 1},
    {"Two", 2, 1400, 1400},
    {"ShorterTail", 10, 1400, 3},
    {"TailOfOneByte", 2, 2, 1},
    {"SixtyFour", 64, 500, 500},
    {"SixtyFive", 65, 500, 500},
    {"BeyondSixtyFourWithTail", 130, 300, 7},
    {"BeyondThreeSeries", 200, 1, 1},
    {"BeyondTheBytesOfASeries", 3, 30000, 5},
    {"ExactlyTheBytesOfASeries", 2, 32500, 32500},
};

class UdpBatch : public ::testing::TestWithParam<std::tuple<RunRow, const char*, bool, bool>> {};

TEST_P(UdpBatch, RunArrivesWholeAndInOrder) {
  const auto& [row, address, offload_out, offload_in] = GetParam();
  if (std::string_view(address) == "::1" && !test::has_ipv6()) GTEST_SKIP() << "this system has no IPv6";
  Pair pair = make_pair(address, offload_out, offload_in);
  const Datagram bytes = test::numbered_bytes(row.count, row.size, row.tail);
  const SendOutcome outcome = pair.sender.send({bytes, row.size, {}});
  EXPECT_EQ(outcome.accepted, row.count);
  EXPECT_EQ(outcome.error, 0);

  const test::Inbox inbox = collect(pair.receiver, row.count);
  EXPECT_EQ(inbox.datagrams, test::cut(bytes, row.size));
  EXPECT_EQ(pair.sender.counters().sent, row.count);
  EXPECT_EQ(pair.sender.counters().sent_bytes, bytes.size());
  EXPECT_EQ(pair.receiver.counters().received, row.count);
  EXPECT_EQ(pair.receiver.counters().received_bytes, bytes.size());
  if (!offload_in) {
    EXPECT_EQ(inbox.batches, row.count);
  } else if (pair.sender.offloads() && row.count == 64) {
    EXPECT_EQ(inbox.batches, 1U) << "a series on loopback comes out as it went in";
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, UdpBatch,
                         ::testing::Combine(::testing::ValuesIn(kRuns), ::testing::Values("127.0.0.1", "::1"),
                                            ::testing::Bool(), ::testing::Bool()),
                         [](const auto& row) {
                           return std::string(std::get<0>(row.param).name) +
                                  (std::string_view(std::get<1>(row.param)) == "::1" ? "Ipv6" : "Ipv4") +
                                  (std::get<2>(row.param) ? "Segmented" : "Plain") +
                                  (std::get<3>(row.param) ? "ToGro" : "ToPlain");
                         });

TEST(UdpBatchMixed, RunsOfManySizesLeaveForManyDestinationsInOneCall) {
  UdpSocket sender = open_socket(bound_to("127.0.0.1"));
  std::vector<UdpSocket> receivers;
  std::vector<Datagram> bytes;
  std::vector<SendRun> runs;
  constexpr std::array<RunRow, 5> kRows{
      {{"", 1, 0, 0}, {"", 70, 100, 3}, {"", 1, 9, 9}, {"", 3, 1200, 40}, {"", 2, 5, 5}}};
  for (const RunRow& row : kRows) {
    receivers.push_back(open_socket(bound_to("127.0.0.1")));
    bytes.push_back(test::numbered_bytes(row.count, row.size, row.tail));
  }
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    runs.push_back({bytes[i], kRows[i].size, {receivers[i].local_endpoint(), {}}});
  }
  std::vector<SendOutcome> outcomes(runs.size());
  sender.send(runs, outcomes);
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    EXPECT_EQ(outcomes[i].accepted, kRows[i].count) << i;
    EXPECT_EQ(collect(receivers[i], kRows[i].count).datagrams, test::cut(bytes[i], kRows[i].size)) << i;
  }
}

TEST(UdpBatchMixed, MoreRunsThanOneCallTakes) {
  Pair pair = make_pair("127.0.0.1", true, true);
  const Datagram bytes = test::numbered_bytes(150, 1, 1);
  std::vector<SendRun> runs;
  for (std::size_t i = 0; i < bytes.size(); ++i) runs.push_back({ConstBytes(bytes).subspan(i, 1), 1, {}});
  std::vector<SendOutcome> outcomes(runs.size());
  pair.sender.send(runs, outcomes);
  EXPECT_EQ(collect(pair.receiver, bytes.size()).datagrams, test::cut(bytes, 1));
  pair.sender.send(std::span<const SendRun>(), {});
}

TEST(UdpBatchMixed, PiecesForManyDestinations) {
  UdpSocket sender = test::open_socket(test::bound_to("127.0.0.1"));
  std::vector<UdpSocket> receivers;
  const Datagram bytes = test::numbered_bytes(6, 100, 100);
  std::vector<ConstBytes> pieces;
  for (std::size_t i = 0; i < 6; ++i) pieces.push_back(ConstBytes(bytes).subspan(i * 100, 100));
  std::vector<SendPieces> sends;
  for (std::size_t i = 0; i < 3; ++i) {
    receivers.push_back(test::open_socket(test::bound_to("127.0.0.1")));
    sends.push_back({std::span(pieces).subspan(i, i + 1), {receivers[i].local_endpoint(), {}}});
  }
  std::vector<SendOutcome> outcomes(sends.size());
  sender.send(std::span<const SendPieces>(sends), outcomes);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(outcomes[i].accepted, i + 1);
    const Datagrams got = collect(receivers[i], i + 1).datagrams;
    EXPECT_EQ(got, test::cut(ConstBytes(bytes).subspan(i * 100, (i + 1) * 100), 100)) << i;
  }
}

TEST(UdpBatchPieces, EachPieceIsADatagram) {
  const std::vector<std::size_t> rows[] = {
      {0},
      {0, 0},
      {5},
      {5, 5, 5, 5},
      {5, 5, 2},
      {5, 0, 5},
      {2, 5, 5, 1, 1, 9, 0, 9},
      std::vector<std::size_t>(130, 20),
      std::vector<std::size_t>(3, 30000),
      {kLargestUdp, 1},
  };
  for (const bool offload : {true, false}) {
    for (std::size_t row = 0; row < std::size(rows); ++row) {
      Pair pair = make_pair("127.0.0.1", offload, true);
      Datagrams datagrams;
      for (const std::size_t size : rows[row]) {
        datagrams.emplace_back(size, static_cast<std::uint8_t>(datagrams.size()));
      }
      const std::vector<ConstBytes> pieces(datagrams.begin(), datagrams.end());
      const SendOutcome outcome = pair.sender.send_pieces(pieces, {});
      EXPECT_EQ(outcome.accepted, pieces.size()) << row;
      EXPECT_EQ(collect(pair.receiver, pieces.size()).datagrams, datagrams) << row;
      EXPECT_EQ(pair.sender.counters().sent, pieces.size()) << row;
    }
  }
}

TEST(UdpBatchPieces, MorePiecesThanOneCallTakes) {
  Pair pair = make_pair("127.0.0.1", true, true);
  Datagrams datagrams;
  for (std::size_t i = 0; i < 1000; ++i) datagrams.push_back({static_cast<std::uint8_t>(i), 1, 2, 3});
  const std::vector<ConstBytes> pieces(datagrams.begin(), datagrams.end());
  EXPECT_EQ(pair.sender.send_pieces(pieces, {}).accepted, pieces.size());
  EXPECT_EQ(collect(pair.receiver, pieces.size()).datagrams, datagrams);
  EXPECT_EQ(pair.sender.send_pieces({}, {}).accepted, 0U);
}

TEST(UdpBatchReceive, TakesNoMoreThanTheBudget) {
  Pair pair = make_pair("127.0.0.1", false, false);
  const Datagram bytes{1, 2, 3};
  ASSERT_EQ(pair.sender.send({bytes, 1, {}}).accepted, 3U);
  ReceiveBuffers buffers;
  ASSERT_TRUE(test::wait_readable(pair.receiver.fd(), monotonic_now() + test::kPatience));
  EXPECT_TRUE(pair.receiver.receive(buffers, 0).batches.empty());
  const ReceiveResult first = pair.receiver.receive(buffers, 2);
  EXPECT_EQ(first.batches.size(), 2U);
  EXPECT_TRUE(first.more);
  const ReceiveResult second = pair.receiver.receive(buffers, 2);
  EXPECT_EQ(second.batches.size(), 1U);
  EXPECT_FALSE(second.more);
  const ReceiveResult none = pair.receiver.receive(buffers);
  EXPECT_TRUE(none.batches.empty());
  EXPECT_EQ(none.error, 0);
}

TEST(UdpBatchReceive, WhatDoesNotFitASlotIsCountedAndLeftOut) {
  Pair pair = make_pair("127.0.0.1", false, false);
  const Datagram small(100, 1);
  const Datagram large(101, 2);
  ASSERT_EQ(pair.sender.send({small, 100, {}}).accepted, 1U);
  ASSERT_EQ(pair.sender.send({large, 101, {}}).accepted, 1U);
  ASSERT_EQ(pair.sender.send({small, 100, {}}).accepted, 1U);
  ReceiveBuffers buffers(8, 100);
  test::Inbox inbox;
  inbox.collect(pair.receiver, buffers, 2);
  EXPECT_EQ(inbox.datagrams, (Datagrams{small, small}));
  EXPECT_EQ(pair.receiver.counters().truncated, 1U);
  EXPECT_EQ(pair.receiver.counters().received, 2U);
}

TEST(UdpBatchReceive, BuffersServeManySocketsInTurn) {
  ReceiveBuffers buffers(4);
  Pair first = make_pair("127.0.0.1", true, true);
  Pair second = make_pair("127.0.0.2", true, true);
  for (std::uint8_t round = 0; round < 10; ++round) {
    for (Pair* pair : {&first, &second}) {
      const Datagram bytes(30, round);
      ASSERT_EQ(pair->sender.send({bytes, 10, {}}).accepted, 3U);
      test::Inbox inbox;
      inbox.collect(pair->receiver, buffers, 3);
      EXPECT_EQ(inbox.datagrams, test::cut(bytes, 10));
      EXPECT_EQ(inbox.routes.at(0).remote, pair->sender.local_endpoint());
      EXPECT_FALSE(inbox.routes.at(0).local.is_set());
    }
  }
}

TEST(UdpBatchReceive, KernelDropsAreCounted) {
  UdpSocketOptions tiny = bound_to("127.0.0.1");
  tiny.buffer_bytes = 1;  // the kernel gives its minimum
  tiny.offload = false;
  UdpSocket receiver = open_socket(tiny);
  UdpSocketOptions options;
  options.connect = receiver.local_endpoint();
  options.offload = false;
  UdpSocket sender = open_socket(options);
  const Datagram flood = test::numbered_bytes(100, 100, 100);
  const Datagram last{1};
  ReceiveBuffers buffers;
  std::uint64_t dropped = 0;
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(sender.send({flood, 100, {}}).accepted, 100U);
    ASSERT_TRUE(test::wait_readable(receiver.fd(), monotonic_now() + test::kPatience));
    const std::size_t kept = receiver.receive(buffers).batches.size();
    ASSERT_LT(kept, 100U);
    dropped += 100 - kept;
    // The count rides on the next datagram that is let in.
    ASSERT_EQ(sender.send({last, 1, {}}).accepted, 1U);
    EXPECT_EQ(collect(receiver, 1).datagrams, Datagrams{last});
    EXPECT_EQ(receiver.counters().kernel_drops, dropped);
  }
}

}  // namespace
}  // namespace mptunnel
