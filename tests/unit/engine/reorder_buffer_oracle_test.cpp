// ReorderBuffer against a plain oracle, under random loss, delay and silence.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <vector>

#include "mptunnel/engine/link/reorder_buffer.h"
#include "mptunnel/wire/order_limits.h"
#include "some_values.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::kMost;

struct Datagram {
  FlowHandle flow;
  std::uint64_t number = 0;  ///< never goes round
  TimePoint arrival;
};

/// One flow as it should be: sets of numbers, looked through from the first to the last.
struct OracleFlow {
  std::map<std::uint64_t, TimePoint> missing;  ///< until when they are waited for
  std::set<std::uint64_t> held;
  std::optional<std::uint64_t> highest;

  /// What leaves when this one comes, or time passes.
  std::vector<std::uint64_t> come(std::uint64_t number, Duration hold, TimePoint now) {
    if (highest) {
      for (std::uint64_t gap = *highest + 1; gap < number; ++gap) missing[gap] = now + hold;
    }
    highest = std::max(highest.value_or(0), number);
    missing.erase(number);
    held.insert(number);
    return pass(now);
  }
  /// When something leaves next; kNever if nothing waits.
  [[nodiscard]] TimePoint due(TimePoint now) const {
    if (held.empty()) return kNever;
    const auto first =
        std::find_if(missing.begin(), missing.end(), [&](const auto& one) { return one.second > now; });
    return first->second;
  }
  std::vector<std::uint64_t> pass(TimePoint now) {
    const auto first =
        std::find_if(missing.begin(), missing.end(), [&](const auto& one) { return one.second > now; });
    const auto end = first == missing.end() ? held.end() : held.lower_bound(first->first);
    std::vector<std::uint64_t> leaving(held.begin(), end);
    held.erase(held.begin(), end);
    return leaving;
  }
};

struct Network {
  unsigned loss_percent = 0;
  Duration interval = 1ms;  ///< between datagrams of a flow
  Duration jitter = 0ms;
  unsigned late_percent = 0;  ///< come 30 ms later still
  bool has_pauses = false;
};

class Comparison {
 public:
  Comparison(const Network& network, std::uint64_t seed) : random_(seed) {
    for (std::uint32_t flow = 1; flow <= 4; ++flow) make_flow(FlowHandle{flow}, network);
    std::stable_sort(all_.begin(), all_.end(),
                     [](const Datagram& a, const Datagram& b) { return a.arrival < b.arrival; });
  }

  void run() {
    TimePoint tick = kStart;
    for (const Datagram& datagram : all_) {
      while (std::min(buffer_.deadline(), tick) <= datagram.arrival) {
        const TimePoint now = std::min(buffer_.deadline(), tick);
        if (now >= buffer_.deadline()) release(now);
        if (now < tick) continue;
        buffer_.expire(now);
        tick = now + 200ms;
      }
      come(datagram);
      if (testing::Test::HasFailure()) return;
    }
    while (buffer_.deadline() != kNever) release(buffer_.deadline());
    buffer_.expire(all_.back().arrival + 1h);
    for (const auto& [flow, oracle] : flows_) EXPECT_TRUE(oracle.held.empty());
    EXPECT_EQ(buffer_.bytes(), 0U);
    EXPECT_EQ(budget_.bytes(), 0U);
    EXPECT_EQ(delivered_, all_.size()) << "each once";
    const OrderCounts& counts = buffer_.counts();
    EXPECT_EQ(counts.filled + counts.repaired + counts.late + counts.lost + counts.overflow, gaps_);
    EXPECT_EQ(counts.overflow, 0U);
  }
  [[nodiscard]] const OrderCounts& counts() const { return buffer_.counts(); }
  [[nodiscard]] std::uint64_t out_of_order() const { return out_of_order_; }

 private:
  static constexpr TimePoint kStart{100s};

  void make_flow(FlowHandle flow, const Network& network) {
    TimePoint now = kStart;
    // The numbers of the packets soon go round.
    const std::uint64_t first = 65'536 - random_.below(300);
    for (std::uint64_t number = first; number < first + 3000; ++number) {
      now += network.interval;
      if (network.has_pauses && random_.below(500) == 0)
        now += std::chrono::milliseconds(random_.below(1500));
      Duration delay = 10ms;
      if (network.jitter > 0ms)
        delay += std::chrono::nanoseconds(random_.below(static_cast<std::uint32_t>(network.jitter.count())));
      if (random_.below(100) < network.late_percent) delay += 30ms;
      // The first comes first, so that nothing is in front of it.
      if (number == first) delay = 0ms;
      if (number != first && random_.below(100) < network.loss_percent) continue;
      all_.push_back({flow, number, now + delay});
    }
  }

  void come(const Datagram& datagram) {
    OracleFlow& oracle = flows_[datagram.flow];
    if (oracle.highest && datagram.number > *oracle.highest) gaps_ += datagram.number - *oracle.highest - 1;
    const auto wanted = oracle.come(datagram.number, buffer_.hold_time(), datagram.arrival);
    arrived_[{datagram.flow, datagram.number}] = datagram.arrival;
    std::vector<std::uint8_t> payload(8);
    std::memcpy(payload.data(), &datagram.number, 8);
    buffer_.on_datagram({datagram.flow, static_cast<std::uint16_t>(datagram.number), payload, false}, out_,
                        datagram.arrival);
    compare(datagram.flow, wanted, datagram.arrival);
    EXPECT_TRUE(out_.pieces.empty()) << "of another flow";
    for (const auto& [flow, one] : flows_) EXPECT_LE(buffer_.deadline(), one.due(datagram.arrival));
  }
  void release(TimePoint now) {
    buffer_.release_due(out_, now);
    EXPECT_GT(buffer_.deadline(), now);
    const Output out = std::exchange(out_, {});
    for (auto& [flow, oracle] : flows_) {
      for (const Delivery& delivery : out.deliveries) {
        if (delivery.flow != flow) continue;
        for (const ConstBytes piece : out.pieces_of(delivery)) out_.deliver(flow, piece);
      }
      compare(flow, oracle.pass(now), now);
    }
  }
  /// What was delivered is this, in this order.
  void compare(FlowHandle flow, const std::vector<std::uint64_t>& wanted, TimePoint now) {
    std::vector<std::uint64_t> got;
    for (const ConstBytes piece : out_.pieces) {
      std::uint64_t number = 0;
      std::memcpy(&number, piece.data(), 8);
      got.push_back(number);
      const auto arrived = arrived_.find({flow, number});
      ASSERT_NE(arrived, arrived_.end()) << "delivered twice, or never sent: " << number;
      EXPECT_LE(now - arrived->second, kMost);
      arrived_.erase(arrived);
      ++delivered_;
      std::uint64_t& last = last_[flow];
      if (number < last) ++out_of_order_;
      last = std::max(last, number);
    }
    EXPECT_EQ(got, wanted);
    out_.clear();
  }

  test::TestRandom random_;
  OrderBudget budget_;
  ReorderBuffer buffer_{{OrderSettings::Mode::always, kMost}, budget_};
  Output out_;
  std::vector<Datagram> all_;
  std::map<FlowHandle, OracleFlow> flows_;
  std::map<std::pair<FlowHandle, std::uint64_t>, TimePoint> arrived_;  ///< and not delivered
  std::map<FlowHandle, std::uint64_t> last_;
  std::uint64_t delivered_ = 0;
  std::uint64_t gaps_ = 0;
  std::uint64_t out_of_order_ = 0;
};

TEST(ReorderBufferOracle, WhatAllComesInTimeIsInOrder) {
  // The jitter never has more than the shortest hold time learned from it.
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    SCOPED_TRACE(seed);
    Comparison comparison({.interval = 1ms, .jitter = 8ms}, seed);
    comparison.run();
    EXPECT_GT(comparison.counts().held, 1000U);
    EXPECT_EQ(comparison.counts().lost, 0U);
    // Those that a learned hold time leaves out are one in 32.
    EXPECT_LE(comparison.out_of_order(), comparison.counts().late);
    EXPECT_LE(comparison.counts().late, comparison.counts().filled / 10);
  }
}

TEST(ReorderBufferOracle, AgreesUnderLossAndJitter) {
  for (std::uint64_t seed = 100; seed < 130; ++seed) {
    SCOPED_TRACE(seed);
    Comparison comparison({.loss_percent = static_cast<unsigned>(seed % 5),
                           .jitter = std::chrono::microseconds(1 + seed % 7 * 3000)},
                          seed);
    comparison.run();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(ReorderBufferOracle, AgreesWhereMuchComesTooLate) {
  for (std::uint64_t seed = 200; seed < 230; ++seed) {
    SCOPED_TRACE(seed);
    Comparison comparison({.loss_percent = static_cast<unsigned>(seed % 3),
                           .jitter = 4ms,
                           .late_percent = 1 + static_cast<unsigned>(seed % 5)},
                          seed);
    comparison.run();
    EXPECT_GT(comparison.counts().late, 0U);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(ReorderBufferOracle, AgreesOverPausesAndAtLowRates) {
  for (std::uint64_t seed = 300; seed < 320; ++seed) {
    SCOPED_TRACE(seed);
    Comparison comparison(
        {.loss_percent = 5, .interval = seed % 2 == 0 ? 7ms : 300us, .jitter = 5ms, .has_pauses = true},
        seed);
    comparison.run();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace mptunnel
