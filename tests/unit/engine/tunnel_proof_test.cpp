#include "mptunnel/engine/tunnel_proof.h"

#include <gtest/gtest.h>

#include <functional>

#include "support/test_random.h"
#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::Packet;
using test::PathTunnel;
using test::Tunnel;
using test::TunnelSettings;
using test::Wire;
using Verdict = TunnelProof::Verdict;

constexpr PathId kHeld{1};
constexpr std::size_t kPing = 100;
constexpr TimePoint kBegun{1h};

/// Sends PINGs; `between` is what applications do before each answer.
class TunnelProofTest : public testing::Test {
 protected:
  TunnelProofTest() { proof_.begin(kBegun); }
  Verdict answer(const std::function<void(std::size_t)>& between) {
    const std::size_t bytes = kPing + proof_.padding(random_);
    proof_.on_probe(sequence_, bytes, TimePoint{} + 1h);
    between(bytes);
    return proof_.on_answer(sequence_++, kBegun);
  }
  /// Of the first of so many answers that is one.
  Verdict verdict(int answers, const std::function<void(std::size_t)>& between) {
    for (int i = 0; i < answers; ++i) {
      if (const Verdict found = answer(between); found != Verdict::open) return found;
    }
    return Verdict::open;
  }

  test::TestRandom random_{7};
  TunnelProof proof_;
  std::uint32_t sequence_ = 0;
};

TEST_F(TunnelProofTest, AnswersThatNothingExplainsProveIt) {
  EXPECT_EQ(answer([](std::size_t) {}), Verdict::open);
  EXPECT_EQ(verdict(2, [](std::size_t) {}), Verdict::proved);
  EXPECT_FALSE(proof_.is_held());
}

TEST_F(TunnelProofTest, WhatComesBackLargerIsNeverProved) {
  // OpenVPN, WireGuard with its padding, and the most that is looked for.
  for (const std::size_t more : {53U, 60U, 117U, 200U}) {
    proof_.begin(kBegun);
    const auto vpn = [&](std::size_t bytes) { proof_.on_application((bytes + more + 15) / 16 * 16); };
    EXPECT_EQ(verdict(20, vpn), Verdict::returns) << more;
    EXPECT_EQ(verdict(500, vpn), Verdict::open) << more;
    EXPECT_TRUE(proof_.is_held()) << more;
  }
}

TEST_F(TunnelProofTest, WhatComesBackAmongOtherTrafficIsNeverProved) {
  EXPECT_NE(verdict(500,
                    [&](std::size_t bytes) {
                      proof_.on_application(bytes + 81);
                      for (int i = 0; i < 10; ++i) proof_.on_application(random_.below(1500));
                    }),
            Verdict::proved);
  EXPECT_TRUE(proof_.is_held());
}

TEST_F(TunnelProofTest, AFewAnswersThatWentAnotherWayAreNoProof) {
  for (int i = 0; i < 10; ++i) {
    EXPECT_NE(verdict(50, [&](std::size_t bytes) { proof_.on_application(bytes + 81); }), Verdict::proved);
    EXPECT_EQ(answer([](std::size_t) {}), Verdict::open) << i;
  }
}

TEST_F(TunnelProofTest, TrafficOfAllSizesHidesTheProofForAWhileAtMost) {
  for (const int datagrams : {1, 5, 20, 50}) {
    proof_.begin(kBegun);
    int answers = 0;
    while (proof_.is_held() && answers < 200) {
      ++answers;
      answer([&](std::size_t) {
        for (int i = 0; i < datagrams; ++i) proof_.on_application(random_.below(1500));
      });
    }
    EXPECT_LE(answers, 60) << datagrams;
  }
}

TEST_F(TunnelProofTest, AnswerToAnotherPingProvesNothing) {
  proof_.on_probe(5, kPing, TimePoint{} + 1h);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(proof_.on_answer(21, kBegun), Verdict::open);
  EXPECT_EQ(proof_.on_answer(5, kBegun), Verdict::open);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(proof_.on_answer(5, kBegun), Verdict::open) << "the same again";
}

/// Two paths, of which the second leads over a tunnel.
class HeldPath : public testing::Test {
 protected:
  HeldPath() {
    tunnel_.open_flow();
    tunnel_.move_data(1s);
    tunnel_.forget();
  }
  static TunnelSettings two_paths() {
    TunnelSettings settings;
    settings.paths = 2;
    return settings;
  }
  void hold(bool held) {
    tunnel_.client->hold_path(kHeld, held, tunnel_.out, tunnel_.now);
    tunnel_.carry();
  }
  /// Applications send all the time; what leaves by the held path comes in again `more` bytes larger, and
  /// goes on only then. Returns what came in so. The other path may be dead.
  std::size_t run_through_ourselves(Duration span, std::size_t more, bool is_other_dead = false) {
    std::vector<Packet> inside;
    std::size_t count = 0;
    tunnel_.arrives = [&, is_other_dead](const Wire& wire) {
      if (wire.path != kHeld) return !is_other_dead;
      if (wire.to_server) inside.push_back(wire.bytes);
      return !wire.to_server;
    };
    for (const TimePoint end = tunnel_.now + span; tunnel_.now < end;) {
      tunnel_.application_sends(1, std::string(200, 'a'));
      for (const Packet& packet : std::exchange(inside, {})) {
        ++count;
        tunnel_.application_sends(1, std::string(packet.size() + more, 'x'));
        tunnel_.to_server(packet, kHeld);
      }
      tunnel_.advance(10ms);
    }
    tunnel_.arrives = nullptr;
    return count;
  }
  [[nodiscard]] std::size_t data_by(PathId path, bool to_server) const {
    return tunnel_.sent_by(path, PacketType::data, to_server).size();
  }

  PathTunnel tunnel_{two_paths()};
};

TEST_F(HeldPath, CarriesDataOnceItsAnswersProveIt) {
  hold(true);
  EXPECT_TRUE(tunnel_.client->snapshot(tunnel_.now).paths.at(1).held);
  tunnel_.move_data(1s);
  EXPECT_EQ(Tunnel::count<PathProved>(tunnel_.client_events), 1U);
  EXPECT_FALSE(tunnel_.client->snapshot(tunnel_.now).paths.at(1).held);
  tunnel_.forget();
  tunnel_.move_data(1s);
  EXPECT_EQ(data_by(kHeld, true), 100U);
}

TEST_F(HeldPath, CarriesNothingButPingsWhileItLeadsThroughUs) {
  hold(true);
  const std::size_t came = run_through_ourselves(20s, 81);
  EXPECT_EQ(data_by(kHeld, true), 0U);
  EXPECT_EQ(data_by(kHeld, false), 0U) << "nor from the server, whom the PINGs tell";
  EXPECT_EQ(Tunnel::count<PathProved>(tunnel_.client_events), 0U);
  EXPECT_EQ(Tunnel::count<PathReturns>(tunnel_.client_events), 1U);
  EXPECT_TRUE(tunnel_.client->snapshot(tunnel_.now).paths.at(1).returns);
  EXPECT_LT(came, 20U * 12U) << "PINGs, ten a second";
  // It leads elsewhere again.
  hold(false);
  tunnel_.forget();
  tunnel_.move_data(1s);
  EXPECT_EQ(data_by(kHeld, true), 100U);
}

TEST_F(HeldPath, CarriesNothingEvenIfItIsTheLast) {
  hold(true);
  tunnel_.client->set_path_available(PathId{0}, false, tunnel_.out, tunnel_.now);
  tunnel_.carry();
  tunnel_.arrives = [&](const Wire& wire) { return wire.path != kHeld; };
  tunnel_.forget();
  tunnel_.move_data(10s);
  EXPECT_EQ(data_by(kHeld, true), 0U);
  EXPECT_LT(tunnel_.sent_by(kHeld, PacketType::control, true).size(), 200U);
}

TEST_F(HeldPath, HidesNoOutageOfTheOthers) {
  hold(true);
  run_through_ourselves(5s, 81);
  tunnel_.forget();
  run_through_ourselves(10s, 81, true);
  ASSERT_EQ(Tunnel::count<SessionLost>(tunnel_.client_events), 1U);
  const auto lost =
      std::find_if(tunnel_.client_events.begin(), tunnel_.client_events.end(),
                   [](const Event& event) { return std::holds_alternative<SessionLost>(event); });
  EXPECT_EQ(std::get<SessionLost>(*lost).held, 1U);
  const auto outage = tunnel_.client->snapshot(tunnel_.now).outage;
  ASSERT_TRUE(outage);
  EXPECT_NEAR(milliseconds(outage->lasts), 10'000, 200);
  EXPECT_EQ(outage->held, 1U);
  EXPECT_LT(tunnel_.sent_by(kHeld, PacketType::handshake1, true).size(), 5U) << "the server answers there";
  tunnel_.forget();
  run_through_ourselves(30s, 81);
  EXPECT_EQ(Tunnel::count<SessionLost>(tunnel_.client_events), 0U);
  ASSERT_EQ(Tunnel::count<TrafficResumed>(tunnel_.client_events), 1U);
  for (const Event& event : tunnel_.client_events) {
    if (const auto* resumed = std::get_if<TrafficResumed>(&event)) {
      EXPECT_EQ(resumed->paths, 1U);
    }
  }
  EXPECT_FALSE(tunnel_.client->snapshot(tunnel_.now).outage);
}

TEST_F(HeldPath, GetsNoDataFromTheServerEvenIfItIsTheLast) {
  hold(true);
  run_through_ourselves(5s, 81);
  tunnel_.client->set_path_available(PathId{0}, false, tunnel_.out, tunnel_.now);
  tunnel_.carry();
  EXPECT_TRUE(tunnel_.server->snapshot(tunnel_.now).peers.at(0).paths.at(1).held);
  tunnel_.forget();
  for (int i = 0; i < 200; ++i) {
    tunnel_.target_sends(tunnel_.flow, "reply");
    run_through_ourselves(50ms, 81, true);
  }
  EXPECT_EQ(data_by(kHeld, false), 0U) << "it would come in again from the target";
  EXPECT_GT(tunnel_.sent_by(kHeld, PacketType::control, false).size(), 10U) << "its PINGs are answered";
}

TEST_F(HeldPath, ThatProvesItselfAtOnceIsNoOutage) {
  tunnel_.client->set_path_available(PathId{0}, false, tunnel_.out, tunnel_.now);
  tunnel_.carry();
  tunnel_.forget();
  hold(true);
  tunnel_.move_data(5s);
  EXPECT_EQ(Tunnel::count<PathProved>(tunnel_.client_events), 1U);
  EXPECT_EQ(Tunnel::count<SessionLost>(tunnel_.client_events), 0U);
  EXPECT_EQ(tunnel_.at_target.size(), 500U) << "what came meanwhile has waited";
}

TEST_F(HeldPath, BackupTakesOverForIt) {
  TunnelSettings settings = two_paths();
  settings.traits = {PathTraits{true, false}, {}};
  PathTunnel tunnel{settings};
  tunnel.open_flow();
  tunnel.move_data(1s);
  tunnel.arrives = [&](const Wire& wire) { return wire.path != kHeld; };
  tunnel.client->hold_path(kHeld, true, tunnel.out, tunnel.now);
  tunnel.carry();
  tunnel.forget();
  tunnel.move_data(1s);
  EXPECT_EQ(tunnel.sent_by(PathId{0}, PacketType::data, true).size(), 100U);
  EXPECT_EQ(tunnel.at_target.size(), 100U);
}

}  // namespace
}  // namespace mptunnel
