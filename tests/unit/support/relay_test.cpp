// The relay over real sockets of the loopback interface; nothing here waits for a time to pass.
#include "support/bridge/relay.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "support/common/sockets.h"

namespace mptunnel::test {
namespace {

using std::chrono::seconds;

class RelayOverLoopback : public testing::Test {
 protected:
  void SetUp() override {
    loop_ = *EventLoop::create();
    target_ = *open_bound(*resolve_endpoint("127.0.0.1:0"));
    BridgeOptions options;
    options.max_clients = 2;
    Fd listener = *open_bound(*resolve_endpoint("127.0.0.1:0"));
    bridge_ = local_endpoint(listener.get());
    relay_ = std::make_unique<Relay>(options, local_endpoint(target_.get()), std::move(listener), *loop_,
                                     monotonic_now());
  }

  [[nodiscard]] Fd client() const { return *open_connected(bridge_); }

  static void send_text(int fd, const std::string& text) {
    ASSERT_EQ(send(fd, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  }

  /// Runs the relay until `done`, at most as long as a broken test needs to be told from a slow machine.
  bool run_until(const std::function<bool()>& done) {
    const TimePoint limit = monotonic_now() + seconds(20);
    bool reached = false;
    loop_->run(
        [&] { return std::min(relay_->next_deadline(), monotonic_now() + std::chrono::milliseconds(1)); },
        [&](TimePoint now) {
          relay_->on_time(now);
          reached = done();
          if (reached || now > limit) loop_->stop();
        });
    return reached;
  }

  /// The next datagram at `fd` and where it came from.
  std::optional<std::pair<std::string, SocketAddress>> take(int fd) {
    std::string text(100, '\0');
    SocketAddress from;
    from.length = sizeof from.storage;
    ssize_t count = -1;
    const bool came = run_until([&] {
      count = recvfrom(fd, text.data(), text.size(), MSG_DONTWAIT, reinterpret_cast<sockaddr*>(&from.storage),
                       &from.length);
      return count >= 0;
    });
    if (!came) return std::nullopt;
    text.resize(static_cast<std::size_t>(count));
    return std::pair(text, from);
  }

  void answer(const SocketAddress& to, const std::string& text) const {
    ASSERT_EQ(sendto(target_.get(), text.data(), text.size(), 0,
                     reinterpret_cast<const sockaddr*>(&to.storage), to.length),
              static_cast<ssize_t>(text.size()));
  }

  std::unique_ptr<EventLoop> loop_;
  Fd target_;
  Endpoint bridge_;
  std::unique_ptr<Relay> relay_;
};

TEST_F(RelayOverLoopback, GivesEachClientASocketOfItsOwn) {
  const Fd first = client();
  const Fd second = client();
  send_text(first.get(), "one");
  const auto one = take(target_.get());
  ASSERT_TRUE(one);
  send_text(second.get(), "two");
  const auto two = take(target_.get());
  ASSERT_TRUE(two);
  EXPECT_EQ(one->first, "one");
  EXPECT_EQ(two->first, "two");
  EXPECT_NE(to_endpoint(one->second), to_endpoint(two->second));
  answer(two->second, "for two");
  answer(one->second, "for one");
  EXPECT_EQ(take(first.get())->first, "for one");
  EXPECT_EQ(take(second.get())->first, "for two");
}

TEST_F(RelayOverLoopback, PassesEmptyDatagrams) {
  const Fd fd = client();
  send_text(fd.get(), "");
  const auto up = take(target_.get());
  ASSERT_TRUE(up);
  EXPECT_TRUE(up->first.empty());
  answer(up->second, "");
  EXPECT_EQ(take(fd.get())->first, "");
}

TEST_F(RelayOverLoopback, RefusesClientsBeyondItsLimit) {
  const Fd first = client();
  const Fd second = client();
  const Fd third = client();
  for (const Fd* fd : {&first, &second, &third}) send_text(fd->get(), "x");
  ASSERT_TRUE(run_until([&] { return relay_->stats(monotonic_now())["up"]["received"] == 3; }));
  const auto stats = relay_->stats(monotonic_now());
  EXPECT_EQ(stats["clients"], 2);
  EXPECT_EQ(stats["up"]["lost_by"]["client"], 1);
  EXPECT_EQ(stats["up"]["forwarded"], 2);
}

TEST_F(RelayOverLoopback, RebindChangesTheSourcePortAndKeepsTheClient) {
  const Fd fd = client();
  send_text(fd.get(), "before");
  const auto before = take(target_.get());
  ASSERT_TRUE(before);
  // On its way when the port changes: still relayed.
  answer(before->second, "late");
  relay_->rebind();
  EXPECT_EQ(take(fd.get())->first, "late");
  send_text(fd.get(), "after");
  const auto after = take(target_.get());
  ASSERT_TRUE(after);
  EXPECT_NE(to_endpoint(before->second), to_endpoint(after->second));
  answer(after->second, "answer");
  EXPECT_EQ(take(fd.get())->first, "answer");
  EXPECT_EQ(relay_->stats(monotonic_now())["clients_total"], 1);
}

TEST_F(RelayOverLoopback, LivesOnWhileTheTargetRefuses) {
  const Fd fd = client();
  const Endpoint address = local_endpoint(target_.get());
  target_ = Fd();
  for (int i = 0; i < 5; ++i) {
    send_text(fd.get(), "refused");
    ASSERT_TRUE(run_until([&] { return relay_->stats(monotonic_now())["up"]["received"] == i + 1; }));
  }
  ASSERT_TRUE(run_until([&] { return relay_->stats(monotonic_now())["down"]["refused"] > 0; }));
  target_ = *open_bound(address);
  send_text(fd.get(), "heard");
  EXPECT_EQ(take(target_.get())->first, "heard");
  EXPECT_EQ(relay_->stats(monotonic_now())["up"]["lost"], 0);
}

TEST_F(RelayOverLoopback, LosesAllInABlackoutAndCountsIt) {
  const Fd fd = client();
  ImpairmentPair dark;
  dark.up.blackout = true;
  relay_->set_impairments(dark);
  send_text(fd.get(), "lost");
  ASSERT_TRUE(run_until([&] { return relay_->stats(monotonic_now())["up"]["lost_by"]["blackout"] == 1; }));
  relay_->set_impairments({});
  send_text(fd.get(), "passes");
  EXPECT_EQ(take(target_.get())->first, "passes");
}

TEST_F(RelayOverLoopback, CountsSharedLoss) {
  const Fd fd = client();
  ImpairmentPair shared;
  shared.up.shared_loss_percent = 100;
  relay_->set_impairments(shared);
  send_text(fd.get(), "lost");
  ASSERT_TRUE(run_until([&] { return relay_->stats(monotonic_now())["up"]["lost_by"]["shared"] == 1; }));
}

TEST_F(RelayOverLoopback, InjectsTowardsTheLatestClientFromItsOwnAddress) {
  const std::string garbage = "garbage";
  EXPECT_FALSE(relay_->inject(Direction::down, bytes_of(garbage)));
  const Fd fd = client();
  send_text(fd.get(), "x");
  const auto up = take(target_.get());
  ASSERT_TRUE(up);
  EXPECT_TRUE(relay_->inject(Direction::down, bytes_of(garbage)));
  EXPECT_TRUE(relay_->inject(Direction::up, bytes_of(garbage)));
  relay_->flush_injected();
  EXPECT_EQ(take(fd.get())->first, garbage);
  const auto injected = take(target_.get());
  EXPECT_EQ(injected->first, garbage);
  EXPECT_EQ(to_endpoint(injected->second), to_endpoint(up->second));
  EXPECT_EQ(relay_->stats(monotonic_now())["up"]["injected"], 1);
}

TEST_F(RelayOverLoopback, FlippedAndDoubledCopiesAddUp) {
  const Fd fd = client();
  ImpairmentPair pair;
  pair.up.duplicate_percent = 100;
  pair.up.flip_percent = 100;
  pair.up.jitter = std::chrono::milliseconds(2);
  relay_->set_impairments(pair);
  for (int i = 0; i < 50; ++i) send_text(fd.get(), "abc");
  ASSERT_TRUE(run_until([&] { return relay_->stats(monotonic_now())["up"]["forwarded"] == 100; }));
  const auto stats = relay_->stats(monotonic_now())["up"];
  EXPECT_EQ(stats["received"], 50);
  EXPECT_EQ(stats["duplicated"], 50);
  EXPECT_EQ(stats["flipped"], 100);
  EXPECT_EQ(stats["lost"], 0);
  EXPECT_EQ(stats["waiting"], 0);
  for (int i = 0; i < 100; ++i) EXPECT_NE(take(target_.get())->first, "abc");
}

class RelayTrace : public RelayOverLoopback {
 protected:
  struct Line {
    Direction direction;
    std::optional<Loss> loss;
    bool second_copy;
    std::string bytes;

    bool operator==(const Line&) const = default;
  };

  void SetUp() override {
    RelayOverLoopback::SetUp();
    relay_->set_trace([this](const TraceRecord& record) {
      EXPECT_GE(record.time, latest_);
      latest_ = record.time;
      lines_.push_back({record.direction,
                        record.loss,
                        record.second_copy,
                        {record.datagram.begin(), record.datagram.end()}});
    });
  }

  TimePoint latest_;
  std::vector<Line> lines_;
};

TEST_F(RelayTrace, TellsWhatPassedEitherWay) {
  const Fd fd = client();
  send_text(fd.get(), "there");
  const auto there = take(target_.get());
  ASSERT_TRUE(there);
  answer(there->second, "and back");
  ASSERT_TRUE(take(fd.get()));
  const std::vector<Line> expected{{Direction::up, std::nullopt, false, "there"},
                                   {Direction::down, std::nullopt, false, "and back"}};
  EXPECT_EQ(lines_, expected);
}

TEST_F(RelayTrace, TellsLossesAndCopies) {
  const Fd fd = client();
  ImpairmentPair pair;
  pair.up.mtu_bytes = 5;
  pair.up.duplicate_percent = 100;
  relay_->set_impairments(pair);
  send_text(fd.get(), "too long");
  send_text(fd.get(), "now");
  ASSERT_TRUE(run_until([&] { return lines_.size() == 3; }));
  pair.up.jitter = std::chrono::milliseconds(2);
  relay_->set_impairments(pair);
  send_text(fd.get(), "later");
  ASSERT_TRUE(run_until([&] { return lines_.size() == 5; }));
  // Two delayed copies may pass each other.
  if (lines_[3].second_copy) std::swap(lines_[3], lines_[4]);
  const std::vector<Line> expected{{Direction::up, Loss::mtu, false, "too long"},
                                   {Direction::up, std::nullopt, false, "now"},
                                   {Direction::up, std::nullopt, true, "now"},
                                   {Direction::up, std::nullopt, false, "later"},
                                   {Direction::up, std::nullopt, true, "later"}};
  EXPECT_EQ(lines_, expected);
}

TEST_F(RelayTrace, TellsWhichCopiesTheQueueLost) {
  const Fd fd = client();
  ImpairmentPair pair;
  pair.up.duplicate_percent = 100;
  pair.up.rate_kbit_s = 1;  // 8 bytes take 64 ms
  pair.up.queue_bytes = 8;
  relay_->set_impairments(pair);
  send_text(fd.get(), "12345678");
  send_text(fd.get(), "abcdefgh");
  ASSERT_TRUE(run_until([&] { return lines_.size() == 4; }));
  const auto lost =
      std::count_if(lines_.begin(), lines_.end(), [](const Line& line) { return line.loss == Loss::queue; });
  const auto stats = relay_->stats(monotonic_now())["up"];
  EXPECT_EQ(stats["lost_by"]["queue"], lost);
  EXPECT_EQ(stats["forwarded"], 4 - lost);
  EXPECT_GT(lost, 0);
}

}  // namespace
}  // namespace mptunnel::test
