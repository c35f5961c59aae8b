// Every way that a packet or datagram can end at an engine has one row: by which reason it is counted, and
// that it is counted once and by nothing else.

#include "drop_exits.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "support/test_random.h"

namespace mptunnel::test {
namespace {

/// What sockets refuse reaches an engine by on_sent() alone, or is counted by the program around it. A new
/// reason gets a row below, or a place here and a test in tests/unit/ports.
const std::set<Drop> kOfSockets{
    Drop::old,     Drop::send_queue,  Drop::would_block,  Drop::no_buffers,     Drop::message_size,
    Drop::refused, Drop::unreachable, Drop::socket_error, Drop::target_unknown, Drop::socket_gone};

class DropExit : public testing::TestWithParam<ExitRow> {};

TEST_P(DropExit, IsCountedOnceAndByNothingElse) {
  const ExitRow& row = GetParam();
  ExitTunnel tunnel(row.settings);
  if (!row.is_new) tunnel.open_flow();
  tunnel.count_from_here();
  row.act(tunnel);
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    const bool is_it = reason == row.drop;
    EXPECT_EQ(tunnel.grown_at_client(reason), is_it && row.at == End::client ? 1U : 0U) << name_of(reason);
    EXPECT_EQ(tunnel.grown_at_server(reason), is_it && row.at == End::server ? 1U : 0U) << name_of(reason);
  }
}

std::string name_of_row(const testing::TestParamInfo<ExitRow>& row) {
  return row.param.name;
}
INSTANTIATE_TEST_SUITE_P(Packet, DropExit, testing::ValuesIn(packet_exits()), name_of_row);
INSTANTIATE_TEST_SUITE_P(Handshake, DropExit, testing::ValuesIn(handshake_exits()), name_of_row);
INSTANTIATE_TEST_SUITE_P(Datagram, DropExit, testing::ValuesIn(datagram_exits()), name_of_row);
INSTANTIATE_TEST_SUITE_P(Inner, DropExit, testing::ValuesIn(inner_exits()), name_of_row);

TEST(DropExits, EachReasonHasARowOrIsOfSockets) {
  std::set<Drop> with_row;
  for (const auto& rows : {packet_exits(), handshake_exits(), datagram_exits(), inner_exits()}) {
    for (const ExitRow& row : rows) with_row.insert(row.drop);
  }
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    EXPECT_NE(with_row.contains(reason), kOfSockets.contains(reason)) << name_of(reason);
  }
}

/// Every datagram that went in came out, or is counted. Copies are no datagrams of their own.
class DropConservation : public testing::Test {
 protected:
  DropConservation() {
    TunnelSettings settings;
    settings.max_flows = 5;
    settings.limits.max_flows = 3;
    tunnel_ = std::make_unique<PathTunnel>(settings);
  }
  /// One more than there is room for at the client, two more than at the server; one in 50 is too large.
  void application_sends() {
    const std::size_t size = random_.below(50) == 0 ? kMaxPacketBytes + 1 : random_.below(3000);
    tunnel_->application_sends(static_cast<std::uint16_t>(1 + random_.below(6)), std::string(size, 'a'));
    ++in_;
  }
  /// To flows that are open, and to those that never were.
  void target_sends() {
    const std::size_t size = random_.below(50) == 0 ? kMaxPacketBytes + 1 : random_.below(3000);
    const std::uint64_t pick = random_.below(1 + tunnel_->flow_changes.size());
    const FlowHandle flow =
        pick == tunnel_->flow_changes.size() ? FlowHandle{12345} : tunnel_->flow_changes[pick].flow;
    tunnel_->target_sends(flow, std::string(size, 't'));
    ++in_;
  }
  void set_available(bool available) {
    for (std::uint8_t i = 0; i < 3; ++i)
      tunnel_->client->set_path_available(PathId{i}, available, tunnel_->out, tunnel_->now);
    tunnel_->carry();
  }
  /// Without a session, with one, without a path, and with a silent client.
  void run(bool up, bool down) {
    for (int i = 0; i < 1200; ++i) {
      if (i == 100) tunnel_->start();
      if (i == 500) set_available(false);
      if (i == 550) set_available(true);
      if (i == 800) tunnel_->arrives = [](const Wire& wire) { return !wire.to_server; };
      if (i == 800) tunnel_->advance(kDormantAfter + kServerTick);
      if (i == 900) tunnel_->arrives = nullptr;
      const bool is_cut_off = i >= 800 && i < 900;
      if (up && !is_cut_off) application_sends();
      if (down) target_sends();
      tunnel_->advance(10ms);
    }
    tunnel_->advance(kQueueLife + kServerTick);
  }
  [[nodiscard]] std::uint64_t dropped() const {
    std::uint64_t sum = 0;
    for (const Drop reason :
         {Drop::flow_limit, Drop::flow_unknown, Drop::superseded, Drop::too_large, Drop::own_packet,
          Drop::queue_full, Drop::queue_expired, Drop::no_path, Drop::fragment_expired})
      sum += tunnel_->client_drops(reason) + tunnel_->server_drops(reason);
    return sum;
  }
  [[nodiscard]] std::uint64_t delivered() const {
    return tunnel_->at_target.size() + tunnel_->at_application.size();
  }
  void expect_balance() const {
    EXPECT_FALSE(tunnel_->client->state().sender.has_waiting());
    EXPECT_GT(delivered(), in_ / 4);
    EXPECT_GT(dropped(), in_ / 10);
    EXPECT_EQ(in_, delivered() + dropped());
  }

  std::unique_ptr<PathTunnel> tunnel_;
  TestRandom random_{5};
  std::uint64_t in_ = 0;
};

TEST_F(DropConservation, FromApplicationsToTheTarget) {
  run(true, false);
  EXPECT_TRUE(tunnel_->at_application.empty());
  expect_balance();
}

TEST_F(DropConservation, BothWays) {
  run(true, true);
  EXPECT_GT(tunnel_->at_application.size(), 100U);
  expect_balance();
}

}  // namespace
}  // namespace mptunnel::test
