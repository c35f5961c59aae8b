#include <gtest/gtest.h>

#include "mptunnel/engine/client_state.h"

namespace mptunnel {
namespace {

constexpr TimePoint kStart{};

TEST(Activity, NothingMovesAtFirst) {
  Activity activity;
  activity.update(kStart);
  EXPECT_FALSE(activity.is_moving());
  EXPECT_FALSE(activity.is_application_sending());
}

TEST(Activity, ChangesWithUpdateAlone) {
  Activity activity;
  activity.note_application(kStart);
  EXPECT_FALSE(activity.is_moving());
  activity.update(kStart);
  EXPECT_TRUE(activity.is_moving());
}

TEST(Activity, DataMovesForAWhileAfterADatagramEitherWay) {
  for (const bool from_application : {false, true}) {
    Activity activity;
    if (from_application) {
      activity.note_application(kStart);
    } else {
      activity.note_delivery(kStart);
    }
    activity.update(kStart + kDataMovesFor - 1ns);
    EXPECT_TRUE(activity.is_moving());
    EXPECT_EQ(activity.is_application_sending(), from_application);
    activity.update(kStart + kDataMovesFor);
    EXPECT_FALSE(activity.is_moving());
    EXPECT_FALSE(activity.is_application_sending());
  }
}

TEST(Activity, DeliveriesGoOnWhenTheApplicationHasStopped) {
  Activity activity;
  activity.note_application(kStart);
  activity.note_delivery(kStart + 1s);
  activity.update(kStart + kDataMovesFor);
  EXPECT_TRUE(activity.is_moving());
  EXPECT_FALSE(activity.is_application_sending());
}

}  // namespace
}  // namespace mptunnel
