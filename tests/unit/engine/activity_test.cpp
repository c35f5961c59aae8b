#include <gtest/gtest.h>

#include "mptunnel/engine/client_state.h"

namespace mptunnel {
namespace {

constexpr TimePoint kTimeZero{};

TEST(Activity, NothingMovesAtFirst) {
  Activity activity;
  activity.update(kTimeZero);
  EXPECT_FALSE(activity.is_moving());
  EXPECT_FALSE(activity.is_application_sending());
}

TEST(Activity, ChangesWithUpdateAlone) {
  Activity activity;
  activity.note_application(kTimeZero);
  EXPECT_FALSE(activity.is_moving());
  activity.update(kTimeZero);
  EXPECT_TRUE(activity.is_moving());
}

TEST(Activity, DataMovesForAWhileAfterADatagramEitherWay) {
  for (const bool from_application : {false, true}) {
    Activity activity;
    if (from_application) {
      activity.note_application(kTimeZero);
    } else {
      activity.note_delivery(kTimeZero);
    }
    activity.update(kTimeZero + kDataMovesFor - 1ns);
    EXPECT_TRUE(activity.is_moving());
    EXPECT_EQ(activity.is_application_sending(), from_application);
    activity.update(kTimeZero + kDataMovesFor);
    EXPECT_FALSE(activity.is_moving());
    EXPECT_FALSE(activity.is_application_sending());
  }
}

TEST(Activity, DeliveriesGoOnWhenTheApplicationHasStopped) {
  Activity activity;
  activity.note_application(kTimeZero);
  activity.note_delivery(kTimeZero + 1s);
  activity.update(kTimeZero + kDataMovesFor);
  EXPECT_TRUE(activity.is_moving());
  EXPECT_FALSE(activity.is_application_sending());
}

/// Datagrams so far apart, half of them each way, for this long; returns for how much of it much moved.
Duration busy_time(Activity& activity, Duration apart, Duration time) {
  Duration busy{};
  for (Duration age{}; age < time; age += 10ms) {
    if (age % apart == Duration{}) activity.note_application(kTimeZero + age);
    if ((age + apart / 2) % apart == Duration{}) activity.note_delivery(kTimeZero + age);
    activity.update(kTimeZero + age);
    if (activity.is_busy()) busy += 10ms;
  }
  return busy;
}

TEST(Activity, IsBusyWithAStreamFromItsFirstDatagramsOn) {
  Activity activity;
  EXPECT_GE(busy_time(activity, 20ms, 10s), 10s - 150ms);
  Activity slower;
  EXPECT_GE(busy_time(slower, 100ms, 10s), 10s - 500ms);
}

TEST(Activity, IsNeverBusyWithAPingASecondOrLess) {
  for (const Duration apart : std::initializer_list<Duration>{1s, 2s, 10s}) {
    Activity activity;
    EXPECT_EQ(busy_time(activity, apart, 100s), Duration{});
  }
}

TEST(Activity, IsNoLongerBusyOnceOnlyAFewDatagramsMove) {
  Activity activity;
  activity.note_application(kTimeZero, 1000);
  activity.update(kTimeZero);
  ASSERT_TRUE(activity.is_busy());
  for (Duration age = 1s; age <= 4s; age += 1s) {
    activity.note_application(kTimeZero + age);
    activity.update(kTimeZero + age);
  }
  EXPECT_TRUE(activity.is_moving());
  EXPECT_FALSE(activity.is_busy());
}

TEST(Activity, IsNotBusyOnceNothingMoves) {
  Activity activity;
  activity.note_application(kTimeZero, 1000);
  activity.update(kTimeZero);
  activity.update(kTimeZero + kDataMovesFor - 1ns);
  EXPECT_TRUE(activity.is_busy());
  activity.update(kTimeZero + kDataMovesFor);
  EXPECT_FALSE(activity.is_busy());
}

}  // namespace
}  // namespace mptunnel
