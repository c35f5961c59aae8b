// Both engines together: each datagram goes by one path.
#include <gtest/gtest.h>

#include <algorithm>

#include "sender_support.h"
#include "tunnel_paths.h"

namespace mptunnel {
namespace {

using test::Delivered;
using test::kOpenFlow;
using test::PathTunnel;
using test::SenderSide;
using test::TunnelSettings;
using test::views_of;
using test::Wire;

TunnelSettings aggregating(std::size_t paths = 3) {
  TunnelSettings settings;
  settings.paths = paths;
  settings.mode = SchedulerMode::aggregate;
  return settings;
}

class TunnelAggregate : public testing::Test {
 protected:
  TunnelAggregate() {
    tunnel_.open_flow();
    tunnel_.forget();
  }
  [[nodiscard]] std::size_t data(bool to_server) const {
    std::size_t count = 0;
    for (const Wire& wire : tunnel_.wires) {
      if (wire.to_server == to_server && wire.type() == PacketType::data) ++count;
    }
    return count;
  }
  /// Numbered from `first` on, `bytes` each.
  void application_sends(int first, int count, std::size_t bytes = 1000) {
    for (int i = first; i < first + count; ++i) {
      std::string text = std::to_string(i);
      text.resize(bytes, ' ');
      tunnel_.application_sends(1, text);
    }
  }
  [[nodiscard]] std::vector<int> numbers() const {
    std::vector<int> all;
    for (const Delivered& one : tunnel_.at_target) all.push_back(std::stoi(one.payload));
    return all;
  }
  [[nodiscard]] static std::vector<int> first(int count) {
    std::vector<int> all;
    for (int i = 0; i < count; ++i) all.push_back(i);
    return all;
  }

  PathTunnel tunnel_{aggregating()};
};

TEST_F(TunnelAggregate, SendsEachDatagramByOnePath) {
  for (int i = 0; i < 20; ++i) {
    application_sends(i, 1);
    tunnel_.target_sends(tunnel_.flow, "reply");
    tunnel_.advance(10ms);
  }
  EXPECT_EQ(numbers(), first(20));
  EXPECT_EQ(tunnel_.at_application.size(), 20U);
  EXPECT_EQ(data(true), 20U);
  EXPECT_EQ(data(false), 20U);
}

TEST_F(TunnelAggregate, HasAcksAtBothEnds) {
  application_sends(0, 1);
  tunnel_.target_sends(tunnel_.flow, "reply");
  EXPECT_TRUE(tunnel_.session().receiver.acks().is_on());
  EXPECT_TRUE(tunnel_.client->state().receiver.acks().is_on());
  for (int i = 1; i < 50; ++i) {
    application_sends(i, 1);
    tunnel_.advance(10ms);
  }
  EXPECT_EQ(tunnel_.client_drops(Drop::unexpected_frame), 0U);
  EXPECT_EQ(tunnel_.server_drops(Drop::unexpected_frame), 0U);
}

TEST_F(TunnelAggregate, HoldsBackWhatThePathsAreNotKnownToTake) {
  application_sends(0, 40);
  EXPECT_LT(tunnel_.at_target.size(), 40U);
  EXPECT_TRUE(tunnel_.client->state().sender.has_waiting());
  tunnel_.advance(400ms);
  EXPECT_EQ(numbers(), first(40));
  EXPECT_FALSE(tunnel_.client->state().sender.has_waiting());
}

TEST_F(TunnelAggregate, TheServerHoldsBackAsWell) {
  for (int i = 0; i < 40; ++i) tunnel_.target_sends(tunnel_.flow, std::string(1000, 'r'));
  EXPECT_LT(tunnel_.at_application.size(), 40U);
  tunnel_.advance(400ms);
  EXPECT_EQ(tunnel_.at_application.size(), 40U);
}

TEST_F(TunnelAggregate, LosesNothingUncounted) {
  int sent = 0;
  for (int i = 0; i < 200; ++i) {
    application_sends(sent, 20);
    sent += 20;
    tunnel_.advance(1ms);
  }
  tunnel_.advance(2s);
  EXPECT_FALSE(tunnel_.client->state().sender.has_waiting());
  const std::uint64_t dropped = tunnel_.client_drops(Drop::queue_delay) +
                                tunnel_.client_drops(Drop::queue_full) +
                                tunnel_.client_drops(Drop::queue_expired);
  EXPECT_EQ(tunnel_.at_target.size() + dropped, static_cast<std::size_t>(sent));
}

TEST_F(TunnelAggregate, ChoosesAnewForWhatWaitsForAPathThatGoes) {
  application_sends(0, 40);
  tunnel_.client->set_path_available(PathId{1}, false, tunnel_.out, tunnel_.now);
  tunnel_.carry();
  tunnel_.advance(400ms);
  std::vector<int> all = numbers();
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, first(40));
}

TEST_F(TunnelAggregate, SleepsWhileThereIsNoPath) {
  application_sends(0, 40);
  for (std::uint8_t i = 0; i < 3; ++i)
    tunnel_.client->set_path_available(PathId{i}, false, tunnel_.out, tunnel_.now);
  tunnel_.carry();
  tunnel_.advance(100ms);
  EXPECT_GT(tunnel_.client->deadline(), tunnel_.now);
  tunnel_.advance(kQueueLife);
  EXPECT_FALSE(tunnel_.client->state().sender.has_waiting());
  EXPECT_EQ(tunnel_.at_target.size() + tunnel_.client_drops(Drop::queue_expired), 40U);
}

TEST_F(TunnelAggregate, GoesOnWithAServerThatRestarted) {
  application_sends(0, 5);
  tunnel_.advance(1s);
  tunnel_.restart_server();
  for (int i = 0; i < 100; ++i) {
    application_sends(i, 1);
    tunnel_.advance(100ms);
  }
  tunnel_.forget();
  application_sends(0, 5);
  tunnel_.advance(100ms);
  EXPECT_EQ(numbers(), first(5));
  EXPECT_EQ(data(true), 5U);
}

TEST_F(TunnelAggregate, IsWhatTheStatusSays) {
  EXPECT_EQ(tunnel_.client->snapshot(tunnel_.now).session.mode, SchedulerMode::aggregate);
  application_sends(0, 40);
  tunnel_.advance(400ms);
  for (const PathSnapshot& path : tunnel_.client->snapshot(tunnel_.now).paths) {
    ASSERT_TRUE(path.share);
    EXPECT_NE(path.share->use, PathShare::Use::slow);
    EXPECT_GT(path.share->bytes_per_second, 0);
  }
}

// What goes by a path that is silent is lost: soon the others have all.
TEST_F(TunnelAggregate, LeavesAPathAloneThatAcknowledgesNothing) {
  application_sends(0, 40);
  tunnel_.advance(1s);
  tunnel_.forget();
  tunnel_.arrives = [](const Wire& wire) { return !wire.to_server || wire.path != PathId{0}; };
  for (int i = 0; i < 100; ++i) {
    application_sends(i, 1);
    tunnel_.advance(5ms);
  }
  const std::vector<int> came = numbers();
  EXPECT_GE(std::count_if(came.begin(), came.end(), [](int number) { return number >= 60; }), 40);
}

TEST(SenderAggregate, SendsCopiesToAPeerThatCantAcknowledge) {
  for (const bool can_acknowledge : {false, true}) {
    SenderSide side(Cipher::chacha20_poly1305,
                    can_acknowledge ? kKnownFrames : kKnownFrames & ~frame_bit(FrameType::ack_wanted));
    side.context.mode = SchedulerMode::aggregate;
    side.sender = std::make_unique<Sender>(test::kSession, side.link, side.context);
    side.send(views_of({{0, 1400}, {1, 1400}}), "a");
    ASSERT_FALSE(side.out.runs.empty());
    EXPECT_EQ(side.out.runs.front().paths.size(), can_acknowledge ? 1U : 2U);
  }
}

}  // namespace
}  // namespace mptunnel
