#include "support/probe/arrivals.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "plain_values.h"
#include "support/common/prng.h"

namespace mptunnel::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = ArrivalLog::Kind;

std::vector<std::uint8_t> packet(std::uint32_t run, std::uint16_t flow, std::uint32_t number,
                                 int sent_ms = 0) {
  std::vector<std::uint8_t> bytes(64);
  encode_probe({.run = run, .flow = flow, .number = number, .sent = at(sent_ms)}, bytes);
  return bytes;
}

TEST(FlowArrivals, AgreesWithASet) {
  Prng random(1);
  FlowArrivals arrivals;
  std::set<std::uint32_t> oracle;
  std::uint64_t duplicates = 0;
  std::uint64_t reordered = 0;
  for (int i = 0; i < 3000; ++i) {
    const auto number = static_cast<std::uint32_t>(random.below(2000));
    const bool late = !oracle.empty() && number < *oracle.rbegin();
    const bool fresh = oracle.insert(number).second;
    if (!fresh) ++duplicates;
    if (fresh && late) ++reordered;
    ASSERT_EQ(arrivals.insert(number), fresh);
  }
  EXPECT_EQ(arrivals.unique(), oracle.size());
  EXPECT_EQ(arrivals.duplicates(), duplicates);
  EXPECT_EQ(arrivals.reordered(), reordered);
  EXPECT_EQ(arrivals.end(), *oracle.rbegin() + 1U);
  for (const std::uint32_t limit : {0U, 1U, 63U, 64U, 65U, 1000U, 1999U, 2000U, 5000U}) {
    const auto expected =
        static_cast<std::uint64_t>(std::distance(oracle.begin(), oracle.lower_bound(limit)));
    EXPECT_EQ(arrivals.count_below(limit), expected) << limit;
  }
}

TEST(GapTracker, FindsTheLongestGapAndItsBegin) {
  GapTracker gaps;
  gaps.begin(at(0));
  for (const int ms : {10, 20, 120, 130, 180}) gaps.arrive(at(ms));
  EXPECT_EQ(gaps.longest(at(180)).length, milliseconds(100));
  EXPECT_EQ(gaps.longest(at(180)).begin, at(20));
}

TEST(GapTracker, CountsSilenceBeforeTheFirstAndAfterTheLast) {
  GapTracker gaps;
  gaps.begin(at(0));
  gaps.arrive(at(50));
  EXPECT_EQ(gaps.longest(at(60)).length, milliseconds(50));
  EXPECT_EQ(gaps.longest(at(60)).begin, at(0));
  EXPECT_EQ(gaps.longest(at(150)).length, milliseconds(100));
  EXPECT_EQ(gaps.longest(at(150)).begin, at(50));
}

TEST(GapTracker, HasNoneBeforeItBegins) {
  GapTracker gaps;
  EXPECT_EQ(gaps.longest(at(1000)).length, Duration{0});
  gaps.arrive(at(1000));
  EXPECT_EQ(gaps.longest(at(1000)).length, Duration{0});
}

TEST(ArrivalLog, TellsTheKindsApart) {
  ArrivalLog log;
  const FlowKey own{.run = 1, .flow = 2};
  EXPECT_EQ(log.record(packet(1, 2, 0), own, at(1)).kind, Kind::fresh);
  EXPECT_EQ(log.record(packet(1, 2, 0), own, at(1)).kind, Kind::duplicate);
  EXPECT_EQ(log.record(packet(9, 2, 1), own, at(1)).kind, Kind::foreign);
  EXPECT_EQ(log.record(packet(1, 3, 1), own, at(1)).kind, Kind::foreign);
  EXPECT_EQ(log.record({}, own, at(1)).kind, Kind::too_short);
  auto broken = packet(1, 2, 1);
  broken.back() ^= 1U;
  EXPECT_EQ(log.record(broken, own, at(1)).kind, Kind::corrupted);
  const auto json = log.to_json(at(0), at(1));
  EXPECT_EQ(json["received"], 6);
  EXPECT_EQ(json["unique"], 1);
  EXPECT_EQ(json["duplicates"], 1);
  EXPECT_EQ(json["foreign"], 2);
  EXPECT_EQ(json["short_received"], 1);
  EXPECT_EQ(json["corrupted"], 1);
  EXPECT_EQ(json["received_bytes"], 5 * 64);
}

TEST(ArrivalLog, KeepsRunsAndFlowsApartWhereAllAreWelcome) {
  ArrivalLog log;
  for (std::uint32_t run = 0; run < 3; ++run) {
    for (std::uint16_t flow = 0; flow < 3; ++flow) {
      EXPECT_EQ(log.record(packet(run, flow, 0), std::nullopt, at(0)).kind, Kind::fresh);
      EXPECT_EQ(log.record(packet(run, flow, 5), std::nullopt, at(0)).kind, Kind::fresh);
    }
  }
  EXPECT_EQ(log.flow_count(), 9U);
  EXPECT_EQ(log.missing(), 9U * 4U);
  EXPECT_EQ(log.flows_to_json().size(), 9U);
  EXPECT_EQ(log.flows_to_json()[4]["run"], 1);
  EXPECT_EQ(log.flows_to_json()[4]["missing"], 4);
  ASSERT_NE(log.flow({.run = 2, .flow = 2}), nullptr);
  EXPECT_EQ(log.flow({.run = 2, .flow = 3}), nullptr);
}

TEST(ArrivalLog, MeasuresLatencyOfFreshOnesAlone) {
  ArrivalLog log;
  log.record(packet(1, 0, 0, 100), std::nullopt, at(103));
  log.record(packet(1, 0, 0, 100), std::nullopt, at(900));
  log.record(packet(1, 0, 1, 200), std::nullopt, at(205));
  const auto json = log.to_json(at(100), at(205));
  EXPECT_EQ(json["latency_ms"]["min"], 3.0);
  EXPECT_EQ(json["latency_ms"]["max"], 5.0);
  EXPECT_EQ(json["longest_gap_ms"], 102.0);
  EXPECT_EQ(json["longest_gap_start_ms"], 3.0);
}

TEST(ArrivalLog, BoundsItsFlowsAndItsNumbers) {
  ArrivalLog log;
  EXPECT_EQ(log.record(packet(1, 0, 1U << 31U), std::nullopt, at(0)).kind, Kind::untracked);
  EXPECT_EQ(log.record(packet(1, 1, 1000), std::nullopt, at(0)).kind, Kind::fresh);
  for (std::uint32_t i = 2; i < ArrivalLog::kMaxFlows + 10; ++i) {
    log.record(packet(2 + (i >> 16U), static_cast<std::uint16_t>(i), 0), std::nullopt, at(0));
  }
  EXPECT_EQ(log.flow_count(), ArrivalLog::kMaxFlows);
  EXPECT_EQ(log.of(Kind::untracked), 1U + 10U);
}

}  // namespace
}  // namespace mptunnel::test
