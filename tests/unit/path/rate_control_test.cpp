#include "mptunnel/path/rate_control.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

namespace mptunnel {

using namespace std::chrono_literals;

namespace {

struct LinkOptions {
  double mbit_s = 0;
  double delay_ms = 0;  ///< each way
  double queue_ms = 0;  ///< of the bottleneck, at that rate
  double loss = 0;      ///< of each packet, before the bottleneck
  double jitter_ms = 0;
  double policed_mbit_s = 0;  ///< what is above that, and 20 ms of it, is dropped; 0: nothing
  /// The rate at a time, in Mbit/s; none: always mbit_s.
  std::function<double(double)> rate_at;
  std::function<double(double)> loss_at;          ///< the same of `loss`
  std::function<double(double)> more_ms_at = {};  ///< further delay
};

struct Figures {
  double used = 0;  ///< of the rate, from a third of the time on
  double queue_p50_ms = 0;
  double queue_p95_ms = 0;
  double lost = 0;             ///< of what was sent in the last half
  std::vector<double> mbit_s;  ///< what came in each 100 ms

  /// Of the windows from `first` to the one before `end`.
  [[nodiscard]] double least(std::ptrdiff_t first, std::ptrdiff_t end) const {
    return *std::min_element(mbit_s.begin() + first, mbit_s.begin() + end);
  }
  [[nodiscard]] double mean(std::ptrdiff_t first, std::ptrdiff_t end) const {
    return std::accumulate(mbit_s.begin() + first, mbit_s.begin() + end, 0.0) /
           static_cast<double>(end - first);
  }
};

/// One path with a drop-tail queue and a sender that always has something to send, by the rate of a
/// RateControl and nothing else.
class PathModel {
 public:
  explicit PathModel(LinkOptions link, std::optional<double> cap = {})
      : link_(std::move(link)), control_(cap) {}

  Figures run(double seconds) {
    end_ = seconds;
    figures_.mbit_s.resize(static_cast<std::size_t>(seconds * 10) + 1);
    push(0, [this](double now) { send(now); });
    double now = 0;
    while (now < seconds) {
      const Event event = events_.top();
      events_.pop();
      now = event.at;
      event.act(now);
    }
    figures_.lost = static_cast<double>(late_lost_) / static_cast<double>(late_sent_);
    std::vector<double> queues;
    for (const auto& [at, queue] : queues_) {
      if (at > seconds / 3) queues.push_back(1000 * queue);
    }
    std::sort(queues.begin(), queues.end());
    figures_.queue_p50_ms = queues[queues.size() / 2];
    figures_.queue_p95_ms = queues[queues.size() * 95 / 100];
    const auto windows = static_cast<std::ptrdiff_t>(figures_.mbit_s.size());
    figures_.used = figures_.mean(windows / 3, windows - 1) / link_.mbit_s;
    return figures_;
  }
  [[nodiscard]] const RateControl& control() const { return control_; }
  [[nodiscard]] const DeliveryReport& last() const { return last_; }

 private:
  static constexpr double kBytes = 1400;
  struct Event {
    double at;
    std::uint64_t order;
    std::function<void(double)> act;
    bool operator<(const Event& other) const { return at != other.at ? at > other.at : order > other.order; }
  };
  struct Packet {
    double left;
    std::uint64_t sent;
  };

  void push(double at, std::function<void(double)> act) { events_.push({at, order_++, std::move(act)}); }
  double uniform() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  void send(double now) {
    sent_ += static_cast<std::uint64_t>(kBytes);
    if (now > end_ / 2) ++late_sent_;
    const Packet packet{now, sent_};
    const double rate = (link_.rate_at ? link_.rate_at(now) : link_.mbit_s) * 125'000;
    const double waits = std::max(0.0, free_ - now);
    if (link_.policed_mbit_s > 0) {
      const double per_second = link_.policed_mbit_s * 125'000;
      tokens_ = std::min(per_second * 0.02, tokens_ + (now - filled_) * per_second);
      filled_ = now;
    }
    const bool is_policed = link_.policed_mbit_s > 0 && tokens_ < kBytes;
    if (link_.policed_mbit_s > 0 && !is_policed) tokens_ -= kBytes;
    if (is_policed || uniform() < (link_.loss_at ? link_.loss_at(now) : link_.loss) ||
        waits * 1000 > link_.queue_ms) {
      if (now > end_ / 2) ++late_lost_;
      push(now + link_.delay_ms / 500, [this](double) { lost_ += static_cast<std::uint64_t>(kBytes); });
    } else {
      queues_.emplace_back(now, waits);
      free_ = std::max(free_, now) + kBytes / rate;
      const double more = link_.more_ms_at ? link_.more_ms_at(now) : 0;
      push(free_ + (link_.delay_ms + more + uniform() * link_.jitter_ms) / 1000,
           [this, packet](double at) { arrive(packet, at); });
    }
    push(now + kBytes / control_.rate(), [this](double at) { send(at); });
  }

  void arrive(const Packet& packet, double now) {
    received_ += static_cast<std::uint64_t>(kBytes);
    came_ += static_cast<std::uint64_t>(kBytes);
    figures_.mbit_s[std::min(static_cast<std::size_t>(now * 10), figures_.mbit_s.size() - 1)] +=
        kBytes * 8e-5;
    least_ = std::min(least_, now - packet.left);
    if (packet.left >= newest_.left) {
      newest_ = packet;
      newest_came_ = now;
      received_then_ = received_;
    }
    if (now < reported_ + std::max(0.01, link_.delay_ms / 2000)) return;
    reported_ = now;
    DeliveryReport report;
    report.least_delay = time(least_ + 1234.5);
    report.arrived = time(newest_came_ + 1234.5);
    report.received = received_then_;
    report.left = TimePoint(time(newest_.left));
    report.sent = newest_.sent;
    report.acknowledged = std::exchange(came_, 0);
    least_ = 1e9;
    push(now + link_.delay_ms / 1000, [this, report](double at) mutable {
      report.rtt = time(at) - report.left.time_since_epoch();
      report.lost = std::exchange(lost_, 0);
      report.sent_by_now = sent_;
      control_.on_report(report, true, TimePoint(time(at)));
      last_ = report;
    });
  }

  static Duration time(double seconds) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
  }

  LinkOptions link_;
  RateControl control_;
  DeliveryReport last_;
  std::mt19937 random_{1};
  std::priority_queue<Event> events_;
  std::uint64_t order_ = 0;
  double free_ = 0;
  double end_ = 0;
  std::uint64_t late_sent_ = 0;
  std::uint64_t late_lost_ = 0;
  double tokens_ = 0;
  double filled_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t received_then_ = 0;
  std::uint64_t came_ = 0;
  std::uint64_t lost_ = 0;
  double least_ = 1e9;
  Packet newest_{-1, 0};
  double newest_came_ = 0;
  double reported_ = -1;
  std::vector<std::pair<double, double>> queues_;
  Figures figures_;
};

struct Case {
  const char* name;
  LinkOptions link;
  double least_used;
  double most_queue_ms;  ///< at the median: max(5 ms, a tenth of the RTT), and the jitter's part
};

class RateControlLinks : public testing::TestWithParam<Case> {};

TEST_P(RateControlLinks, FillsTheLinkWithAShortQueue) {
  const Figures figures = PathModel(GetParam().link).run(12);
  RecordProperty("used", std::to_string(figures.used));
  RecordProperty("q50", std::to_string(figures.queue_p50_ms));
  RecordProperty("q95", std::to_string(figures.queue_p95_ms));
  EXPECT_GE(figures.used, GetParam().least_used);
  EXPECT_LE(figures.used, 1.01);
  EXPECT_LE(figures.queue_p50_ms, GetParam().most_queue_ms);
  EXPECT_LE(figures.queue_p95_ms, 2.5 * GetParam().most_queue_ms);
}

INSTANTIATE_TEST_SUITE_P(Links, RateControlLinks,
                         testing::Values(Case{"Clean100", {100, 20, 20, 0, 1, 0, {}, {}}, 0.98, 5},
                                         Case{"Loss2At100", {100, 20, 20, 0.02, 1, 0, {}, {}}, 0.98, 5},
                                         Case{"Loss10At100", {100, 20, 20, 0.1, 1, 0, {}, {}}, 0.97, 6},
                                         Case{"Fast300", {300, 10, 60, 0, 1, 0, {}, {}}, 0.98, 5},
                                         Case{"Dsl50", {50, 10, 60, 0, 0, 0, {}, {}}, 0.98, 5},
                                         Case{"Dsl20", {20, 30, 60, 0, 1, 0, {}, {}}, 0.98, 7},
                                         Case{"Lte10", {10, 60, 60, 0, 1, 0, {}, {}}, 0.98, 13},
                                         Case{"Lte10Loss10", {10, 60, 60, 0.1, 1, 0, {}, {}}, 0.96, 15},
                                         Case{"Jitter20", {20, 20, 60, 0.02, 20, 0, {}, {}}, 0.97, 13},
                                         Case{"Slow2", {2, 20, 150, 0.02, 5, 0, {}, {}}, 0.96, 15},
                                         Case{"Satellite20", {20, 280, 100, 0, 2, 0, {}, {}}, 0.95, 60}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST(RateControl, FollowsARateThatFallsAndRises) {
  LinkOptions link{20, 20, 200, 0.02, 3, 0, {}, {}};
  link.rate_at = [](double now) { return now >= 5 && now < 10 ? 5.0 : 20.0; };
  const Figures figures = PathModel(link).run(15);
  // From a second after it fell, and from 1.5 s after it rose.
  EXPECT_GE(figures.least(60, 99), 4.0);
  EXPECT_GE(figures.mean(115, 145), 18.5);
}

// A policer drops what is above its rate, and makes no queue that would say so.
TEST(RateControl, DoesNotFloodAPolicer) {
  const Figures figures = PathModel({100, 20, 20, 0, 1, 20, {}, {}}).run(12);
  EXPECT_GE(figures.used * 5, 0.9);
  EXPECT_LE(figures.lost, 0.1);
}

TEST(RateControl, LossThatBeginsIsNoCongestion) {
  LinkOptions link{20, 20, 60, 0, 1, 0, {}, {}};
  link.loss_at = [](double now) { return now < 5 ? 0.0 : 0.15; };
  const Figures figures = PathModel(link).run(15);
  EXPECT_GE(figures.least(80, 150), 14);
  EXPECT_GE(figures.mean(80, 149), 19);
}

TEST(RateControl, NeverAboveItsCap) {
  const Figures figures = PathModel({20, 20, 60, 0.05, 1, 0, {}, {}}, 5 * 125'000.0).run(5);
  for (const double mbit_s : figures.mbit_s) EXPECT_LE(mbit_s, 5.2);
  EXPECT_GE(figures.used * 20, 4.4);
}

// The base is not forgotten: else each ten seconds would add a target to the queue.
TEST(RateControl, TheQueueStaysShortForMinutes) {
  const Figures figures = PathModel({20, 20, 400, 0, 1, 0, {}, {}}).run(120);
  EXPECT_GE(figures.used, 0.97);
  EXPECT_LE(figures.queue_p50_ms, 6);
  EXPECT_LE(figures.queue_p95_ms, 12);
}

// The path leads another way from a moment on, or a satellite hands over.
TEST(RateControl, ALongerWayIsNoQueue) {
  LinkOptions link{20, 20, 60, 0, 1, 0, {}, {}};
  link.more_ms_at = [](double now) { return now < 5 ? 0.0 : 40.0; };
  const Figures figures = PathModel(link).run(20);
  EXPECT_GE(figures.least(70, 199), 10);
  EXPECT_GE(figures.mean(70, 199), 18.5);
}

TEST(RateControl, BeginsWithAFewPackets) {
  const RateControl control;
  EXPECT_TRUE(control.is_beginning());
  EXPECT_GT(control.rate(), 100'000.0);
  EXPECT_LT(control.rate(), 300'000.0);
}

// An application that sends little says nothing of what the path could carry.
TEST(RateControl, WhatIsNotAskedForIsNotUnlearnt) {
  PathModel model({20, 20, 60, 0, 1, 0, {}, {}});
  model.run(6);
  RateControl control = model.control();
  const double known = control.capacity();
  DeliveryReport report = model.last();
  report.acknowledged = 200;
  report.lost = 0;
  report.least_delay = *control.base_delay();
  TimePoint now = report.left + report.rtt;
  for (int i = 0; i < 500; ++i) {
    now += 20ms;
    report.left += 20ms;
    report.arrived += 20ms;
    report.received += 200;
    report.sent += 200;
    control.on_report(report, false, now);
  }
  EXPECT_GE(control.capacity(), 0.9 * known);
  EXPECT_GE(control.rate(), 0.9 * known);
}

// Nothing that a peer says breaks it, and it goes on once the peer is true again.
TEST(RateControl, ReportsThatCanNotBeDoNoLastingHarm) {
  PathModel model({20, 20, 60, 0, 1, 0, {}, {}});
  model.run(6);
  RateControl control = model.control();
  const double known = control.capacity();
  DeliveryReport report = model.last();
  TimePoint now = report.left + report.rtt;
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    DeliveryReport wrong = report;
    const auto some = [&random] { return static_cast<std::int64_t>(random() >> (random() % 63)); };
    wrong.least_delay = Duration(some());
    wrong.arrived = Duration(some());
    wrong.received = random() >> (random() % 63);
    wrong.rtt = Duration(some() % 1'000'000'000);
    wrong.acknowledged = random() >> 40U;
    wrong.lost = random() >> 40U;
    now += 1ms;
    wrong.left += 1ms * i;
    wrong.sent += 1000U * static_cast<unsigned>(i);
    control.on_report(wrong, true, now);
    ASSERT_TRUE(control.rate() >= 1 && control.rate() <= 1e10) << i;
    ASSERT_TRUE(control.loss() >= 0 && control.loss() <= 0.5) << i;
    ASSERT_GE(control.queue(), Duration{}) << i;
  }
  now += 2s;
  report.left = now - 40ms;
  for (int i = 0; i < 1500; ++i) {
    now += 10ms;
    report.left += 10ms;
    report.arrived += 10ms;
    report.received += 25'000;
    report.sent += 25'000;
    report.acknowledged = 25'000;
    control.on_report(report, true, now);
  }
  EXPECT_GE(control.rate(), 0.3 * known);
  EXPECT_LE(control.rate(), 10 * known);
}

}  // namespace
}  // namespace mptunnel
