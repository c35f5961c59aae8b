#include "mptunnel/ports/name_watch.h"

#include <gtest/gtest.h>

#include "unit/ports/fake_ports.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

class NameWatchTest : public testing::Test {
 protected:
  test::FakePorts ports_;
  std::vector<bool> answers_;  ///< whether each was one
  NameWatch watch_{{"bridge.example", 4000}, ports_.context, [this](const ResolveResult& result) {
                     answers_.push_back(result.has_value());
                     if (result && is_useful_) watch_.found(5min);
                   }};
  bool is_useful_ = true;
};

TEST_F(NameWatchTest, AsksAgainEverLaterUntilThereIsAnAnswer) {
  watch_.ask();
  for (const Duration wait : {1s, 2s, 4s, 8s, 16s, 30s, 30s}) {
    ports_.answer_failure("no such name");
    EXPECT_EQ(ports_.clock.to_next_alarm(), wait);
    ports_.clock.advance(wait);
    ASSERT_EQ(ports_.questions.size(), 1U);
  }
  ports_.answer({"192.0.2.1"});
  EXPECT_EQ(ports_.clock.to_next_alarm(), 5min);
  ports_.clock.advance(5min);
  ports_.answer_failure("no such name");
  EXPECT_EQ(ports_.clock.to_next_alarm(), 1s);
  EXPECT_EQ(answers_.size(), 9U);
}

TEST_F(NameWatchTest, AnswerOfNoUseCountsAsNone) {
  is_useful_ = false;
  watch_.ask();
  ports_.answer({"192.0.2.1"});
  ports_.clock.advance(1s);
  ports_.answer({"192.0.2.1"});
  EXPECT_EQ(ports_.clock.to_next_alarm(), 2s);
}

TEST_F(NameWatchTest, WaitsForASlowNameServer) {
  watch_.ask();
  watch_.ask_within(100ms);
  ports_.clock.advance(1min);
  watch_.ask();
  EXPECT_EQ(ports_.asked, 1);
  ports_.answer({"192.0.2.1"});
  EXPECT_EQ(ports_.clock.to_next_alarm(), 5min);
}

TEST_F(NameWatchTest, MayBeHurriedButNotDelayed) {
  watch_.ask();
  ports_.answer({"192.0.2.1"});
  watch_.ask_within(10s);
  EXPECT_EQ(ports_.clock.to_next_alarm(), 10s);
  watch_.ask_within(20s);
  EXPECT_EQ(ports_.clock.to_next_alarm(), 10s);
  watch_.ask_soon();
  EXPECT_EQ(ports_.clock.to_next_alarm(), NameWatch::kFirstRetry);
}

TEST_F(NameWatchTest, PauseIsNotHurried) {
  watch_.ask();
  ports_.answer({"192.0.2.1"});
  watch_.pause(5min);
  EXPECT_TRUE(watch_.is_paused());
  watch_.ask_within(1s);
  EXPECT_EQ(ports_.clock.to_next_alarm(), 5min);
  ports_.clock.advance(5min);
  EXPECT_FALSE(watch_.is_paused());
  EXPECT_EQ(ports_.asked, 2);
}

TEST_F(NameWatchTest, PauseDropsTheQuestionUnderWay) {
  watch_.ask();
  watch_.pause(5min);
  ports_.clock.advance(5min);
  EXPECT_EQ(ports_.asked, 2);
}

}  // namespace
}  // namespace mptunnel
