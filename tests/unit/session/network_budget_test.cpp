#include <gtest/gtest.h>

#include "mptunnel/session/token_bucket.h"

namespace mptunnel {
namespace {

constexpr TimePoint kStart{100s};

Endpoint address(const char* text) {
  return *parse_numeric_endpoint(text, 1);
}
int allowed(NetworkBudget& budget, const char* from, TimePoint now) {
  for (int i = 0; i < 1000; ++i) {
    if (!budget.take(address(from), now)) return i;
  }
  return 1000;
}

TEST(NetworkBudget, HoldsOneNetworkToItsShare) {
  NetworkBudget budget({100, 100}, {5, 10}, 1);
  EXPECT_EQ(allowed(budget, "192.0.2.1", kStart), 10);
  EXPECT_EQ(allowed(budget, "192.0.2.99", kStart), 0) << "the same network";
  EXPECT_EQ(allowed(budget, "192.0.2.1", kStart + 1s), 5);
}

TEST(NetworkBudget, HoldsAllNetworksToTheWhole) {
  NetworkBudget budget({20, 25}, {10, 10}, 1);
  EXPECT_EQ(allowed(budget, "192.0.2.1", kStart), 10);
  EXPECT_EQ(allowed(budget, "198.51.100.1", kStart), 10);
  EXPECT_EQ(allowed(budget, "203.0.113.1", kStart), 5);
}

TEST(NetworkBudget, OfANetworkThatIsRefusedIsNotTakenFromTheOthers) {
  NetworkBudget budget({0, 20}, {0, 10}, 1);
  EXPECT_EQ(allowed(budget, "192.0.2.1", kStart), 10);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(budget.take(address("192.0.2.1"), kStart));
  EXPECT_EQ(allowed(budget, "198.51.100.1", kStart), 10);
}

}  // namespace
}  // namespace mptunnel
