// States of paths that meet: one way alone, held, delayed, renewed.
#include <gtest/gtest.h>

#include <algorithm>

#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using test::Packet;
using test::PathTunnel;
using test::TunnelSettings;
using test::Wire;

constexpr std::size_t kLarge = 1350;  // in one packet of a common path

template <typename Kind>
std::size_t count(const std::vector<Event>& events) {
  return static_cast<std::size_t>(std::count_if(
      events.begin(), events.end(), [](const Event& e) { return std::holds_alternative<Kind>(e); }));
}

TunnelSettings two_paths(Duration delay_of_second = {}) {
  TunnelSettings settings;
  settings.paths = 2;
  settings.traits = {{}, PathTraits{.delay = delay_of_second}};
  return settings;
}

std::size_t parts(const PathTunnel& tunnel, bool to_server) {
  return static_cast<std::size_t>(
      std::count_if(tunnel.wires.begin(), tunnel.wires.end(), [&](const Wire& wire) {
        return wire.to_server == to_server && wire.type() == PacketType::control &&
               wire.bytes.size() > kLarge / 3;
      }));
}

TEST(TunnelStates, LargeDatagramsOverTwoHalvesGoOnceAndWhole) {
  PathTunnel tunnel(two_paths());
  tunnel.open_flow();
  tunnel.move_data(20s, kLarge);
  // Path 0 passes out alone, path 1 in alone.
  tunnel.arrives = [](const Wire& wire) { return wire.path.value == 0 ? wire.to_server : !wire.to_server; };
  tunnel.move_data(30s, kLarge);
  for (int i = 0; i < 10; ++i) {
    tunnel.forget();
    tunnel.move_data(3s, kLarge);
    EXPECT_GE(tunnel.mtu_in(1), kLarge) << "the answers to its probes come by the other path";
    // A probe each 250 ms, and those of a probe for a larger size, at most.
    EXPECT_LE(parts(tunnel, true), 12U + 10U);
    EXPECT_LE(parts(tunnel, false), 12U + 10U);
  }
}

class HeldFromTheStart : public ::testing::TestWithParam<Duration> {};
INSTANTIATE_TEST_SUITE_P(Late, HeldFromTheStart, ::testing::Values(0ms, 1500ms, 10s));

TEST_P(HeldFromTheStart, IsNoOutageHoweverLateTheServerAnswers) {
  TunnelSettings settings;
  settings.paths = 1;
  PathTunnel tunnel(settings);
  tunnel.arrives = [](const Wire&) { return false; };
  tunnel.client->hold_path(PathId{0}, true, tunnel.out, tunnel.now);
  tunnel.start();
  tunnel.advance(GetParam());
  tunnel.arrives = nullptr;
  for (int i = 0; i < 400; ++i) {
    tunnel.application_sends(1, "hello");
    tunnel.advance(10ms);
  }
  EXPECT_EQ(count<PathProved>(tunnel.client_events), 1U);
  EXPECT_EQ(count<SessionLost>(tunnel.client_events), 0U);
}

TEST(TunnelStates, NothingThatWaitsLeavesByAPathThatIsHeldMeanwhile) {
  PathTunnel tunnel(two_paths(300ms));
  tunnel.open_flow();
  tunnel.move_data(3s);
  tunnel.client->hold_path(PathId{1}, true, tunnel.out, tunnel.now);
  tunnel.carry();
  // Without answers it stays so.
  tunnel.arrives = [](const Wire& wire) { return wire.path.value == 0 || wire.to_server; };
  tunnel.advance(50ms);
  tunnel.forget();
  tunnel.advance(350ms);
  EXPECT_TRUE(tunnel.sent_by(PathId{1}, PacketType::data, true).empty());
  EXPECT_TRUE(tunnel.sent_by(PathId{1}, PacketType::data, false).empty());
}

TEST(TunnelStates, DelayedCopiesOfAFastStreamWakeTheServerOnceAMillisecond) {
  PathTunnel tunnel(two_paths(50ms));
  tunnel.open_flow();
  tunnel.move_data(3s);
  std::size_t wakes = 0;
  for (int i = 0; i < 5000; ++i) {
    tunnel.target_sends(tunnel.flow, test::payload_of(100, static_cast<std::uint64_t>(i)));
    const TimePoint until = tunnel.now + 100us;
    for (; tunnel.server->deadline() <= until; ++wakes) {
      tunnel.now = std::max(tunnel.now, tunnel.server->deadline());
      tunnel.server->on_deadline(tunnel.server_out, tunnel.now);
      tunnel.carry_server();
    }
    tunnel.now = until;
  }
  EXPECT_LE(wakes, 600U) << "in half a second";
}

TEST(TunnelStates, TheServerLearnsAtOnceThatAnIdlePathIsGone) {
  PathTunnel tunnel(two_paths());
  tunnel.open_flow();
  tunnel.move_data(3s);
  tunnel.advance(40s);
  // Nothing that is sent by it arrives from now on, and of what tells so the first packet does not either.
  tunnel.arrives = [](const Wire&) { return false; };
  tunnel.client->set_path_available(PathId{1}, false, tunnel.out, tunnel.now);
  tunnel.carry();
  tunnel.arrives = [](const Wire& wire) { return wire.path.value == 0; };
  tunnel.advance(1500ms);
  EXPECT_EQ(tunnel.session().carrying(tunnel.now), PathSet::of(PathId{0}));
}

TEST(TunnelStates, APathThatAnswersNothingSaysNothingOfSizes) {
  PathTunnel tunnel(two_paths());
  tunnel.open_flow();
  tunnel.move_data(10s, kLarge);
  tunnel.advance(60s);
  // The server goes on sending there until it misses the PINGs of an idle path.
  tunnel.arrives = [](const Wire& wire) { return wire.path.value == 0; };
  for (int i = 0; i < 400; ++i) {
    tunnel.target_sends(tunnel.flow, test::payload_of(kLarge, static_cast<std::uint64_t>(i)));
    tunnel.advance(100ms);
    const auto largest = tunnel.session().sender.largest_whole(tunnel.session().views(tunnel.now));
    ASSERT_GE(largest.value_or(kLarge), kLarge) << "after " << i << " datagrams";
  }
  EXPECT_EQ(count<ClientFragmenting>(tunnel.server_events), 0U);
}

TEST(TunnelStates, ThePingBesideAReportOfRepairDoesNotHideIt) {
  TunnelSettings settings;
  settings.limits.repair = RepairSettings{};
  PathTunnel tunnel(settings);
  tunnel.open_flow();
  tunnel.move_data(20s);
  const RepairSender& repair = tunnel.session().sender.repair();
  ASSERT_FALSE(repair.plan()->is_on());
  for (std::size_t i = 0; i < 200; ++i) tunnel.target_sends(tunnel.flow, test::payload_of(100, i));
  // PINGs alone have said so far that all came; four reports say otherwise, one more than there are paths.
  const std::uint32_t sealed = tunnel.session().current().keys().data_sealed();
  PathReport report = tunnel.client->state().link.current()->make_report(PathId{0}, 1'000'000, tunnel.now);
  report.data_of = sealed;
  report.data_opened = sealed - 50;
  const auto frames = test::frame_bytes({PingFrame{report}, RepairReportFrame{sealed, 0, 50, 50, 0}});
  for (int i = 0; i < 4; ++i) tunnel.to_server(tunnel.seal_as_client(PacketType::control, frames));
  EXPECT_TRUE(repair.plan()->is_on());
}

TEST(TunnelStates, WhoseSenderHasSomethingToDoLaterIsForgottenWithTheLastSession) {
  PathTunnel tunnel(two_paths());
  tunnel.open_flow();
  tunnel.to_server(
      tunnel.seal_as_client(PacketType::control, test::frame_bytes({DelayFrame{PathId{1}, 1000}})));
  tunnel.target_sends(tunnel.flow, "later");
  ASSERT_EQ(tunnel.server->state().alarm.awaited.size(), 1U);
  tunnel.to_server(
      tunnel.seal_as_client(PacketType::control, test::frame_bytes({CloseFrame{CloseReason::shutdown}})));
  EXPECT_TRUE(tunnel.server->state().table.all().empty());
  EXPECT_TRUE(tunnel.server->state().alarm.awaited.empty());
}

TEST(TunnelStates, AClientThatRestartsIsCalledAsBefore) {
  TunnelSettings settings;
  settings.name = "home";
  settings.path_names = {"dsl"};
  PathTunnel tunnel(settings);
  tunnel.open_flow();
  tunnel.move_data(1s);
  tunnel.restart_client();
  tunnel.advance(1s);
  const auto said =
      std::find_if(tunnel.server_events.begin(), tunnel.server_events.end(),
                   [](const Event& event) { return std::holds_alternative<ClientTakenOver>(event); });
  ASSERT_NE(said, tunnel.server_events.end());
  EXPECT_EQ(std::get<ClientTakenOver>(*said).session.name, "home");
}

TEST(TunnelStates, AnIdThatIsUsedAnewHasNoDelayOfTheFormerPath) {
  PathTunnel tunnel(two_paths(300ms));
  tunnel.open_flow();
  tunnel.move_data(3s);
  tunnel.client->set_path_available(PathId{1}, false, tunnel.out, tunnel.now);
  tunnel.carry();
  tunnel.move_data(5s);
  tunnel.client->set_path_traits(PathId{1}, {});
  tunnel.client->set_path_available(PathId{1}, true, tunnel.out, tunnel.now);
  tunnel.carry();
  tunnel.move_data(5s);
  tunnel.forget();
  tunnel.target_sends(tunnel.flow, test::payload_of(200, 77));
  EXPECT_EQ(tunnel.sent_by(PathId{1}, PacketType::data, false).size(), 1U);
}

TEST(TunnelStates, AReplayerMakesTheServerKeepWhatItSendsOnceAlone) {
  TunnelSettings settings;
  settings.paths = 1;
  PathTunnel tunnel(settings);
  tunnel.open_flow();
  tunnel.move_data(2s);
  const auto sent = std::find_if(tunnel.wires.begin(), tunnel.wires.end(), [](const Wire& wire) {
    return wire.to_server && wire.type() == PacketType::data;
  });
  ASSERT_NE(sent, tunnel.wires.end());
  const Packet captured = sent->bytes;
  Route thief = tunnel.route(PathId{0});
  thief.remote.port = 6666;
  std::size_t kept = 0;
  for (int i = 0; i < 100; ++i) {
    Packet copy = captured;
    tunnel.server->on_network({copy, copy.size()}, thief, tunnel.server_out, tunnel.now);
    tunnel.carry_server();
    tunnel.move_data(100ms, 1000);
    if (tunnel.session().sender.has_kept()) ++kept;
  }
  EXPECT_GE(kept, 1U);
  EXPECT_LE(kept, 20U) << "of 100 looks in 10 s";
}

}  // namespace
}  // namespace mptunnel
