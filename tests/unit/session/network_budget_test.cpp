#include <gtest/gtest.h>

#include <string>

#include "mptunnel/session/token_bucket.h"
#include "support/start_time.h"

namespace mptunnel {
namespace {

using test::kStart;

Endpoint address(const char* text) {
  return *parse_numeric_endpoint(text, 1);
}
int allowed(NetworkBudget& budget, const char* from, TimePoint now) {
  for (int i = 0; i < 1000; ++i) {
    if (!budget.take(address(from), now)) return i;
  }
  return 1000;
}

/// So many addresses of this /24, one event each in turn, until one is refused a second time.
int allowed_by_turns(NetworkBudget& budget, const std::string& network, int addresses, TimePoint now) {
  int count = 0;
  for (int round = 0; round < 1000; ++round) {
    int of_round = 0;
    for (int i = 0; i < addresses; ++i)
      of_round += budget.take(address((network + std::to_string(i)).c_str()), now) ? 1 : 0;
    if (of_round == 0) break;
    count += of_round;
  }
  return count;
}

TEST(NetworkBudget, HoldsOneNetworkToItsShare) {
  NetworkBudget budget({1000, 1000}, {5, 40}, 1);
  EXPECT_EQ(allowed_by_turns(budget, "192.0.2.", 20, kStart), 40);
  EXPECT_EQ(allowed(budget, "192.0.2.99", kStart), 0) << "the same network";
  EXPECT_EQ(allowed_by_turns(budget, "192.0.2.", 20, kStart + 4s), 20);
}

TEST(NetworkBudget, HoldsAllNetworksToTheWhole) {
  NetworkBudget budget({20, 25}, {10, 10}, 1);
  int sum = 0;
  for (int i = 0; i < 100; ++i) sum += allowed(budget, ("192.0." + std::to_string(i) + ".1").c_str(), kStart);
  EXPECT_EQ(sum, 25);
}

TEST(NetworkBudget, OfANetworkThatIsRefusedIsNotTakenFromTheOthers) {
  NetworkBudget budget({0, 20}, {0, 10}, 1);
  EXPECT_EQ(allowed(budget, "192.0.2.1", kStart), 5);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(budget.take(address("192.0.2.1"), kStart));
  EXPECT_EQ(allowed(budget, "198.51.100.1", kStart), 5);
}

TEST(NetworkBudget, OneAddressLeavesHalfOfABurstToItsNetwork) {
  NetworkBudget budget({1000, 1000}, {100, 80}, 1);
  EXPECT_EQ(allowed(budget, "192.0.2.1", kStart), 40);
  EXPECT_EQ(allowed(budget, "192.0.2.2", kStart), 10) << "an eighth";
  // It gets all that is not asked for by others.
  int count = 0;
  for (int i = 1; i <= 1000; ++i) count += budget.take(address("192.0.2.1"), kStart + i * 1ms) ? 1 : 0;
  EXPECT_GE(count, 89);
  EXPECT_LE(count, 100);
  EXPECT_TRUE(budget.take(address("192.0.2.3"), kStart + 1s)) << "however much it asks for";
}

TEST(NetworkBudget, FewNetworksLeaveHalfOfABurstToAll) {
  NetworkBudget budget({500, 64}, {500, 1000}, 1);
  for (int i = 0; i < 5; ++i) allowed(budget, ("192.0." + std::to_string(i) + ".1").c_str(), kStart);
  EXPECT_GE(allowed(budget, "198.51.100.1", kStart), 2);
  for (int i = 1; i <= 1000; ++i) {
    for (int k = 0; k < 5; ++k)
      budget.take(address(("192.0." + std::to_string(k) + ".1").c_str()), kStart + i * 1ms);
  }
  EXPECT_TRUE(budget.take(address("203.0.113.1"), kStart + 1s));
}

}  // namespace
}  // namespace mptunnel
