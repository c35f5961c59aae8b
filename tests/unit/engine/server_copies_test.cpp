// What the server makes of copies of CONTROL packets that come from elsewhere: an observer may be faster than
// a path, and then the genuine packet is the copy.

#include <gtest/gtest.h>

#include "mptunnel/engine/server_engine.h"
#include "raw_client.h"

namespace mptunnel::test {
namespace {

class ServerCopies : public testing::Test {
 protected:
  ServerCopies() { EXPECT_TRUE(client_.shake(now_)); }

  Output from(const Route& route, const Packet& packet) {
    client_.set_route(route);
    return client_.send(packet, now_);
  }
  /// ECHO and PING of path 0, as a client of ours sends them.
  Packet echo(std::uint64_t token) { return client_.control({EchoFrame{token}, PingFrame{}}, now_); }
  /// The token of the CHALLENGE in the one packet that goes to this address.
  std::uint64_t token_in(const Output& out, const Route& to) {
    EXPECT_EQ(out.direct.size(), 1U);
    EXPECT_EQ(out.direct.at(0).route, to);
    return token_of(out.bytes_of(out.direct.at(0)));
  }
  /// The token of the CHALLENGE in the one packet that goes to the path.
  std::uint64_t token_of_run(const Output& out) {
    EXPECT_EQ(out.runs.size(), 1U);
    const PacketRun& run = out.runs.at(0);
    return token_of(ConstBytes(out.arena).subspan(run.offset, run.bytes()));
  }
  std::uint64_t token_of(ConstBytes packet) {
    for (const Frame& frame : client_.read(packet, now_)) {
      if (const auto* challenge = std::get_if<ChallengeFrame>(&frame)) return challenge->token;
    }
    ADD_FAILURE() << "no challenge";
    return 0;
  }
  const ServerSession& session() { return *server_.state().table.all().begin()->second; }

  TestRandom random_{1};
  ServerEngine server_{{}, random_};
  TimePoint now_{1h};
  RawClient client_{server_, random_, raw_route(9)};
  const Route observer_ = raw_route(66);
  const Route home_ = raw_route(9);
};

TEST_F(ServerCopies, GenuinePacketThatComesAsACopyIsAnsweredAndProvesThePath) {
  const Packet hello = client_.hello(5, 5, now_);
  EXPECT_EQ(from(observer_, hello).runs.size(), 1U);
  EXPECT_EQ(session().paths[0]->route(), observer_);
  const Output answer = from(home_, hello);
  EXPECT_LE(answer.direct.at(0).size, hello.size());
  const Packet proof = echo(token_in(answer, home_));
  from(observer_, proof);
  EXPECT_FALSE(session().paths[0]->is_validated()) << "the token is of another address";
  from(home_, proof);
  EXPECT_TRUE(session().paths[0]->is_validated());
  EXPECT_EQ(session().paths[0]->route(), home_);
}

TEST_F(ServerCopies, ProvedPathThatDoesNotMoveReadsNone) {
  from(home_, client_.hello(5, 5, now_));
  const Packet ping = client_.ping(now_);
  Output out = from(home_, ping);
  from(home_, echo(token_of_run(out)));
  ASSERT_TRUE(session().paths[0]->is_validated());
  const Packet later = client_.ping(now_);
  from(home_, later);
  out = from(observer_, later);
  EXPECT_TRUE(out.runs.empty() && out.direct.empty());
}

TEST_F(ServerCopies, ForgedCopyIsNotAnswered) {
  Packet hello = client_.hello(5, 5, now_);
  from(home_, hello);
  hello.back() ^= 1U;
  const Output out = from(observer_, hello);
  EXPECT_TRUE(out.runs.empty() && out.direct.empty());
}

TEST_F(ServerCopies, NothingElseOfACopyIsActedOn) {
  from(home_, client_.hello(5, 5, now_));
  const Packet packet = client_.control({PingFrame{}, MtuProbeFrame{PathId{0}, 1000}, PingFrame{}}, now_);
  from(home_, packet);
  const std::uint64_t received = session().current().path(PathId{0}).received;
  const std::uint64_t unexpected = server_.drops()[Drop::unexpected_frame];
  const Output out = from(observer_, packet);
  EXPECT_EQ(out.direct.size(), 1U);
  EXPECT_EQ(session().current().path(PathId{0}).received, received);
  EXPECT_EQ(server_.drops()[Drop::unexpected_frame], unexpected);
  EXPECT_EQ(server_.drops()[Drop::path_limit], 1U) << "of the packet itself";
}

TEST_F(ServerCopies, OneNetworkIsAnsweredWithinItsBudgetAndLeavesTheOthersTheirs) {
  const Packet hello = client_.hello(5, 5, now_);
  from(home_, hello);
  std::size_t answers = 0;
  for (std::uint16_t port = 1; port <= 2000; ++port)
    answers += from(raw_route(66, port), hello).direct.size();
  EXPECT_EQ(answers, static_cast<std::size_t>(kCopiesReadBurstOfNetwork / 2))
      << "half is kept for neighbours";
  EXPECT_EQ(from(raw_route(67), hello).direct.size(), 1U);
}

}  // namespace
}  // namespace mptunnel::test
