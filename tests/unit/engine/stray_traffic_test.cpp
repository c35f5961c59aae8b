#include <gtest/gtest.h>

#include "link_support.h"
#include "mptunnel/engine/server_session.h"
#include "some_values.h"

namespace mptunnel {
namespace {

using test::kPath;

Route at(std::uint16_t port) {
  return {*parse_numeric_endpoint("192.0.2.1", port), *parse_numeric_endpoint("198.51.100.1", 2000)};
}

class StrayTrafficTest : public testing::Test {
 protected:
  StrayTrafficTest() {
    link_.propose(test::make_epoch(SessionIndex{1}, SessionIndex{2}, Role::server));
    link_.confirm(false, test::kEpochStart);
  }
  [[nodiscard]] PathTraffic& of_path() { return *link_.traffic(kPath); }

  SessionLink link_{4};
  StrayTraffic strays_{link_};
};

TEST_F(StrayTrafficTest, FindsAnAddressOnceItsCountsAreMade) {
  EXPECT_TRUE(strays_.empty());
  EXPECT_EQ(strays_.find(at(1)), nullptr);
  strays_.make(at(1)).received = 5;
  EXPECT_FALSE(strays_.empty());
  ASSERT_NE(strays_.find(at(1)), nullptr);
  EXPECT_EQ(strays_.find(at(1))->received, 5U);
  EXPECT_EQ(&strays_.make(at(1)), strays_.find(at(1)));
  EXPECT_EQ(strays_.find(at(2)), nullptr);
}

TEST_F(StrayTrafficTest, AddressesDifferByTheLocalOneToo) {
  strays_.make(at(1));
  Route other = at(1);
  other.local.port = 2001;
  EXPECT_EQ(strays_.find(other), nullptr);
}

TEST_F(StrayTrafficTest, PathTakesOverWhatCameFromItsAddress) {
  of_path().received = 1;
  strays_.make(at(1)).received = 5;
  strays_.make(at(2)).received = 7;
  strays_.assign(kPath, at(1), std::nullopt);
  EXPECT_EQ(of_path().received, 6U);
  EXPECT_EQ(strays_.find(at(1)), nullptr) << "it is a path's now";
  EXPECT_EQ(strays_.find(at(2))->received, 7U);
}

TEST_F(StrayTrafficTest, FormerAddressOfAPathStillCountsForIt) {
  strays_.make(at(2)).received = 5;
  strays_.assign(kPath, at(2), at(1));
  EXPECT_EQ(strays_.find(at(1)), &of_path());
  EXPECT_EQ(&strays_.make(at(1)), &of_path());
  ++strays_.make(at(1)).received;
  EXPECT_EQ(of_path().received, 6U);
}

TEST_F(StrayTrafficTest, PathThatMovesBackCountsNothingTwice) {
  of_path().received = 10;
  strays_.assign(kPath, at(2), at(1));
  strays_.assign(kPath, at(1), at(2));
  EXPECT_EQ(of_path().received, 10U);
  EXPECT_EQ(strays_.find(at(1)), nullptr);
  EXPECT_EQ(strays_.find(at(2)), &of_path());
}

TEST_F(StrayTrafficTest, PathThatStaysWhereItIsLeavesNoStray) {
  strays_.assign(kPath, at(1), at(1));
  EXPECT_TRUE(strays_.empty());
}

TEST_F(StrayTrafficTest, OldestAddressGoesForOneTooMany) {
  for (std::uint16_t port = 1; port <= kMaxPaths + 1; ++port) strays_.make(at(port)).received = port;
  EXPECT_EQ(strays_.find(at(1)), nullptr);
  for (std::uint16_t port = 2; port <= kMaxPaths + 1; ++port) {
    ASSERT_NE(strays_.find(at(port)), nullptr);
    EXPECT_EQ(strays_.find(at(port))->received, port);
  }
}

}  // namespace
}  // namespace mptunnel
