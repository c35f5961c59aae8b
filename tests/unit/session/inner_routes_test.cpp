#include "mptunnel/session/inner_routes.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "inner_routes_support.h"

namespace mptunnel {
namespace {

using test::inner_owner;
using test::inner_settings;
using test::ip;
using test::wants_address;
using test::wants_any;
using test::wants_network;
using test::wishes;
using Place = InnerRoutes::Place;

constexpr SessionHandle kFirst{1};
constexpr SessionHandle kSecond{2};
constexpr SessionHandle kThird{3};
constexpr TimePoint kLeft{std::chrono::hours(1)};

InnerSettings usual() {
  return inner_settings({"10.42.42.1/24", "fd00:42::1/64"}, {"192.168.0.0/16", "fd00:9::/32"});
}
std::string text_of(const InnerEntry& entry) {
  return address_of(entry.prefix).to_string() + "/" + std::to_string(entry.prefix.length) + " " +
         name_of(entry.verdict);
}
/// The answer to the first entry.
std::string first(const std::vector<InnerEntry>& answer) {
  return answer.empty() ? "" : text_of(answer.front());
}

class InnerRoutesTest : public testing::Test {
 protected:
  std::vector<InnerEntry> settle(std::uint8_t owner, SessionHandle session,
                                 const std::vector<InnerEntry>& wanted) {
    return routes_.settle(inner_owner(owner), session, wanted);
  }
  [[nodiscard]] InnerRoutes::Destination find(std::string_view address) const {
    return routes_.find(ip(address));
  }
  static InnerRoutes::Destination client(SessionHandle session) { return {Place::client, session}; }

  InnerRoutes routes_{usual(), 100};
};

TEST_F(InnerRoutesTest, AnAddressIsTheClientsThatAskedFirst) {
  EXPECT_EQ(first(settle(1, kFirst, {wants_address("10.42.42.7")})), "10.42.42.7/24 given");
  EXPECT_EQ(first(settle(2, kSecond, {wants_address("10.42.42.7")})),
            "10.42.42.7/32 taken by another client");
  EXPECT_EQ(find("10.42.42.7"), client(kFirst));
  EXPECT_TRUE(routes_.has(kFirst, ip("10.42.42.7")));
  EXPECT_FALSE(routes_.has(kSecond, ip("10.42.42.7")));
  EXPECT_EQ(first(settle(1, kFirst, {wants_address("10.42.42.7")})), "10.42.42.7/24 given")
      << "as often as it asks";
}

TEST_F(InnerRoutesTest, WhatNoSessionHasIsKeptUntilAnotherAsksForIt) {
  settle(1, kFirst, {wants_address("10.42.42.7")});
  routes_.leave(kFirst, kLeft);
  EXPECT_EQ(find("10.42.42.7").place, Place::nobody);
  EXPECT_EQ(routes_.size(), 1U);
  EXPECT_EQ(first(settle(2, kSecond, {wants_address("10.42.42.7")})), "10.42.42.7/24 given");
  EXPECT_EQ(find("10.42.42.7"), client(kSecond));
  EXPECT_EQ(first(settle(1, kThird, {wants_address("10.42.42.7")})), "10.42.42.7/32 taken by another client");
}

TEST_F(InnerRoutesTest, TheAnswerEndsWithTheDevice) {
  const auto answer = settle(1, kFirst, {wants_any()});
  ASSERT_EQ(answer.size(), 3U);
  EXPECT_EQ(answer[1].kind, InnerKind::server);
  EXPECT_EQ(text_of(answer[1]), "10.42.42.1/24 given");
  EXPECT_EQ(answer[2].kind, InnerKind::server);
  EXPECT_EQ(text_of(answer[2]), "fd00:42::1/64 given");
}

TEST_F(InnerRoutesTest, AddressesThatMeanSomethingElseAreNotGiven) {
  for (const char* address :
       {"10.42.42.0", "10.42.42.255", "10.42.42.1", "10.42.43.7", "224.0.0.1", "0.0.0.0", "127.0.0.1",
        "255.255.255.255", "fd00:42::", "fd00:42::1", "fd00:43::7", "ff02::1"}) {
    EXPECT_EQ(settle(1, kFirst, {wants_address(address)}).front().verdict, InnerVerdict::not_allowed)
        << address;
  }
  EXPECT_EQ(routes_.size(), 0U);
}

TEST_F(InnerRoutesTest, AWholeNetworkIsGivenAndNoMore) {
  std::set<std::string> given;
  for (std::uint8_t i = 0; i < 20; ++i) {
    InnerRoutes small(inner_settings({"10.42.42.9/29"}), 100);
    for (std::uint8_t owner = 0; owner < 5; ++owner) {
      const auto answer = small.settle(inner_owner(owner, i), SessionHandle{owner + 1U},
                                       std::vector<InnerEntry>{wants_any()});
      EXPECT_EQ(answer.front().verdict, InnerVerdict::given);
      given.insert(first(answer));
    }
    EXPECT_EQ(small.settle(inner_owner(9, i), SessionHandle{9}, std::vector<InnerEntry>{wants_any()})
                  .front()
                  .verdict,
              InnerVerdict::no_room);
    // The one that was left the longest goes first.
    small.leave(SessionHandle{3}, kLeft + std::chrono::seconds(1));
    small.leave(SessionHandle{4}, kLeft);
    EXPECT_EQ(small.settle(inner_owner(9, i), SessionHandle{9}, std::vector<InnerEntry>{wants_any()})
                  .front()
                  .verdict,
              InnerVerdict::given);
    EXPECT_EQ(small.settle(inner_owner(2, i), SessionHandle{3}, std::vector<InnerEntry>{wants_any()})
                  .front()
                  .verdict,
              InnerVerdict::given)
        << "its own is still there";
    EXPECT_EQ(small.settle(inner_owner(3, i), SessionHandle{4}, std::vector<InnerEntry>{wants_any()})
                  .front()
                  .verdict,
              InnerVerdict::no_room);
  }
  EXPECT_EQ(given,
            (std::set<std::string>{"10.42.42.10/29 given", "10.42.42.11/29 given", "10.42.42.12/29 given",
                                   "10.42.42.13/29 given", "10.42.42.14/29 given"}));
}

TEST_F(InnerRoutesTest, NetworksOfTwoAddressesOrOneHaveNoOther) {
  InnerRoutes pair(inner_settings({"10.42.42.0/31", "fd00::/127"}), 100);
  EXPECT_EQ(first(pair.settle(inner_owner(1), kFirst, std::vector<InnerEntry>{wants_any()})),
            "10.42.42.1/31 given");
  EXPECT_EQ(first(pair.settle(inner_owner(1), kFirst, std::vector<InnerEntry>{wants_any(Family::ipv6)})),
            "fd00::1/127 given");
  InnerRoutes one(inner_settings({"10.42.42.1/32"}), 100);
  EXPECT_EQ(one.settle(inner_owner(1), kFirst, std::vector<InnerEntry>{wants_any()}).front().verdict,
            InnerVerdict::no_room);
}

TEST_F(InnerRoutesTest, AnAutomaticAddressIsTheSameAfterARestartOfEitherEnd) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    std::set<std::string> all;
    for (std::uint8_t owner = 0; owner < 50; ++owner) {
      InnerRoutes before(usual(), 100);
      const std::string given =
          first(before.settle(inner_owner(owner), kFirst, std::vector<InnerEntry>{wants_any(family)}));
      InnerRoutes after(usual(), 100);
      EXPECT_EQ(first(after.settle(inner_owner(owner), kThird, std::vector<InnerEntry>{wants_any(family)})),
                given);
      before.leave(kFirst, kLeft);
      EXPECT_EQ(first(before.settle(inner_owner(owner), kSecond, std::vector<InnerEntry>{wants_any(family)})),
                given);
      all.insert(given);
    }
    EXPECT_GT(all.size(), family == Family::ipv4 ? 35U : 49U) << "spread over the network";
  }
}

TEST_F(InnerRoutesTest, AWishIsGivenIfItIsFree) {
  EXPECT_EQ(first(settle(1, kFirst, {wishes("10.42.42.77")})), "10.42.42.77/24 given");
  const std::string other = first(settle(2, kSecond, {wishes("10.42.42.77")}));
  EXPECT_NE(other, "10.42.42.77/24 given");
  EXPECT_EQ(other.substr(other.find(' ')), " given");
  // Not even of one that has left: it may come back.
  routes_.leave(kFirst, kLeft);
  EXPECT_NE(first(settle(3, kThird, {wishes("10.42.42.77")})), "10.42.42.77/24 given");
  EXPECT_EQ(settle(4, SessionHandle{4}, {wishes("10.42.42.255")}).front().verdict, InnerVerdict::given)
      << "a wish that can't be is none";
}

TEST_F(InnerRoutesTest, WhatIsNotAskedForAnyMoreIsGivenUp) {
  settle(1, kFirst, {wants_address("10.42.42.7"), wants_network("192.168.7.0/24"), wants_any(Family::ipv6)});
  EXPECT_EQ(routes_.size(), 3U);
  settle(1, kFirst, {wants_address("10.42.42.8"), wants_network("192.168.7.0/24")});
  EXPECT_EQ(routes_.size(), 2U);
  EXPECT_EQ(find("10.42.42.7").place, Place::nobody);
  EXPECT_EQ(find("10.42.42.8"), client(kFirst));
  EXPECT_EQ(find("192.168.7.9"), client(kFirst));
  settle(1, kFirst, {});
  EXPECT_EQ(routes_.size(), 0U);
}

TEST_F(InnerRoutesTest, NetworksAreThoseThatAreAllowed) {
  const auto verdict = [&](std::string_view network) {
    return settle(1, kFirst, {wants_network(network)}).front().verdict;
  };
  EXPECT_EQ(verdict("192.168.7.0/24"), InnerVerdict::given);
  EXPECT_EQ(verdict("192.168.0.0/16"), InnerVerdict::given);
  EXPECT_EQ(verdict("fd00:9:1::/48"), InnerVerdict::given);
  EXPECT_EQ(verdict("192.168.7.7/32"), InnerVerdict::given);
  for (const char* network : {"192.0.0.0/8", "192.169.0.0/16", "0.0.0.0/0", "fd00:a::/32", "fd00::/16"})
    EXPECT_EQ(verdict(network), InnerVerdict::not_allowed) << network;
}

TEST_F(InnerRoutesTest, BitsBehindANetworkAreNoPartOfIt) {
  InnerEntry entry = wants_network("192.168.7.0/24");
  entry.prefix.octets[3] = 9;
  EXPECT_EQ(first(settle(1, kFirst, {entry})), "192.168.7.0/24 given");
}

TEST_F(InnerRoutesTest, NoNetworkTakesAddressesOfTheDevice) {
  InnerRoutes all(inner_settings({"10.42.42.1/24"}, {"0.0.0.0/0", "::/0"}), 100);
  const auto verdict = [&](std::string_view network) {
    return all.settle(inner_owner(1), kFirst, std::vector<InnerEntry>{wants_network(network)})
        .front()
        .verdict;
  };
  for (const char* network : {"10.42.42.0/24", "10.42.42.128/25", "10.42.42.7/32", "127.0.0.0/8",
                              "224.0.0.0/4", "ff00::/8", "::1/128"})
    EXPECT_EQ(verdict(network), InnerVerdict::not_allowed) << network;
  EXPECT_EQ(verdict("0.0.0.0/0"), InnerVerdict::given);
  EXPECT_EQ(all.find(ip("10.42.42.7")).place, Place::nobody);
  EXPECT_EQ(all.find(ip("10.42.42.1")).place, Place::device);
  EXPECT_EQ(all.find(ip("8.8.8.8")), client(kFirst));
}

TEST_F(InnerRoutesTest, NetworksThatOverlapAreTakenInEitherOrder) {
  settle(1, kFirst, {wants_network("192.168.4.0/22")});
  for (const char* network :
       {"192.168.4.0/22", "192.168.5.0/24", "192.168.7.7/32", "192.168.0.0/16", "192.168.0.0/21"})
    EXPECT_EQ(settle(2, kSecond, {wants_network(network)}).front().verdict, InnerVerdict::taken) << network;
  EXPECT_EQ(settle(2, kSecond, {wants_network("192.168.8.0/24")}).front().verdict, InnerVerdict::given);
  EXPECT_EQ(settle(1, kFirst, {wants_network("192.168.4.0/22"), wants_network("192.168.5.0/24")})[1].verdict,
            InnerVerdict::given)
      << "its own";
  routes_.leave(kFirst, kLeft);
  EXPECT_EQ(settle(2, kSecond, {wants_network("192.168.5.0/24")}).front().verdict, InnerVerdict::given);
  EXPECT_EQ(find("192.168.5.9"), client(kSecond));
  EXPECT_EQ(find("192.168.6.9").place, Place::device) << "what overlapped is given up whole";
}

TEST_F(InnerRoutesTest, ANarrowerAllowedNetworkSetsThemApart) {
  InnerRoutes routes(inner_settings({"10.42.42.1/24"}, {"0.0.0.0/0", "192.168.0.0/16"}), 100);
  const auto settle_at = [&](std::uint8_t owner, SessionHandle session, std::string_view network) {
    return routes.settle(inner_owner(owner), session, std::vector<InnerEntry>{wants_network(network)})
        .front()
        .verdict;
  };
  EXPECT_EQ(settle_at(1, kFirst, "0.0.0.0/0"), InnerVerdict::given);
  EXPECT_EQ(settle_at(2, kSecond, "192.168.7.0/24"), InnerVerdict::given);
  EXPECT_EQ(settle_at(3, kThird, "172.16.0.0/12"), InnerVerdict::taken);
  EXPECT_EQ(settle_at(3, kThird, "192.168.7.128/25"), InnerVerdict::taken);
  EXPECT_EQ(routes.find(ip("192.168.7.9")), client(kSecond));
  EXPECT_EQ(routes.find(ip("192.168.8.9")), client(kFirst));
  EXPECT_FALSE(routes.has(kFirst, ip("192.168.7.9"))) << "the inner one's alone";
}

TEST_F(InnerRoutesTest, AnotherProcessOfTheClientTakesOver) {
  settle(1, kFirst, {wants_address("10.42.42.7"), wants_network("192.168.7.0/24")});
  routes_.hand_over(kFirst, kSecond);
  EXPECT_EQ(find("10.42.42.7"), client(kSecond));
  EXPECT_EQ(find("192.168.7.1"), client(kSecond));
  EXPECT_FALSE(routes_.has(kFirst, ip("10.42.42.7")));
  routes_.leave(kFirst, kLeft);
  EXPECT_EQ(find("10.42.42.7"), client(kSecond));
  EXPECT_EQ(settle(1, kSecond, {wants_address("10.42.42.7")}).front().verdict, InnerVerdict::given);
}

TEST_F(InnerRoutesTest, TwinsWithOneIdentityDoNotShare) {
  settle(1, kFirst, {wants_address("10.42.42.7"), wants_any()});
  EXPECT_EQ(settle(1, kSecond, {wants_address("10.42.42.7")}).front().verdict, InnerVerdict::taken);
  const std::string other = first(settle(1, kSecond, {wants_any()}));
  EXPECT_EQ(find("10.42.42.7"), client(kFirst));
  EXPECT_EQ(routes_.size(), 3U);
  settle(1, kSecond, {});
  EXPECT_EQ(routes_.size(), 2U) << "what the other has stays";
}

TEST_F(InnerRoutesTest, AnIdentityUnderAnotherKeyIsAnother) {
  settle(1, kFirst, {wants_address("10.42.42.7")});
  EXPECT_EQ(routes_.settle(inner_owner(1, 5), kSecond, std::vector<InnerEntry>{wants_address("10.42.42.7")})
                .front()
                .verdict,
            InnerVerdict::taken);
}

/// Keys 5 and 6 have something of their own, key 0 has nothing.
class ReservedRoutes : public InnerRoutesTest {
 protected:
  ReservedRoutes() { reserve({{5, "10.42.42.7/32"}, {5, "192.168.5.0/24"}, {6, "10.42.42.64/30"}}); }
  std::vector<SessionHandle> reserve(const std::vector<std::pair<std::uint8_t, std::string_view>>& all) {
    std::vector<InnerReservation> reservations;
    for (const auto& [key, text] : all)
      reservations.push_back({inner_owner(1, key).key, parse_prefix(text).value()});
    return routes_.reserve(reservations);
  }
  std::string ask(std::uint8_t key, std::uint32_t session, const InnerEntry& wanted) {
    const auto owner = inner_owner(static_cast<std::uint8_t>(session), key);
    return first(routes_.settle(owner, SessionHandle{session}, std::vector<InnerEntry>{wanted}));
  }
};

TEST_F(ReservedRoutes, AreForTheirKeyAlone) {
  EXPECT_EQ(ask(0, 1, wants_address("10.42.42.7")), "10.42.42.7/32 not allowed");
  EXPECT_NE(ask(0, 1, wishes("10.42.42.7")), "10.42.42.7/24 given");
  EXPECT_EQ(ask(6, 2, wants_address("10.42.42.7")), "10.42.42.7/32 not allowed");
  EXPECT_EQ(ask(5, 3, wants_address("10.42.42.7")), "10.42.42.7/24 given");
  EXPECT_EQ(ask(0, 1, wants_network("192.168.5.0/25")), "192.168.5.0/25 not allowed");
  EXPECT_EQ(ask(5, 3, wants_network("192.168.5.0/25")), "192.168.5.0/25 given");
  reserve({{5, "172.16.5.0/24"}});
  EXPECT_EQ(ask(5, 3, wants_network("172.16.5.0/24")), "172.16.5.0/24 not allowed")
      << "it is not in 'allow' of all";
}

TEST_F(ReservedRoutes, WhoeverHasSomeHasNoOthersOfThatKind) {
  EXPECT_EQ(ask(5, 1, wants_address("10.42.42.8")), "10.42.42.8/32 not allowed");
  EXPECT_EQ(ask(5, 1, wants_network("192.168.7.0/24")), "192.168.7.0/24 not allowed");
  EXPECT_EQ(ask(6, 2, wants_network("192.168.7.0/24")), "192.168.7.0/24 given") << "it has addresses alone";
  EXPECT_TRUE(ask(5, 1, wants_any(Family::ipv6)).ends_with(name_of(InnerVerdict::no_room)));
}

TEST_F(ReservedRoutes, AreGivenToWhoeverWantsAny) {
  EXPECT_EQ(ask(5, 1, wants_any()), "10.42.42.7/24 given");
  EXPECT_TRUE(ask(5, 2, wants_any()).ends_with(name_of(InnerVerdict::no_room)));
  std::set<std::string> given;
  for (std::uint32_t session = 3; session < 7; ++session) given.insert(ask(6, session, wants_any()));
  EXPECT_EQ(given, (std::set<std::string>{"10.42.42.64/24 given", "10.42.42.65/24 given",
                                          "10.42.42.66/24 given", "10.42.42.67/24 given"}));
  // Another identity of the key, once the first has left.
  routes_.leave(SessionHandle{1}, kLeft);
  EXPECT_EQ(ask(5, 8, wants_any()), "10.42.42.7/24 given");
}

TEST_F(ReservedRoutes, AllOthersShareTheRest) {
  std::set<std::string> given;
  for (std::uint32_t session = 1; session <= 90; ++session) given.insert(ask(0, session, wants_any()));
  EXPECT_EQ(given.size(), 90U);
  for (const char* kept : {"10.42.42.7/24 given", "10.42.42.64/24 given", "10.42.42.67/24 given"})
    EXPECT_FALSE(given.contains(kept)) << kept;
}

TEST_F(ReservedRoutes, TakeWhatOthersHave) {
  ask(0, 1, wants_address("10.42.42.20"));
  ask(0, 2, wants_address("10.42.42.21"));
  ask(0, 3, wants_address("10.42.42.22"));
  routes_.leave(SessionHandle{3}, kLeft);
  EXPECT_EQ(reserve({{5, "10.42.42.20/31"}, {5, "10.42.42.22/32"}}),
            (std::vector<SessionHandle>{SessionHandle{1}, SessionHandle{2}}));
  EXPECT_EQ(find("10.42.42.20").place, Place::nobody);
  EXPECT_EQ(routes_.size(), 0U);
  EXPECT_EQ(ask(5, 4, wants_address("10.42.42.22")), "10.42.42.22/24 given");
  EXPECT_TRUE(reserve({}).empty());
}

TEST_F(ReservedRoutes, LieApartWithinANetworkOfAnother) {
  EXPECT_EQ(reserve({{5, "192.168.0.0/18"}, {6, "192.168.7.0/24"}}).size(), 0U);
  EXPECT_EQ(ask(5, 1, wants_network("192.168.0.0/18")), "192.168.0.0/18 given");
  EXPECT_EQ(ask(6, 2, wants_network("192.168.7.0/24")), "192.168.7.0/24 given");
  EXPECT_EQ(find("192.168.7.1"), client(kSecond));
  EXPECT_EQ(find("192.168.8.1"), client(kFirst));
}

TEST_F(InnerRoutesTest, OfTooManyTheOneThatWasLeftTheLongestGoes) {
  InnerRoutes few(usual(), 4);
  const auto ask = [&](std::uint8_t owner, const std::vector<InnerEntry>& wanted) {
    return few.settle(inner_owner(owner), SessionHandle{owner}, wanted).front().verdict;
  };
  ask(1, {wants_address("10.42.42.11"), wants_network("192.168.1.0/24")});
  ask(2, {wants_address("10.42.42.12")});
  ask(3, {wants_address("10.42.42.13")});
  EXPECT_EQ(ask(4, {wants_address("10.42.42.14")}), InnerVerdict::no_room);
  few.leave(SessionHandle{3}, kLeft + std::chrono::seconds(1));
  few.leave(SessionHandle{2}, kLeft);
  EXPECT_EQ(ask(4, {wants_address("10.42.42.14")}), InnerVerdict::given);
  EXPECT_EQ(few.size(), 4U);
  EXPECT_EQ(ask(5, {wants_network("192.168.5.0/24")}), InnerVerdict::given);
  EXPECT_EQ(ask(6, {wants_any()}), InnerVerdict::no_room);
  EXPECT_EQ(few.find(ip("10.42.42.11")), client(SessionHandle{1}));
}

TEST_F(InnerRoutesTest, WithoutADeviceOfTheFamilyThereIsNoAddress) {
  InnerRoutes only4(inner_settings({"10.42.42.1/24"}), 100);
  EXPECT_EQ(
      only4.settle(inner_owner(1), kFirst, std::vector<InnerEntry>{wants_any(Family::ipv6)}).front().verdict,
      InnerVerdict::no_device);
  EXPECT_EQ(
      only4.settle(inner_owner(1), kFirst, std::vector<InnerEntry>{wants_address("fd00::7")}).front().verdict,
      InnerVerdict::no_device);
}

TEST_F(InnerRoutesTest, PacketsForManyAreThoseOfMulticastAndBroadcast) {
  for (const char* address : {"224.0.0.1", "239.255.255.250", "255.255.255.255", "10.42.42.255", "ff02::fb"})
    EXPECT_TRUE(routes_.is_for_many(ip(address))) << address;
  for (const char* address : {"10.42.42.7", "10.42.43.255", "8.8.8.8", "fd00:42::ff"})
    EXPECT_FALSE(routes_.is_for_many(ip(address))) << address;
}

TEST_F(InnerRoutesTest, TellsWhatASessionHas) {
  settle(1, kFirst, {wants_address("10.42.42.7"), wants_network("192.168.7.0/24"), wants_address("9.9.9.9")});
  const auto entries = routes_.entries_of(kFirst);
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(text_of(entries[0]), "10.42.42.7/24 given");
  EXPECT_EQ(text_of(entries[1]), "192.168.7.0/24 given");
  EXPECT_TRUE(routes_.entries_of(kSecond).empty());
}

TEST_F(InnerRoutesTest, AClientHasFourAddressesAtMost) {
  std::vector<InnerEntry> wanted;
  for (int i = 10; i < 15; ++i) wanted.push_back(wants_address("10.42.42." + std::to_string(i)));
  wanted.push_back(wants_any());
  wanted.push_back(wants_network("192.168.7.0/24"));
  const std::vector<InnerEntry> answer = settle(1, kFirst, wanted);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(answer[i].verdict, InnerVerdict::given) << i;
  EXPECT_EQ(answer[4].verdict, InnerVerdict::not_allowed);
  EXPECT_EQ(answer[5].verdict, InnerVerdict::not_allowed);
  EXPECT_EQ(answer[6].verdict, InnerVerdict::given);
}

TEST(InnerRoutes, FindsAFreeAddressInALargeNetworkWhateverOthersHaveAroundIt) {
  const InnerSettings settings = inner_settings({"10.0.0.1/8"});
  InnerRoutes alone(settings, 4096);
  const auto chosen = [](InnerRoutes& routes, std::uint8_t owner) {
    return address_of(
        routes.settle(inner_owner(owner), SessionHandle{owner}, {{wants_any()}}).front().prefix);
  };
  const IpAddress first = chosen(alone, 9);
  InnerRoutes crowded(settings, 4096);
  // It and the two thousand behind it.
  for (std::uint32_t i = 0; i < 2000; ++i) {
    InnerEntry entry = wants_address("10.0.0.9");
    std::uint32_t number =
        (std::uint32_t{first.octets[1]} << 16U | std::uint32_t{first.octets[2]} << 8U | first.octets[3]) + i;
    for (std::size_t octet = 3; octet > 0; --octet, number >>= 8U)
      entry.prefix.octets[octet] = static_cast<std::uint8_t>(number);
    InnerOwner owner = inner_owner(1);
    owner.identity[0] = static_cast<std::uint8_t>(i);
    owner.identity[1] = static_cast<std::uint8_t>(i >> 8U);
    crowded.settle(owner, SessionHandle{100 + i}, {{entry}});
  }
  const IpAddress other = chosen(crowded, 9);
  EXPECT_TRUE(other.is_host());
  EXPECT_NE(other, first);
  EXPECT_EQ(crowded.find(other), (InnerRoutes::Destination{Place::client, SessionHandle{9}}));
}

}  // namespace
}  // namespace mptunnel
