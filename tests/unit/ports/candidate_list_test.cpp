#include "mptunnel/ports/candidate_list.h"

#include <gtest/gtest.h>

#include <string>

#include "unit/ports/endpoints.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;
using test::bridge_at;
using Texts = std::vector<std::string>;

std::vector<Endpoint> endpoints(const Texts& addresses) {
  std::vector<Endpoint> result;
  for (const std::string& address : addresses) result.push_back(bridge_at(address));
  return result;
}

Texts mixed(const Texts& addresses) {
  Texts result;
  for (const Endpoint& address : interleave_families(endpoints(addresses)))
    result.push_back(address.address_string());
  return result;
}

TEST(CandidateList, FamiliesTakeTurns) {
  EXPECT_EQ(mixed({}), Texts());
  EXPECT_EQ(mixed({"::1", "::2", "10.0.0.1"}), (Texts{"::1", "10.0.0.1", "::2"}));
  EXPECT_EQ(mixed({"10.0.0.1", "::1", "::2", "::3"}), (Texts{"10.0.0.1", "::1", "::2", "::3"}));
  EXPECT_EQ(mixed({"10.0.0.1", "10.0.0.2"}), (Texts{"10.0.0.1", "10.0.0.2"}));
}

TEST(CandidateList, GoesRound) {
  CandidateList list;
  list.assign(endpoints({"10.0.0.1", "10.0.0.2", "10.0.0.3"}), std::nullopt);
  EXPECT_EQ(list.first(), bridge_at("10.0.0.1"));
  EXPECT_EQ(list.after(bridge_at("10.0.0.2")), bridge_at("10.0.0.3"));
  EXPECT_EQ(list.after(bridge_at("10.0.0.3")), bridge_at("10.0.0.1"));
  EXPECT_EQ(list.after(bridge_at("192.0.2.1")), bridge_at("10.0.0.1"));
  EXPECT_TRUE(list.contains(bridge_at("10.0.0.3")));
  EXPECT_FALSE(list.contains(bridge_at("192.0.2.1")));
}

TEST(CandidateList, KeepsOneFamilyOnRequest) {
  CandidateList list;
  list.assign(endpoints({"::1", "10.0.0.1"}), Family::ipv4);
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list.first(), bridge_at("10.0.0.1"));
  list.assign(endpoints({"::1"}), Family::ipv4);
  EXPECT_TRUE(list.empty());
}

TEST(CandidateList, PatienceDoublesWithEachRoundUntilOneAnswers) {
  CandidateList list;
  list.assign(endpoints({"10.0.0.1", "10.0.0.2"}), std::nullopt);
  std::vector<Duration> patience;
  for (int i = 0; i < 6; ++i) {
    patience.push_back(list.patience());
    list.note_unanswered();
  }
  EXPECT_EQ(patience, (std::vector<Duration>{300ms, 300ms, 600ms, 600ms, 1200ms, 1200ms}));
  for (int i = 0; i < 100; ++i) list.note_unanswered();
  EXPECT_EQ(list.patience(), CandidateList::kLongestPatience);
  list.note_answered();
  EXPECT_EQ(list.patience(), CandidateList::kFirstPatience);
}

}  // namespace
}  // namespace mptunnel
