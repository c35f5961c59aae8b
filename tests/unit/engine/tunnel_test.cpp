// Both engines together: a datagram's way from end to end.

#include "tunnel.h"

#include <gtest/gtest.h>

#include <set>

namespace mptunnel {
namespace {

using test::Packet;
using test::Tunnel;
using test::TunnelSettings;
using test::Wire;

struct ModeRow {
  const char* name;
  bool encrypt;
  bool fast_aes;
  bool keyed;
  std::size_t overhead;  ///< of a datagram once its flow is open
};
class TunnelMode : public testing::TestWithParam<ModeRow> {
 protected:
  [[nodiscard]] static TunnelSettings settings() {
    const ModeRow& row = GetParam();
    TunnelSettings result;
    result.client.encrypt = result.server.encrypt = row.encrypt;
    result.client.fast_aes = result.server.fast_aes = row.fast_aes;
    if (row.keyed) result.client.key = result.server.key = test::make_key(5);
    return result;
  }
  /// Sizes of the packets of this type towards the server by path 0 since `first`.
  [[nodiscard]] std::vector<std::size_t> sizes(PacketType type, std::size_t first = 0) const {
    std::vector<std::size_t> found;
    for (std::size_t i = first; i < tunnel_.wires.size(); ++i) {
      const Wire& wire = tunnel_.wires[i];
      if (wire.to_server && wire.path == PathId{0} && wire.type() == type) found.push_back(wire.bytes.size());
    }
    return found;
  }
  /// Starts, and opens the flow of the application at port 1.
  void open_flow() {
    tunnel_.start();
    tunnel_.application_sends(1, "first");
    tunnel_.application_sends(1, "second");
    ASSERT_EQ(tunnel_.at_target.size(), 2U);
    flow_ = tunnel_.at_target[0].flow;
    tunnel_.at_target.clear();
  }

  Tunnel tunnel_{settings()};
  FlowHandle flow_;
};
INSTANTIATE_TEST_SUITE_P(
    Modes, TunnelMode,
    testing::Values(ModeRow{"Aes", true, true, false, 26}, ModeRow{"AesKeyed", true, true, true, 26},
                    ModeRow{"ChaCha", true, false, false, 26}, ModeRow{"ChaChaKeyed", true, false, true, 26},
                    ModeRow{"Clear", false, true, false, 18}, ModeRow{"ClearKeyed", false, true, true, 18}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_P(TunnelMode, CarriesTheFirstDatagramAndItsReply) {
  tunnel_.start();
  ASSERT_TRUE(tunnel_.client->state().link.current() != nullptr);
  tunnel_.application_sends(1, "hello");
  ASSERT_EQ(tunnel_.at_target.size(), 1U);
  EXPECT_EQ(tunnel_.at_target[0].payload, "hello");
  ASSERT_EQ(tunnel_.flow_changes.size(), 1U);
  EXPECT_TRUE(tunnel_.flow_changes[0].opened);
  EXPECT_EQ(tunnel_.flow_changes[0].flow, tunnel_.at_target[0].flow);
  tunnel_.target_sends(tunnel_.at_target[0].flow, "reply");
  ASSERT_EQ(tunnel_.at_application.size(), 1U);
  EXPECT_EQ(tunnel_.at_application[0].payload, "reply");
  EXPECT_EQ(tunnel_.at_application[0].port, 1);
}

TEST_P(TunnelMode, SaysEachEventOnce) {
  tunnel_.start();
  for (int i = 0; i < 5; ++i) tunnel_.application_sends(1, "x");
  tunnel_.advance(5s);
  EXPECT_EQ(Tunnel::count<SessionStarted>(tunnel_.client_events), 1U);
  EXPECT_EQ(Tunnel::count<PathChanged>(tunnel_.client_events), 3U);
  EXPECT_EQ(tunnel_.client_events.size(), 4U);
  EXPECT_EQ(Tunnel::count<ClientSessionStarted>(tunnel_.server_events), 1U);
  EXPECT_EQ(Tunnel::count<ClientPathChanged>(tunnel_.server_events), 3U);
  EXPECT_EQ(tunnel_.server_events.size(), 4U);
  std::set<PathId> paths;
  for (const Event& event : tunnel_.client_events) {
    if (const auto* change = std::get_if<PathChanged>(&event)) {
      EXPECT_EQ(change->was, PathState::fresh);
      EXPECT_EQ(change->state, PathState::up);
      paths.insert(change->path);
    } else {
      const auto& started = std::get<SessionStarted>(event);
      EXPECT_STREQ(name_of(started.cipher), name_of(tunnel_.client->state().link.current()->keys().cipher()));
      EXPECT_FALSE(started.resumed);
    }
  }
  EXPECT_EQ(paths.size(), 3U);
}

TEST_P(TunnelMode, CostsItsOverheadOnceTheFlowIsOpen) {
  open_flow();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1000}}) {
    const std::size_t first = tunnel_.wires.size();
    tunnel_.application_sends(1, std::string(size, 'x'));
    EXPECT_EQ(sizes(PacketType::data, first), std::vector{size + GetParam().overhead});
    const std::size_t back = tunnel_.wires.size();
    tunnel_.target_sends(flow_, std::string(size, 'x'));
    for (std::size_t i = back; i < tunnel_.wires.size(); ++i) {
      EXPECT_EQ(tunnel_.wires[i].bytes.size(), size + GetParam().overhead);
    }
    EXPECT_EQ(tunnel_.wires.size() - back, 3U);
  }
}

TEST_P(TunnelMode, CostsOneByteMoreFromThe64thFlowOn) {
  tunnel_.start();
  for (std::uint16_t port = 0; port < 65; ++port) {
    tunnel_.application_sends(port, "x");
    tunnel_.advance(20ms);
  }
  const std::size_t first = tunnel_.wires.size();
  tunnel_.application_sends(63, "x");
  tunnel_.application_sends(64, "x");
  EXPECT_EQ(sizes(PacketType::data, first),
            (std::vector<std::size_t>{GetParam().overhead + 1, GetParam().overhead + 2}));
}

TEST_P(TunnelMode, FlowOpenRidesAlongUntilItIsAcknowledged) {
  tunnel_.start();
  tunnel_.arrives = [](const Wire& wire) { return wire.to_server; };
  const std::size_t first = tunnel_.wires.size();
  for (int i = 0; i < 3; ++i) tunnel_.application_sends(1, "x");
  // In the clear mode a flow is opened under seal, in CONTROL.
  const bool clear = !GetParam().encrypt;
  EXPECT_EQ(sizes(clear ? PacketType::control : PacketType::data, first),
            std::vector<std::size_t>(3, 26 + 10 + 1));
  EXPECT_EQ(tunnel_.at_target.size(), 3U);
  EXPECT_EQ(tunnel_.flow_changes.size(), 1U);
  tunnel_.arrives = nullptr;
  tunnel_.advance(10ms);
  tunnel_.application_sends(1, "x");
  const std::size_t open = tunnel_.wires.size();
  tunnel_.application_sends(1, "x");
  EXPECT_EQ(sizes(PacketType::data, open), std::vector{GetParam().overhead + 1});
  EXPECT_EQ(tunnel_.flow_changes.size(), 1U);
}

TEST_P(TunnelMode, CarriesEmptyDatagrams) {
  tunnel_.start();
  for (int i = 0; i < 3; ++i) tunnel_.application_sends(1, "");
  ASSERT_EQ(tunnel_.at_target.size(), 3U);
  for (const auto& delivered : tunnel_.at_target) EXPECT_EQ(delivered.payload, "");
  for (int i = 0; i < 3; ++i) tunnel_.target_sends(tunnel_.at_target[0].flow, "");
  ASSERT_EQ(tunnel_.at_application.size(), 3U);
  for (const auto& delivered : tunnel_.at_application) EXPECT_EQ(delivered.payload, "");
}

TEST_P(TunnelMode, CarriesTheLargestDatagramAndNamesTheDropOfALargerOne) {
  open_flow();
  const std::string largest(65'507, 'x');
  tunnel_.application_sends(1, largest);
  ASSERT_EQ(tunnel_.at_target.size(), 1U);
  EXPECT_EQ(tunnel_.at_target[0].payload, largest);
  tunnel_.target_sends(flow_, largest);
  ASSERT_EQ(tunnel_.at_application.size(), 1U);
  EXPECT_EQ(tunnel_.at_application[0].payload, largest);
  const std::size_t sent = tunnel_.wires.size();
  tunnel_.application_sends(1, largest + "x");
  tunnel_.target_sends(flow_, largest + "x");
  EXPECT_EQ(tunnel_.wires.size(), sent);
  EXPECT_EQ(tunnel_.client_drops(Drop::too_large), 1U);
  EXPECT_EQ(tunnel_.server_drops(Drop::too_large), 1U);
  // Nothing else is the worse for it.
  tunnel_.application_sends(1, "after");
  EXPECT_EQ(tunnel_.at_target.back().payload, "after");
}

TEST_P(TunnelMode, LargestDatagramMayBeTheFirstOfItsFlow) {
  tunnel_.start();
  for (std::size_t less = 0; less < 40; ++less) {
    // The last of them go in one piece, the others in fragments.
    const std::string payload(65'507 - 2 * less, 'x');
    tunnel_.application_sends(static_cast<std::uint16_t>(1 + less), payload);
    ASSERT_EQ(tunnel_.at_target.size(), less + 1) << less;
    EXPECT_EQ(tunnel_.at_target.back().payload.size(), payload.size());
  }
}

TEST_P(TunnelMode, EachDatagramIsSealedOnceAndIdenticalOnAllPaths) {
  open_flow();
  Packet payload(300, 'x');
  tunnel_.client->on_application({payload, 100}, test::source_of(1), tunnel_.out, tunnel_.now);
  ASSERT_EQ(tunnel_.out.runs.size(), 1U);
  EXPECT_EQ(tunnel_.out.runs[0].paths, PathSet::first(3));
  EXPECT_EQ(tunnel_.out.runs[0].count, 3U);
  tunnel_.carry();
  EXPECT_EQ(tunnel_.at_target.size(), 3U);
  Packet reply(250, 'y');
  tunnel_.server->on_target(flow_, {reply, 100}, tunnel_.server_out, tunnel_.now);
  ASSERT_EQ(tunnel_.server_out.runs.size(), 1U);
  EXPECT_EQ(tunnel_.server_out.runs[0].paths, PathSet::first(3));
  EXPECT_EQ(tunnel_.server_out.runs[0].count, 3U);
  EXPECT_EQ(tunnel_.server_out.runs[0].tail, 50 + GetParam().overhead);
  tunnel_.carry_server();
  ASSERT_EQ(tunnel_.at_application.size(), 3U);
  EXPECT_EQ(tunnel_.at_application[2].payload, std::string(50, 'y'));
}

TEST_P(TunnelMode, CopiesAreDroppedAndCounted) {
  open_flow();
  const std::uint64_t before = tunnel_.server_drops(Drop::copy);
  for (int i = 0; i < 100; ++i) tunnel_.application_sends(1, "x");
  EXPECT_EQ(tunnel_.at_target.size(), 100U);
  EXPECT_EQ(tunnel_.server_drops(Drop::copy) - before, 200U);
  for (int i = 0; i < 100; ++i) tunnel_.target_sends(flow_, "y");
  EXPECT_EQ(tunnel_.at_application.size(), 100U);
  EXPECT_GE(tunnel_.client_drops(Drop::copy), 200U);
}

TEST_P(TunnelMode, OnePathOfThreeIsEnough) {
  open_flow();
  tunnel_.arrives = [](const Wire& wire) { return wire.path == PathId{2}; };
  for (int i = 0; i < 10; ++i) {
    tunnel_.application_sends(1, "x");
    tunnel_.target_sends(flow_, "y");
    tunnel_.advance(50ms);
  }
  EXPECT_EQ(tunnel_.at_target.size(), 10U);
  EXPECT_EQ(tunnel_.at_application.size(), 10U);
}

TEST_P(TunnelMode, RepliesNeverCross) {
  tunnel_.start();
  for (std::uint16_t port = 100; port < 200; ++port) tunnel_.application_sends(port, std::to_string(port));
  ASSERT_EQ(tunnel_.at_target.size(), 100U);
  for (const auto& delivered : tunnel_.at_target) tunnel_.target_sends(delivered.flow, delivered.payload);
  ASSERT_EQ(tunnel_.at_application.size(), 100U);
  for (const auto& reply : tunnel_.at_application) EXPECT_EQ(std::to_string(reply.port), reply.payload);
}

TEST_P(TunnelMode, NothingOfTheApplicationIsReadableUnlessClear) {
  tunnel_.start();
  const std::string secret = "quite a secret of the application";
  for (int i = 0; i < 2; ++i) tunnel_.application_sends(1, secret);
  bool readable = false;
  for (const Wire& wire : tunnel_.wires) {
    const std::string bytes(wire.bytes.begin(), wire.bytes.end());
    readable |= bytes.find(secret) != std::string::npos;
  }
  EXPECT_EQ(readable, !GetParam().encrypt);
}

}  // namespace
}  // namespace mptunnel
