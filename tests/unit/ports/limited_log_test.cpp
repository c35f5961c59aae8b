#include "mptunnel/ports/limited_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "unit/ports/captured_log.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

class LimitedLogTest : public testing::Test {
 protected:
  /// How many lines there were since the last call; the last of them is in `last_`.
  std::size_t count_lines() {
    const std::string text = lines_.take();
    const auto end = text.rfind('\n', text.size() < 2 ? 0 : text.size() - 2);
    last_ = text.substr(end == std::string::npos ? 0 : end + 1);
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  }

  TimePoint now_{};
  LimitedLog limited_{[this] { return now_; }};
  test::CapturedLog lines_;
  std::string last_;
};

TEST_F(LimitedLogTest, SaysTheSameAFewTimesAndThenHowOftenItDidNot) {
  for (int i = 0; i < 1000; ++i) limited_.say(LogLevel::warning, "again");
  EXPECT_EQ(count_lines(), kNewsBurst);
  EXPECT_EQ(last_, "warning: again\n");
  now_ += kNewsEach;
  limited_.say(LogLevel::warning, "again");
  EXPECT_EQ(count_lines(), 1U);
  EXPECT_EQ(last_, "warning: again (994 lines about it left out before)\n");
}

TEST_F(LimitedLogTest, SaysWhatIsOtherThanTheLastMoreOftenYetNotWithoutLimit) {
  for (int i = 0; i < 1000; ++i) limited_.say_other(LogLevel::info, "read again");
  EXPECT_EQ(count_lines(), kNewsBurst + 1);
  for (int i = 0; i < 20; ++i) limited_.say_other(LogLevel::info, "added: client-" + std::to_string(i));
  EXPECT_EQ(count_lines(), 20U);
  for (int i = 0; i < 2; ++i) limited_.say_other(LogLevel::info, "added: client-19");
  EXPECT_EQ(count_lines(), 2U);
  for (int i = 0; i < 1000; ++i) limited_.say_other(LogLevel::info, std::to_string(i % 2));
  EXPECT_EQ(count_lines(), kOtherNewsBurst - 21 + kNewsBurst) << "the last of them is repeated";
}

TEST_F(LimitedLogTest, SaysATextOfSeveralLinesAsOne) {
  limited_.say(LogLevel::error, "mistakes:\nfirst\nsecond");
  EXPECT_EQ(lines_.take(), "error: mistakes:\nerror: first\nerror: second\n");
  for (int i = 0; i < 5; ++i) limited_.say(LogLevel::error, "one\ntwo");
  EXPECT_EQ(count_lines(), 10U);
}

}  // namespace
}  // namespace mptunnel
