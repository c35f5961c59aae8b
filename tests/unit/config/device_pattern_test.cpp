#include "mptunnel/config/device_pattern.h"

#include <gtest/gtest.h>

namespace mptunnel {
namespace {

struct MatchRow {
  std::string_view pattern;
  std::string_view name;
  bool matches;
};

TEST(DevicePattern, StandsForWholeNames) {
  const MatchRow rows[] = {{"eth0", "eth0", true},     {"eth0", "eth00", false},
                           {"eth0", "eth", false},     {"", "", true},
                           {"", "a", false},           {"*", "", true},
                           {"*", "wlan0", true},       {"?", "", false},
                           {"?", "a", true},           {"?", "ab", false},
                           {"wlan*", "wlan", true},    {"wlan*", "wlan12", true},
                           {"wlan*", "xwlan1", false}, {"*0", "eth0", true},
                           {"*0", "eth01", false},     {"*0", "e0h0", true},
                           {"e*h*0", "eth0", true},    {"e*h*0", "eh00", true},
                           {"e*h*0", "e0", false},     {"usb?", "usb10", false},
                           {"**a**", "bab", true},     {"*?", "", false},
                           {"*?", "x", true},          {"?*?", "x", false},
                           {"a*b?c", "aXXbYc", true},  {"a*b?c", "abbcbYc", true},
                           {"[ab]", "a", false},       {"[ab]", "[ab]", true},
                           {"\\*", "*", false},        {"ETH0", "eth0", false}};
  for (const MatchRow& row : rows)
    EXPECT_EQ(matches_pattern(row.pattern, row.name), row.matches) << row.pattern << " " << row.name;
}

TEST(DevicePattern, ManyStarsTakeNoTime) {
  // Backtracking to every star would take longer than the universe lasts.
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "*a";
  EXPECT_FALSE(matches_pattern(pattern + "b", std::string(2000, 'a')));
  EXPECT_TRUE(matches_pattern(pattern, std::string(2000, 'a')));
}

TEST(DevicePattern, TakesWhatAnInterfaceCanBeCalled) {
  for (const std::string_view word : {"eth0", "*", "?", "wlan*", "..*", "*.*", "e*h*?", "123456789012345*"})
    EXPECT_EQ(parse_device_pattern(word), std::string(word));
  for (const std::string_view word : {"a/*", "a:*", "a *", "\x01*", "1234567890123456*"}) {
    const auto pattern = parse_device_pattern(word);
    ASSERT_FALSE(pattern) << word;
    EXPECT_NE(pattern.error().find("can't be the name of any network interface"), std::string::npos);
  }
  EXPECT_TRUE(parse_device_pattern(std::string(31, '*')));
  EXPECT_FALSE(parse_device_pattern(std::string(32, '*')));
  for (const std::string_view word : {"", ".", "..", "a/b", "1234567890123456"}) {
    const auto pattern = parse_device_pattern(word);
    ASSERT_FALSE(pattern) << word;
    EXPECT_NE(pattern.error().find("is not the name of a network interface"), std::string::npos);
  }
}

TEST(DevicePattern, SplitsAtCommas) {
  EXPECT_EQ(parse_device_patterns("a"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(parse_device_patterns("a,b*"), (std::vector<std::string>{"a", "b*"}));
  for (const std::string_view word : {"", ",", "a,", ",a", "a,,b"})
    EXPECT_FALSE(parse_device_patterns(word)) << word;
  std::string many = "x0";
  for (int i = 1; i < 16; ++i) many += ",x" + std::to_string(i);
  ASSERT_TRUE(parse_device_patterns(many));
  EXPECT_EQ(parse_device_patterns(many)->size(), kMaxDevicePatterns);
  EXPECT_FALSE(parse_device_patterns(many + ",y"));
}

}  // namespace
}  // namespace mptunnel
