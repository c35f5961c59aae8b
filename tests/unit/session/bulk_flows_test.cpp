#include "mptunnel/session/bulk_flows.h"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "mptunnel/wire/limits.h"
#include "mptunnel/wire/order_limits.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::kStart;

constexpr FlowHandle kBulkFlow{1};

class BulkFlowsTest : public testing::Test {
 protected:
  /// Sends for `span`; returns how many datagrams were taken for bulk, of how many.
  std::pair<int, int> send(Duration each, std::size_t bytes, std::uint8_t dscp = 0, Duration span = 1s) {
    std::pair<int, int> result;
    for (const TimePoint end = now_ + span; now_ < end; now_ += each, ++result.second)
      result.first += bulk_.is_bulk(kBulkFlow, bytes, dscp, now_) ? 1 : 0;
    return result;
  }

  BulkFlows bulk_;
  TimePoint now_ = kStart;
};

TEST_F(BulkFlowsTest, ACallIsNone) {
  EXPECT_EQ(send(20ms, 160).first, 0);
  EXPECT_EQ(send(2ms, 200).first, 0) << "0.8 Mbit/s";
}

TEST_F(BulkFlowsTest, ADownloadIsOneAfterItsFirstDatagrams) {
  const auto [bulk, all] = send(1ms, 1400);
  EXPECT_GE(bulk, all - 9);
  EXPECT_LT(bulk, all);
}

TEST_F(BulkFlowsTest, WhatIsUrgentIsNone) {
  const std::array<std::uint8_t, 4> urgent{40, 46, 48, 56};
  for (const std::uint8_t dscp : urgent) EXPECT_EQ(send(1ms, 1400, dscp).first, 0) << int{dscp};
  EXPECT_GT(send(1ms, 1400, 34).first, 900) << "AF41";
}

TEST_F(BulkFlowsTest, ADownloadThatEndsIsNoneOnceNothingOfItCanWait) {
  send(1ms, 1400);
  EXPECT_EQ(send(50ms, 100, 0, 300ms).first, 6);
  now_ += kQueueLife;
  EXPECT_EQ(send(50ms, 100).first, 0);
}

TEST_F(BulkFlowsTest, WhatDoesNotFitIsBulk) {
  for (std::uint32_t i = 0; i < kOrderedFlows; ++i)
    EXPECT_FALSE(bulk_.is_bulk(FlowHandle{100 + i}, 10, 0, now_));
  EXPECT_TRUE(bulk_.is_bulk(FlowHandle{1}, 10, 0, now_));
  // Others that are silent go.
  now_ += 2s;
  EXPECT_FALSE(bulk_.is_bulk(FlowHandle{1}, 10, 0, now_));
}

}  // namespace
}  // namespace mptunnel
