// How the server spreads indices over lanes.
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

#include "raw_client.h"

namespace mptunnel {
namespace {

using test::RawClient;

constexpr std::size_t kLanes = 8;

struct LanesTest : testing::Test {
  LanesTest() : server(settings(), random) {}

  static ServerSettings settings() {
    ServerSettings result;
    result.lanes = kLanes;
    return result;
  }
  /// A client that connects, its handshake arriving by `copies` paths; returns its lane.
  std::size_t lane_of_new_client(std::uint8_t number, int copies) {
    clients.push_back(std::make_unique<RawClient>(server, random, test::raw_route(number)));
    RawClient& client = *clients.back();
    EXPECT_TRUE(client.shake(now));
    for (int i = 1; i < copies; ++i) client.repeat_handshake(now);
    EXPECT_FALSE(client.send(client.hello(number, number, now), now).runs.empty());
    return client.epoch().remote_index().value % kLanes;
  }

  test::TestRandom random{1};
  ServerEngine server;
  TimePoint now = TimePoint{} + std::chrono::hours(1);
  std::vector<std::unique_ptr<RawClient>> clients;
};

TEST_F(LanesTest, EightClientsHaveALaneEachHoweverManyCopiesTheirHandshakesHave) {
  for (const int copies : {1, 4, 8}) {
    std::set<std::size_t> lanes;
    for (std::uint8_t i = 0; i < kLanes; ++i)
      lanes.insert(lane_of_new_client(static_cast<std::uint8_t>(clients.size() + 1), copies));
    EXPECT_EQ(lanes.size(), kLanes) << copies;
  }
}

TEST_F(LanesTest, HandshakesUnderWayTakeDifferentLanes) {
  std::set<std::size_t> lanes;
  for (std::uint8_t i = 1; i <= kLanes; ++i) {
    clients.push_back(std::make_unique<RawClient>(server, random, test::raw_route(i)));
    ASSERT_TRUE(clients.back()->shake(now));
    for (int copy = 0; copy < 3; ++copy) clients.back()->repeat_handshake(now);
    lanes.insert(clients.back()->epoch().remote_index().value % kLanes);
  }
  EXPECT_EQ(lanes.size(), kLanes);
}

}  // namespace
}  // namespace mptunnel
