#include <gtest/gtest.h>

#include "mptunnel/config/value.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

TEST(Quantity, NumbersAreDigitsWithinTheirRange) {
  EXPECT_EQ(parse_number("3", 3, 32), 3U);
  EXPECT_EQ(parse_number("032", 3, 32), 32U);
  for (const std::string_view word : {"2", "33", "4294967296", "99999999999999999999999"})
    EXPECT_EQ(parse_number(word, 3, 32).error(),
              "'" + std::string(word) + "' is out of range: write a number from 3 to 32");
  for (const std::string_view word : {"", "-3", "+3", "3.0", "three", "3s"})
    EXPECT_EQ(parse_number(word, 3, 32).error(),
              "'" + std::string(word) + "' is not a number: write one from 3 to 32");
}

TEST(Quantity, DurationsAreSecondsOrHaveAUnit) {
  EXPECT_EQ(parse_duration("90", 1s, 24h), 90s);
  EXPECT_EQ(parse_duration("90s", 1s, 24h), 90s);
  EXPECT_EQ(parse_duration("5m", 1s, 24h), 5min);
  EXPECT_EQ(parse_duration("24h", 1s, 24h), 24h);
  EXPECT_EQ(parse_duration("1", 1s, 24h), 1s);
  for (const std::string_view word : {"0", "0h", "25h", "1441m", "86401", "4294967295h", "4294967296h"})
    EXPECT_EQ(parse_duration(word, 1s, 24h).error(),
              "'" + std::string(word) + "' is out of range: write a duration from 1s to 24h");
  for (const std::string_view word : {"", "s", "1d", "5M", "1.5m", "-1", "1hm", "5 m"})
    EXPECT_EQ(parse_duration(word, 1s, 24h).error(),
              "'" + std::string(word) +
                  "' is not a duration: write a number of seconds, or a number with s, m or h behind it");
}

TEST(Quantity, RatesHaveAUnitOfBits) {
  EXPECT_EQ(parse_rate("1kbit", 1000, 1'000'000'000'000), 1000U);
  EXPECT_EQ(parse_rate("500KBIT", 1000, 1'000'000'000'000), 500'000U);
  EXPECT_EQ(parse_rate("10Mbit", 1000, 1'000'000'000'000), 10'000'000U);
  EXPECT_EQ(parse_rate("1000gbit", 1000, 1'000'000'000'000), 1'000'000'000'000U);
  for (const std::string_view word :
       {"0kbit", "0Gbit", "1001Gbit", "1000001Mbit", "4294967295Gbit", "99999999999kbit"})
    EXPECT_EQ(parse_rate(word, 1000, 1'000'000'000'000).error(),
              "'" + std::string(word) + "' is out of range: write a rate from 1kbit to 1000Gbit");
  for (const std::string_view word :
       {"", "10", "kbit", "10 Mbit", "1.5Mbit", "-1kbit", "10Mbps", "10M", "10bit"})
    EXPECT_EQ(parse_rate(word, 1000, 1'000'000'000'000).error(),
              "'" + std::string(word) +
                  "' is not a rate: write a number with kbit, Mbit or Gbit behind it, like 10Mbit");
}

TEST(Quantity, RatesAreWrittenInTheirLargestWholeUnit) {
  EXPECT_EQ(rate_text(1'000'000'000), "1Gbit");
  EXPECT_EQ(rate_text(1'500'000'000), "1500Mbit");
  EXPECT_EQ(rate_text(1500), "1500bit");
}

TEST(Quantity, DurationsAreWrittenInTheirLargestWholeUnit) {
  EXPECT_EQ(duration_text(0s), "0s");
  EXPECT_EQ(duration_text(59s), "59s");
  EXPECT_EQ(duration_text(60s), "1m");
  EXPECT_EQ(duration_text(90s), "90s");
  EXPECT_EQ(duration_text(90min), "90m");
  EXPECT_EQ(duration_text(24h), "24h");
}

TEST(Milliseconds, AreAWholeNumberWithTheirUnit) {
  EXPECT_EQ(parse_milliseconds("2ms", 2ms, 1000ms), 2ms);
  EXPECT_EQ(parse_milliseconds("1000ms", 2ms, 1000ms), 1000ms);
  for (const char* word : {"", "20", "ms", "2.5ms", "-2ms", "20 ms", "20s", "0x10ms"}) {
    EXPECT_EQ(parse_milliseconds(word, 2ms, 1000ms).error(),
              "'" + std::string(word) + "' is not a time: write a number of milliseconds, like 20ms");
  }
  for (const char* word : {"1ms", "1001ms", "99999999999999999999ms"}) {
    EXPECT_EQ(parse_milliseconds(word, 2ms, 1000ms).error(),
              "'" + std::string(word) + "' is out of range: write a time from 2ms to 1000ms");
  }
}

TEST(Percent, IsADecimalNumberWithItsSign) {
  EXPECT_DOUBLE_EQ(*parse_percent("5%", 0.001, 3), 0.05);
  EXPECT_DOUBLE_EQ(*parse_percent("0.5%", 0.001, 3), 0.005);
  EXPECT_DOUBLE_EQ(*parse_percent("300%", 0.001, 3), 3);
  for (const char* word : {"", "5", "%", "5 %", "nan%", "inf%", "0x5%", "5%%", "+5%", "five%"}) {
    EXPECT_EQ(parse_percent(word, 0.001, 3).error(),
              "'" + std::string(word) + "' is not a share: write a number with % behind it, like 5%");
  }
  for (const char* word : {"0%", "-5%", "301%", "0.05%"}) {
    EXPECT_EQ(parse_percent(word, 0.001, 3).error(),
              "'" + std::string(word) + "' is out of range: write a share from 0.1% to 300%");
  }
}

TEST(Fraction, IsADecimalNumber) {
  EXPECT_DOUBLE_EQ(*parse_fraction("1e-5", 1e-9, 0.1), 1e-5);
  EXPECT_DOUBLE_EQ(*parse_fraction("0.001", 1e-9, 0.1), 0.001);
  for (const char* word : {"", "1%", "nan", "inf", "0x1", "1e", "one"}) {
    EXPECT_EQ(parse_fraction(word, 1e-9, 0.1).error(),
              "'" + std::string(word) + "' is not a share: write a decimal number, like 0.001 or 1e-5");
  }
  for (const char* word : {"0", "1", "-0.1", "1e-10"}) {
    EXPECT_EQ(parse_fraction(word, 1e-9, 0.1).error(),
              "'" + std::string(word) + "' is out of range: write a share from 1e-09 to 0.1");
  }
}

}  // namespace
}  // namespace mptunnel
