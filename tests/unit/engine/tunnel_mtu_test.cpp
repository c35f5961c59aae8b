// Both engines together: datagrams of each size over paths of mixed MTU, where the network drops what is too
// large.

#include <gtest/gtest.h>

#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using test::PathTunnel;
using test::payload_of;
using test::Tunnel;
using test::TunnelSettings;
using test::Wire;

// UDP payloads over MTU 1500, 1400 and 1280.
const std::vector<std::size_t> kMixed{1472, 1372, 1252};
const std::vector<std::size_t> kSizes{0,    1,    1200, 1226, 1227, 1346, 1347, 1446,
                                      1447, 1454, 1455, 1472, 1500, 9000, 65507};

class TunnelMtu : public testing::TestWithParam<bool> {
 protected:
  [[nodiscard]] static TunnelSettings settings() {
    TunnelSettings result;
    result.client.encrypt = result.server.encrypt = GetParam();
    return result;
  }
  /// Each size both ways; all arrive once.
  void expect_all_sizes_arrive() {
    tunnel_.forget();
    for (std::size_t i = 0; i < kSizes.size(); ++i) {
      tunnel_.application_sends(1, payload_of(kSizes[i], i));
      tunnel_.target_sends(tunnel_.flow, payload_of(kSizes[i], 100 + i));
      ASSERT_EQ(tunnel_.at_target.size(), i + 1) << kSizes[i];
      EXPECT_EQ(tunnel_.at_target.back().payload, payload_of(kSizes[i], i));
      ASSERT_EQ(tunnel_.at_application.size(), i + 1) << kSizes[i];
      EXPECT_EQ(tunnel_.at_application.back().payload, payload_of(kSizes[i], 100 + i));
      tunnel_.advance(1ms);
    }
  }

  PathTunnel tunnel_{settings()};
};
INSTANTIATE_TEST_SUITE_P(Modes, TunnelMtu, testing::Bool(),
                         [](const auto& row) { return std::string(row.param ? "Sealed" : "Clear"); });

TEST_P(TunnelMtu, EachSizeArrivesOnceFromTheFirstSecondOn) {
  tunnel_.narrow(kMixed);
  tunnel_.open_flow();
  expect_all_sizes_arrive();
  for (int i = 0; i < 40; ++i) {
    tunnel_.move_data(100ms);
    expect_all_sizes_arrive();
    if (HasFatalFailure()) return;
  }
}

TEST_P(TunnelMtu, EachSizeArrivesOverEachPathAlone) {
  for (std::uint8_t only = 0; only < 3; ++only) {
    PathTunnel tunnel(settings());
    tunnel.narrow(kMixed);
    tunnel.open_flow();
    tunnel.move_data(3s);
    tunnel.forget();
    tunnel.arrives = [only](const Wire& wire) {
      return wire.path.value == only && wire.bytes.size() <= kMixed[only];
    };
    for (std::size_t i = 0; i < kSizes.size(); ++i) {
      tunnel.application_sends(1, payload_of(kSizes[i], i));
      tunnel.target_sends(tunnel.flow, payload_of(kSizes[i], i));
      ASSERT_EQ(tunnel.at_target.size(), i + 1) << kSizes[i] << " by path " << int{only};
      ASSERT_EQ(tunnel.at_application.size(), i + 1) << kSizes[i] << " by path " << int{only};
      EXPECT_EQ(tunnel.at_target.back().payload, payload_of(kSizes[i], i));
    }
  }
}

TEST_P(TunnelMtu, FirstDatagramOfAFlowMayNeedFragments) {
  tunnel_.narrow(kMixed);
  tunnel_.start();
  std::uint16_t port = 1;
  for (const std::size_t size : kSizes) {
    tunnel_.application_sends(port, payload_of(size, port));
    ASSERT_EQ(tunnel_.at_target.size(), port) << size;
    EXPECT_EQ(tunnel_.at_target.back().payload, payload_of(size, port));
    ++port;
  }
}

TEST_P(TunnelMtu, EveryPathIsMeasuredBothWaysWithinThreeSeconds) {
  tunnel_.narrow(kMixed);
  tunnel_.open_flow();
  tunnel_.move_data(3s);
  for (std::uint8_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(tunnel_.client->state().paths[PathId{i}].mtu.is_measured());
    EXPECT_EQ(tunnel_.mtu_out(i), kMixed[i]);
    EXPECT_TRUE(tunnel_.session().paths[i]->mtu.is_measured());
    EXPECT_EQ(tunnel_.mtu_in(i), kMixed[i]);
    // And each end has told the other.
    EXPECT_EQ(tunnel_.client->state().link.traffic(PathId{i})->peer_mtu, kMixed[i]);
    EXPECT_EQ(tunnel_.session().current().path(PathId{i}).peer_mtu, kMixed[i]);
  }
}

TEST_P(TunnelMtu, DirectionsAreMeasuredApart) {
  tunnel_.arrives = [](const Wire& wire) { return wire.bytes.size() <= (wire.to_server ? 1472U : 1252U); };
  tunnel_.open_flow();
  tunnel_.move_data(3s);
  EXPECT_EQ(tunnel_.mtu_out(0), 1472U);
  EXPECT_EQ(tunnel_.mtu_in(0), 1252U);
}

TEST_P(TunnelMtu, LargeDatagramsArriveFromTheFirstOnThoughAllPathsBecameNarrowInAQuietTime) {
  for (const Duration quiet : std::initializer_list<Duration>{4s, 10s, 50s}) {
    PathTunnel tunnel(settings());
    tunnel.narrow({1472, 1472, 1472});
    tunnel.open_flow();
    tunnel.move_data(3s);
    tunnel.move_data(3s, 1400);
    tunnel.advance(quiet);
    tunnel.narrow({1372, 1252, 1200});
    for (int i = 0; i < 100; ++i) {
      tunnel.forget();
      tunnel.application_sends(1, payload_of(1430, tunnel.sent++));
      tunnel.target_sends(tunnel.flow, payload_of(1430, tunnel.sent++));
      tunnel.advance(20ms);
      ASSERT_EQ(tunnel.at_target.size(), 1U) << i;
      ASSERT_EQ(tunnel.at_application.size(), 1U) << i;
    }
    EXPECT_EQ(tunnel.mtu_out(0), 1372U);
    EXPECT_EQ(tunnel.mtu_in(1), 1252U);
  }
}

TEST_P(TunnelMtu, SmallPathGetsFragmentsWhileOthersGetItWhole) {
  tunnel_.narrow(kMixed);
  tunnel_.open_flow();
  tunnel_.move_data(3s);
  tunnel_.forget();
  const std::size_t overhead = GetParam() ? 26 : 18;
  tunnel_.application_sends(1, std::string(1372 - overhead, 'x'));
  const auto whole = [&](std::uint8_t path) {
    return tunnel_.sent_by(PathId{path}, PacketType::data, true).size();
  };
  const auto parts = [&](std::uint8_t path) {
    return tunnel_.sent_by(PathId{path}, PacketType::control, true).size();
  };
  EXPECT_EQ(whole(0), 1U);
  EXPECT_EQ(whole(1), 1U);
  EXPECT_EQ(whole(2), 0U);
  EXPECT_EQ(parts(0) + parts(1), 0U);
  EXPECT_EQ(parts(2), 2U);
  tunnel_.forget();
  tunnel_.application_sends(1, std::string(1373 - overhead, 'x'));
  EXPECT_EQ(whole(0), 1U);
  EXPECT_EQ(whole(1) + whole(2), 0U);
  EXPECT_EQ(parts(1), 2U);
  EXPECT_EQ(parts(2), 2U);
  EXPECT_EQ(tunnel_.at_target.size(), 1U);
}

TEST_P(TunnelMtu, FragmentsOfOnePacketCombineWhateverPathTheyCameBy) {
  tunnel_.narrow({1252, 1252, 1252});
  tunnel_.open_flow();
  tunnel_.move_data(3s);
  tunnel_.forget();
  std::map<std::uint8_t, unsigned> seen;
  // Path i brings only its i-th fragment of three.
  tunnel_.arrives = [&](const Wire& wire) {
    return wire.type() != PacketType::control || seen[wire.path.value]++ == wire.path.value;
  };
  tunnel_.application_sends(1, payload_of(3000, 1));
  ASSERT_EQ(tunnel_.at_target.size(), 1U);
  EXPECT_EQ(tunnel_.at_target[0].payload, payload_of(3000, 1));
  seen.clear();
  tunnel_.target_sends(tunnel_.flow, payload_of(3000, 2));
  ASSERT_EQ(tunnel_.at_application.size(), 1U);
  EXPECT_EQ(tunnel_.at_application[0].payload, payload_of(3000, 2));
}

TEST_P(TunnelMtu, LostFragmentCostsItsPacketAloneAndIsCountedOnceItIsTooOld) {
  TunnelSettings one = settings();
  one.paths = 1;
  PathTunnel tunnel(one);
  tunnel.narrow({1252});
  tunnel.open_flow();
  tunnel.move_data(3s);
  tunnel.forget();
  bool lost = false;
  tunnel.arrives = [&](const Wire& wire) {
    const bool drops = !lost && wire.type() == PacketType::control && wire.bytes.size() > 900;
    lost = lost || drops;
    return !drops;
  };
  tunnel.application_sends(1, payload_of(3000, 1));
  EXPECT_TRUE(lost);
  EXPECT_TRUE(tunnel.at_target.empty());
  tunnel.application_sends(1, payload_of(3000, 2));
  ASSERT_EQ(tunnel.at_target.size(), 1U);
  tunnel.advance(4s);
  EXPECT_EQ(tunnel.server_drops(Drop::fragment_expired), 1U);
}

TEST_P(TunnelMtu, RefusedSizeLowersTheMtuAndFragmentsFollow) {
  tunnel_.open_flow();
  tunnel_.move_data(3s);
  ASSERT_EQ(tunnel_.mtu_out(0), 65507U);
  // Both hosts have interfaces of MTU 1400 from now on, and the kernel says so.
  tunnel_.refused = [](const Wire& wire) {
    return wire.bytes.size() > 1372 ? std::optional(Drop::message_size) : std::nullopt;
  };
  tunnel_.forget();
  tunnel_.application_sends(1, payload_of(9000, 1));
  tunnel_.target_sends(tunnel_.flow, payload_of(9000, 1));
  EXPECT_GE(tunnel_.client_drops(Drop::message_size), 3U);
  EXPECT_GE(tunnel_.server_drops(Drop::message_size), 3U);
  // That one is lost; no other one is.
  tunnel_.forget();
  for (std::size_t i = 0; i < 200; ++i) {
    tunnel_.application_sends(1, payload_of(9000, i));
    tunnel_.target_sends(tunnel_.flow, payload_of(9000, i));
    tunnel_.advance(10ms);
  }
  EXPECT_EQ(tunnel_.at_target.size(), 200U);
  EXPECT_EQ(tunnel_.at_application.size(), 200U);
  EXPECT_LE(tunnel_.mtu_out(0), 1372U);
  EXPECT_GT(tunnel_.mtu_out(0) + 16, 1372U);
  EXPECT_LE(tunnel_.mtu_in(0), 1372U);
  EXPECT_GT(tunnel_.mtu_in(0) + 16, 1372U);
}

TEST_P(TunnelMtu, PathThatShrinksIsNoticedWhileLargeDatagramsMove) {
  tunnel_.narrow({1472, 1472, 1472});
  tunnel_.open_flow();
  tunnel_.move_data(3s, 1440);
  // One path shrinks: the others bring everything meanwhile.
  tunnel_.narrow({1300, 1472, 1472});
  tunnel_.forget();
  tunnel_.move_data(4s, 1440);
  EXPECT_EQ(tunnel_.at_target.size(), 400U);
  EXPECT_EQ(tunnel_.at_application.size(), 400U);
  EXPECT_LE(tunnel_.mtu_out(0), 1300U);
  EXPECT_LE(tunnel_.mtu_in(0), 1300U);
  // All do: nothing is lost once that is noticed.
  tunnel_.narrow({1300, 1300, 1300});
  tunnel_.move_data(4s, 1440);
  tunnel_.forget();
  tunnel_.move_data(3s, 1440);
  EXPECT_EQ(tunnel_.at_target.size(), 300U);
  EXPECT_EQ(tunnel_.at_application.size(), 300U);
}

TEST_P(TunnelMtu, MovedPathIsMeasuredAnew) {
  tunnel_.narrow({1472, 1472, 1472});
  tunnel_.open_flow();
  tunnel_.move_data(3s);
  tunnel_.narrow({1472, 1252, 1472});
  tunnel_.rebind(PathId{1}, 5555);
  tunnel_.move_data(3s);
  EXPECT_EQ(tunnel_.mtu_in(1), 1252U);
}

TEST_P(TunnelMtu, SteadyFragmentingIsSaidOnceByBothEndsWithTheLargestPayloadThatFits) {
  tunnel_.narrow(kMixed);
  tunnel_.open_flow();
  tunnel_.move_data(60s, 1400);
  const std::size_t fits = 1252 - (GetParam() ? 26U : 18U);
  for (const auto* events : {&tunnel_.client_events, &tunnel_.server_events}) {
    ASSERT_EQ(Tunnel::count<Fragmenting>(*events) + Tunnel::count<ClientFragmenting>(*events), 1U);
    for (const Event& event : *events) {
      const auto* of_client = std::get_if<ClientFragmenting>(&event);
      const auto* what = of_client != nullptr ? &of_client->what : std::get_if<Fragmenting>(&event);
      if (what == nullptr) continue;
      EXPECT_EQ(what->largest, fits);
      EXPECT_EQ(what->path, PathId{2});
      EXPECT_GT(what->share, 0.9);
    }
  }
  EXPECT_EQ(tunnel_.client->snapshot(tunnel_.now).session.largest_whole, fits);
  EXPECT_GE(tunnel_.client->snapshot(tunnel_.now).session.fragmented, 5900U);
}

TEST_P(TunnelMtu, MeasuringCostsFewPackets) {
  tunnel_.narrow(kMixed);
  tunnel_.open_flow();
  tunnel_.forget();
  tunnel_.move_data(60s);
  std::size_t large = 0;
  for (const Wire& wire : tunnel_.wires) large += wire.bytes.size() > 500 ? 1 : 0;
  EXPECT_LE(large, 3U * 2 * 20);
}

}  // namespace
}  // namespace mptunnel
