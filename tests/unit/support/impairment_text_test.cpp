#include "support/bridge/impairment_text.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "support/bridge/options.h"

namespace mptunnel::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ImpairmentText, NameAloneSetsBothDirections) {
  ImpairmentPair pair;
  ASSERT_TRUE(apply_impairment(pair, "loss", "12.5", {}));
  EXPECT_EQ(pair.up.loss_percent, 12.5);
  EXPECT_EQ(pair.down.loss_percent, 12.5);
}

TEST(ImpairmentText, SuffixSetsOneDirection) {
  ImpairmentPair pair;
  ASSERT_TRUE(apply_impairment(pair, "delay-up", "1.5", {}));
  ASSERT_TRUE(apply_impairment(pair, "mtu-down", "1200", {}));
  EXPECT_EQ(pair.up.delay, std::chrono::microseconds(1500));
  EXPECT_EQ(pair.down.delay, Duration{0});
  EXPECT_EQ(pair.up.mtu_bytes, ImpairmentOptions{}.mtu_bytes);
  EXPECT_EQ(pair.down.mtu_bytes, 1200U);
}

TEST(ImpairmentText, EveryWordTakesAnExample) {
  for (const ImpairmentWord& word : impairment_words()) {
    ImpairmentPair pair;
    const std::string_view value = word.value.empty() ? "on" : word.name == "blackout" ? "1:2" : "7";
    EXPECT_TRUE(apply_impairment(pair, word.name, value, {})) << word.name;
    EXPECT_FALSE(apply_impairment(pair, word.name, "x", {})) << word.name;
    EXPECT_FALSE(apply_impairment(pair, word.name, "", {})) << word.name;
  }
}

TEST(ImpairmentText, BlackoutCountsFromNow) {
  ImpairmentPair pair;
  ASSERT_TRUE(apply_impairment(pair, "blackout-down", "0.5:2", seconds(10)));
  EXPECT_TRUE(pair.up.blackouts.empty());
  ASSERT_EQ(pair.down.blackouts.size(), 1U);
  EXPECT_EQ(pair.down.blackouts[0].begin, milliseconds(10500));
  EXPECT_EQ(pair.down.blackouts[0].end, milliseconds(12500));
}

TEST(ImpairmentText, BlackoutSwitches) {
  ImpairmentPair pair;
  ASSERT_TRUE(apply_impairment(pair, "blackout", "on", {}));
  EXPECT_TRUE(pair.up.blackout);
  ASSERT_TRUE(apply_impairment(pair, "blackout-up", "toggle", {}));
  EXPECT_FALSE(pair.up.blackout);
  EXPECT_TRUE(pair.down.blackout);
  ASSERT_TRUE(apply_impairment(pair, "blackout", "off", {}));
  EXPECT_FALSE(pair.down.blackout);
}

struct MistakeRow {
  const char* name;
  const char* word;
  const char* value;
  const char* part_of_error;
};

class ImpairmentMistakes : public testing::TestWithParam<MistakeRow> {};

TEST_P(ImpairmentMistakes, AreNamedAndChangeNothing) {
  ImpairmentPair pair;
  const auto result = apply_impairment(pair, GetParam().word, GetParam().value, {});
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().find(GetParam().part_of_error), std::string::npos) << result.error();
  EXPECT_EQ(pair.up.loss_percent, 0);
  EXPECT_TRUE(pair.up.blackouts.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Rows, ImpairmentMistakes,
    testing::Values(MistakeRow{"UnknownWord", "lose", "1", "'lose' is no impairment"},
                    MistakeRow{"UnknownDirection", "loss-left", "1", "'loss-left' is no impairment"},
                    MistakeRow{"BothDirections", "loss-up-down", "1", "is no impairment"},
                    MistakeRow{"TooMuch", "loss", "101", "0 to 100"},
                    MistakeRow{"Negative", "loss", "-1", "0 to 100"},
                    MistakeRow{"NotANumber", "loss", "nan", "'nan'"},
                    MistakeRow{"Unit", "delay", "5ms", "milliseconds"},
                    MistakeRow{"BlackoutWithoutLength", "blackout", "5", "START:LENGTH"},
                    MistakeRow{"BlackoutWithoutStart", "blackout", ":5", "START:LENGTH"}),
    [](const auto& row) { return row.param.name; });

ParsedBridgeOptions parse(std::vector<std::string> words) {
  words.insert(words.begin(), {"lossy_bridge", "127.0.0.1:0", "127.0.0.1:9"});
  std::vector<char*> argv;
  argv.reserve(words.size());
  for (std::string& word : words) argv.push_back(word.data());
  return parse_bridge_options(static_cast<int>(argv.size()), argv.data());
}

TEST(BridgeOptions, DirectionOverridesBothWhateverTheOrder) {
  const auto parsed = parse({"--loss-up", "5", "--loss", "20", "--keep-order-down", "--seed", "9"});
  ASSERT_TRUE(parsed.options);
  EXPECT_EQ(parsed.options->impairments.up.loss_percent, 5);
  EXPECT_EQ(parsed.options->impairments.down.loss_percent, 20);
  EXPECT_FALSE(parsed.options->impairments.up.keep_order);
  EXPECT_TRUE(parsed.options->impairments.down.keep_order);
  EXPECT_EQ(parsed.options->seed, 9U);
}

TEST(BridgeOptions, RepeatsBlackoutsAndRebinds) {
  const auto parsed =
      parse({"--blackout", "1:2", "--blackout", "5:1", "--rebind-at", "3", "--rebind-at", "4"});
  ASSERT_TRUE(parsed.options);
  EXPECT_EQ(parsed.options->impairments.up.blackouts.size(), 2U);
  EXPECT_EQ(parsed.options->impairments.down.blackouts.size(), 2U);
  EXPECT_EQ(parsed.options->rebind_at, (std::vector<double>{3, 4}));
}

TEST(BridgeOptions, MistakesGiveTheUsageCode) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--loss", "101"},
                                                {"--burst-loss", "90"},
                                                {"--inject-mode", "x"},
                                                {"--nonsense"}}) {
    testing::internal::CaptureStderr();
    const auto parsed = parse(words);
    EXPECT_FALSE(testing::internal::GetCapturedStderr().empty()) << words[0];
    EXPECT_FALSE(parsed.options) << words[0];
    EXPECT_EQ(parsed.exit_code, 2) << words[0];
  }
}

}  // namespace
}  // namespace mptunnel::test
