// What an address has to prove to the server before it gets anything: by a token that was sent there, for
// this path of this session, and lately.

#include <gtest/gtest.h>

#include <optional>

#include "mptunnel/engine/server_engine.h"
#include "raw_client.h"

namespace mptunnel::test {
namespace {

PingFrame ping_of(std::uint8_t path) {
  PingFrame ping;
  ping.report.path = PathId{path};
  return ping;
}

class ServerProofs : public testing::Test {
 protected:
  ServerProofs() { EXPECT_TRUE(client_.join(5, 1, now_)); }

  Output from(const Route& route, const Packet& packet) { return from(client_, route, packet); }
  Output from(RawClient& client, const Route& route, const Packet& packet) {
    client.set_route(route);
    return client.send(packet, now_);
  }
  /// PING of this path, as large as a client of ours makes it.
  Packet ping(std::uint8_t path) { return client_.padded({ping_of(path)}, now_); }
  Packet echo(std::uint64_t token, std::uint8_t path) {
    return client_.control({EchoFrame{token}, ping_of(path)}, now_);
  }
  /// The frames of all packets that went to the address of `to`, alone or as a path's.
  std::vector<Frame> frames_to(RawClient& client, const Output& out, const Route& to) {
    std::vector<Frame> frames;
    const auto read = [&](ConstBytes packet) {
      for (const Frame& frame : client.read(packet, now_)) frames.push_back(frame);
    };
    for (const DirectPacket& packet : out.direct) {
      if (packet.route == to) read(out.bytes_of(packet));
    }
    for (const PacketRun& run : out.runs) {
      for (const PathId path : run.paths) {
        if (path_of(path).route() == to) read(out.bytes_of(run));
      }
    }
    return frames;
  }
  template <typename Kind>
  static std::optional<Kind> first(const std::vector<Frame>& frames) {
    for (const Frame& frame : frames) {
      if (const auto* found = std::get_if<Kind>(&frame)) return *found;
    }
    return std::nullopt;
  }
  /// The token that this packet makes the server send to the address that it comes from.
  std::uint64_t token_for(const Route& route, const Packet& packet) {
    const auto challenge = first<ChallengeFrame>(frames_to(client_, from(route, packet), route));
    EXPECT_TRUE(challenge);
    return challenge ? challenge->token : 0;
  }
  /// The newest session.
  const ServerSession& session() { return *server_.state().table.all().rbegin()->second; }
  const ServerPath& path_of(PathId path) { return *session().paths.at(path.value); }

  TestRandom random_{1};
  ServerEngine server_{{}, random_};
  TimePoint now_{1h};
  RawClient client_{server_, random_, raw_route(9)};
  const Route home_ = raw_route(9);
  const Route away_ = raw_route(66);
};

TEST_F(ServerProofs, TokenThatIsWrongStaleOrOfAnotherPathMovesNothing) {
  const std::uint64_t stale = token_for(away_, ping(0));
  from(home_, ping(0));
  const std::uint64_t of_another_path = token_for(away_, ping(1));
  const std::uint64_t right = token_for(away_, ping(0));
  constexpr std::uint64_t kTopBit = std::uint64_t{1} << 63U;
  for (const std::uint64_t token :
       std::initializer_list<std::uint64_t>{0, right ^ 1U, right ^ kTopBit, stale, of_another_path}) {
    from(away_, echo(token, 0));
    ASSERT_EQ(path_of(PathId{0}).route(), home_) << token;
  }
  from(raw_route(67), echo(right, 0));
  ASSERT_EQ(path_of(PathId{0}).route(), home_) << "from elsewhere";
  from(away_, echo(right, 1));
  ASSERT_EQ(path_of(PathId{0}).route(), home_) << "sent by another path";
  EXPECT_FALSE(path_of(PathId{1}).is_validated());
  from(away_, echo(right, 0));
  EXPECT_EQ(path_of(PathId{0}).route(), away_);
}

TEST_F(ServerProofs, MtuProbeIsNotAnsweredBeforeThePathIsProved) {
  const auto probe = [&](std::uint8_t path) {
    return client_.padded({ping_of(1), MtuProbeFrame{PathId{path}, 1000}}, now_);
  };
  const Output out = from(away_, probe(1));
  const auto frames = frames_to(client_, out, away_);
  EXPECT_TRUE(first<PongFrame>(frames)) << "the PING is";
  EXPECT_FALSE(first<MtuSeenFrame>(frames));
  EXPECT_EQ(server_.drops()[Drop::path_limit], 1U);
  // Nor by way of a path that is proved: its own address gets the answer.
  const Output by_proved = from(away_, client_.control({MtuProbeFrame{PathId{0}, 1000}}, now_));
  EXPECT_FALSE(first<MtuSeenFrame>(frames_to(client_, by_proved, away_)));
  EXPECT_TRUE(first<MtuSeenFrame>(frames_to(client_, by_proved, home_)));
  // A path that there is not.
  EXPECT_TRUE(from(away_, client_.control({MtuProbeFrame{PathId{7}, 1000}}, now_)).runs.empty());
  EXPECT_EQ(server_.drops()[Drop::path_limit], 2U);

  from(away_, echo(token_for(away_, ping(1)), 1));
  EXPECT_TRUE(first<MtuSeenFrame>(frames_to(client_, from(away_, probe(1)), away_)));
}

TEST_F(ServerProofs, MtuSeenOfAPathThatProvedNothingSaysNothing) {
  from(away_, ping(1));
  from(away_, client_.control({MtuSeenFrame{PathId{1}, 1400}}, now_));
  EXPECT_EQ(server_.drops()[Drop::path_limit], 1U);
  EXPECT_FALSE(path_of(PathId{1}).mtu.is_measured());
}

TEST_F(ServerProofs, PacketOfAnOlderKeyIsOlderWhateverItsNumber) {
  for (int i = 0; i < 5; ++i) from(home_, ping(0));
  const Packet held_back = ping(0);
  // New keys, whose numbers begin at 0.
  RawClient renewed(server_, random_, home_);
  now_ += 1s;
  ASSERT_TRUE(renewed.shake(now_));
  from(renewed, home_, renewed.hello(5, 1, now_));
  ASSERT_EQ(server_.state().table.all().size(), 1U) << "the same process";
  const Output out = from(away_, held_back);
  EXPECT_TRUE(frames_to(client_, out, away_).empty()) << "no challenge to where an old packet comes from";
  // Of a new packet there is one.
  EXPECT_TRUE(first<ChallengeFrame>(
      frames_to(renewed, from(renewed, away_, renewed.padded({ping_of(0)}, now_)), away_)));
}

/// Another process of the client takes over.
class ServerProofsOfTheNext : public ServerProofs {
 protected:
  void take_over() {
    now_ += 1s;
    ASSERT_TRUE(next_.shake(now_));
    next_.set_route(away_);
    next_.send(next_.hello(5, 2, now_), now_);
    ASSERT_EQ(Tunnel::count<ClientTakenOver>(next_.events), 1U);
  }
  RawClient next_{server_, random_, away_};
};

TEST_F(ServerProofsOfTheNext, InheritsNoRoute) {
  take_over();
  EXPECT_EQ(session().all_paths(), PathSet::of(PathId{0}));
  EXPECT_FALSE(path_of(PathId{0}).is_validated());
  EXPECT_EQ(session().carrying(now_), PathSet{});
  EXPECT_FALSE(session().is_proved);
}

TEST_F(ServerProofsOfTheNext, TokenThatTheFormerProcessWasSentProvesNothing) {
  const std::uint64_t former = token_for(away_, ping(0));
  take_over();
  from(next_, away_, next_.control({EchoFrame{former}, ping_of(0)}, now_));
  EXPECT_FALSE(path_of(PathId{0}).is_validated());
  EXPECT_FALSE(session().is_proved);
}

TEST_F(ServerProofsOfTheNext, FormerProcessWithHigherNumbersMovesNoneOfItsPaths) {
  const Route next_home = raw_route(67);
  for (int i = 0; i < 20; ++i) from(home_, ping(0));
  const Packet held_back = ping(0);
  take_over();
  const Output hello = from(next_, next_home, next_.padded({ping_of(0)}, now_));
  const auto challenge = first<ChallengeFrame>(frames_to(next_, hello, next_home));
  ASSERT_TRUE(challenge);
  from(next_, next_home, next_.control({EchoFrame{challenge->token}, ping_of(0)}, now_));
  ASSERT_EQ(path_of(PathId{0}).route(), next_home);
  from(client_, away_, held_back);
  EXPECT_EQ(path_of(PathId{0}).route(), next_home);
  // What the new process sends next, with a small number, is its newest all the same.
  EXPECT_TRUE(
      first<ChallengeFrame>(frames_to(next_, from(next_, away_, next_.padded({ping_of(0)}, now_)), away_)));
}

}  // namespace
}  // namespace mptunnel::test
