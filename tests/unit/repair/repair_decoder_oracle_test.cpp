// RepairDecoder against plain elimination: it recovers a symbol exactly when what has arrived determines it.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "mptunnel/repair/repair_decoder.h"
#include "plain_elimination.h"
#include "repair_support.h"

namespace mptunnel {
namespace {

using test::ByteRow;
using test::kRepairStart;
using test::make_repair;
using test::OwnedRepair;
using test::PlainElimination;
using test::some_bytes;

struct Arrival {
  double at = 0;
  bool is_repair = false;
  std::size_t index = 0;
};

struct Scenario {
  std::size_t symbols = 0;
  double loss = 0;         ///< of source symbols
  double repair_loss = 0;  ///< of repair symbols
  std::size_t period = 1;  ///< source symbols for each repair symbol
  std::size_t window = 1;
  double disorder = 0;  ///< how many places an arrival may be late
  double copies = 0;    ///< share that arrives twice
  std::size_t most_bytes = 0;
};

/// A stream, its repair symbols, and what arrives of them in which order.
class Stream {
 public:
  Stream(const Scenario& scenario, std::mt19937_64& engine) : scenario_(scenario), engine_(engine) {
    RepairEncoder encoder;
    for (std::size_t number = 0; number < scenario.symbols; ++number) {
      symbols.push_back(some_bytes(engine() % (scenario.most_bytes + 1), engine()));
      encoder.add(number, symbols.back(), kRepairStart);
      if (!chance(scenario.loss)) arrive({double(number), false, number});
      if ((number + 1) % scenario.period != 0) continue;
      const auto window = encoder.newest(1 + engine() % scenario.window, kRepairStart);
      repairs.push_back(
          make_repair(encoder, window.first, window.count, static_cast<std::uint16_t>(engine())));
      EXPECT_EQ(repairs.back().coded.size(), window.coded_bytes);
      if (!chance(scenario.repair_loss)) arrive({double(number) + 0.5, true, repairs.size() - 1});
    }
    std::sort(arrivals.begin(), arrivals.end(),
              [](const Arrival& left, const Arrival& right) { return left.at < right.at; });
  }

  std::vector<ByteRow> symbols;
  std::vector<OwnedRepair> repairs;
  std::vector<Arrival> arrivals;

 private:
  bool chance(double probability) { return std::bernoulli_distribution(probability)(engine_); }
  void arrive(Arrival arrival) {
    arrival.at += std::uniform_real_distribution<>(0, scenario_.disorder + 0.001)(engine_);
    arrivals.push_back(arrival);
    if (chance(scenario_.copies)) {
      arrival.at += std::uniform_real_distribution<>(0, scenario_.disorder + 0.001)(engine_);
      arrivals.push_back(arrival);
    }
  }

  Scenario scenario_;
  std::mt19937_64& engine_;
};

/// Feeds a stream, and compares after each arrival. `missing` are all that did not come yet.
std::size_t compare(const Stream& stream) {
  const PlainElimination plain;
  RepairDecoder decoder;
  std::set<std::uint64_t> missing;
  for (std::uint64_t number = 0; number < stream.symbols.size(); ++number) missing.insert(number);
  std::vector<OwnedRepair> came;
  std::set<std::uint64_t> recovered;
  std::set<std::uint64_t> determined;
  for (const Arrival& arrival : stream.arrivals) {
    if (arrival.is_repair) {
      came.push_back(stream.repairs[arrival.index]);
      decoder.on_repair(came.back().view(), kRepairStart);
    } else {
      decoder.on_source(arrival.index, stream.symbols[arrival.index], kRepairStart);
      missing.erase(arrival.index);
    }
    for (const auto& symbol : decoder.recovered()) {
      EXPECT_TRUE(missing.contains(symbol.number)) << "had come: " << symbol.number;
      EXPECT_TRUE(recovered.insert(symbol.number).second) << "twice: " << symbol.number;
      const ByteRow& original = stream.symbols.at(symbol.number);
      EXPECT_TRUE(std::equal(symbol.bytes.begin(), symbol.bytes.end(), original.begin(), original.end()))
          << symbol.number;
    }
    // What was determined stays so; what came after it was recovered is not missing any more.
    for (const std::uint64_t number : plain.determined(missing, came)) determined.insert(number);
    if (determined != recovered) {
      ADD_FAILURE() << determined.size() << " are determined, " << recovered.size() << " were recovered";
      return 0;
    }
  }
  EXPECT_EQ(decoder.counts()[RepairVerdict::contradiction], 0U);
  EXPECT_EQ(decoder.counts()[RepairVerdict::malformed], 0U);
  EXPECT_EQ(decoder.counts()[RepairVerdict::late], 0U);
  EXPECT_EQ(decoder.counts().dropped, 0U);
  EXPECT_EQ(decoder.counts().recovered, recovered.size());
  return recovered.size();
}

struct OracleRow {
  const char* name;
  Scenario scenario;
};
class RepairDecoderOracle : public testing::TestWithParam<OracleRow> {};

TEST_P(RepairDecoderOracle, RecoversExactlyWhatIsDetermined) {
  std::size_t recovered = 0;
  for (std::uint64_t seed = 0; seed < 150 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 engine(seed);
    recovered += compare(Stream(GetParam().scenario, engine));
  }
  EXPECT_GT(recovered, 50U);
}

INSTANTIATE_TEST_SUITE_P(Streams, RepairDecoderOracle,
                         testing::Values(OracleRow{"FewLosses", {60, 0.05, 0.05, 5, 20, 0, 0, 40}},
                                         OracleRow{"ManyLosses", {60, 0.4, 0.3, 2, 20, 0, 0, 40}},
                                         OracleRow{"AllButRepairs", {30, 0.95, 0, 1, 30, 0, 0, 10}},
                                         OracleRow{"RepairsOvertake", {60, 0.1, 0.1, 3, 16, 12, 0, 40}},
                                         OracleRow{"Copies", {60, 0.1, 0.1, 3, 16, 12, 0.5, 40}},
                                         OracleRow{"TwoForEach", {40, 0.3, 0.3, 1, 3, 2, 0.1, 200}},
                                         OracleRow{"EmptySymbols", {60, 0.2, 0.1, 3, 16, 3, 0.1, 0}},
                                         OracleRow{"SizesOfOneByte", {60, 0.2, 0.1, 3, 16, 3, 0.1, 1}},
                                         OracleRow{"LargeSymbols",
                                                   {16, 0.2, 0.1, 2, 8, 3, 0, kMaxSymbolBytes}}),
                         [](const auto& row) { return std::string(row.param.name); });

/// Bursts, restarts, long pauses, small limits: much is given up, and what comes out is still true, and once.
TEST(RepairDecoderProperty, WhateverIsGivenUpTheRestIsTrueAndComesOnce) {
  for (std::uint64_t seed = 0; seed < 60 && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 engine(seed);
    const DecoderLimits limits{64, kMaxSymbolBytes, 40ms, 255, 1 + engine() % 8, kMaxCodedBytes * 2};
    RepairDecoder decoder(limits);
    RepairEncoder encoder;
    std::map<std::uint64_t, ByteRow> symbols;
    std::set<std::uint64_t> out;
    TimePoint now = kRepairStart;
    std::uint64_t next = 0;
    std::vector<OwnedRepair> held;
    for (int i = 0; i < 3000; ++i) {
      now += std::chrono::microseconds(engine() % 300);
      if (engine() % 300 == 0) now += 50ms;
      if (engine() % 500 == 0) {
        encoder.restart();
        decoder.restart();
        symbols.clear();
        out.clear();
        held.clear();
        next = 0;
      }
      const std::uint64_t number = next++;
      symbols[number] = some_bytes(engine() % 50 == 0 ? engine() % 3000 : engine() % 60, engine());
      encoder.add(number, symbols[number], now);
      const auto check = [&] {
        for (const auto& symbol : decoder.recovered()) {
          ASSERT_TRUE(out.insert(symbol.number).second) << symbol.number;
          const ByteRow& original = symbols.at(symbol.number);
          ASSERT_TRUE(std::equal(symbol.bytes.begin(), symbol.bytes.end(), original.begin(), original.end()));
        }
        ASSERT_LE(decoder.symbols(), 64U);
        ASSERT_LE(decoder.equations(), limits.equations);
        ASSERT_LE(decoder.unknowns(), limits.unknowns);
      };
      if (engine() % 10 < 7) {
        decoder.on_source(number, symbols[number], now);
        out.insert(number);
        check();
      }
      if (engine() % 3 != 0) continue;
      const auto window = encoder.newest(1 + engine() % 40, now);
      held.push_back(make_repair(encoder, window.first, window.count, static_cast<std::uint16_t>(engine())));
      while (!held.empty() && engine() % 4 != 0) {
        const std::size_t which = engine() % held.size();
        decoder.on_repair(held[which].view(), now);
        check();
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
      }
    }
    EXPECT_EQ(decoder.counts()[RepairVerdict::contradiction], 0U);
    EXPECT_EQ(decoder.counts()[RepairVerdict::malformed], 0U);
    EXPECT_GT(decoder.counts().recovered, 50U);
    EXPECT_GT(decoder.counts().given_up, 0U);
  }
}

}  // namespace
}  // namespace mptunnel
