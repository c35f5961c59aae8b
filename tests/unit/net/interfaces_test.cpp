// The table by hand-made messages, good and hostile.
#include "mptunnel/net/interfaces.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "netlink_messages.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::address;
using test::address_message;
using test::kUsable;
using test::link_message;
using test::Message;

/// A table with eth0, index 2, up.
InterfaceTable with_eth0() {
  InterfaceTable table;
  EXPECT_TRUE(table.apply(link_message({})));
  return table;
}

std::vector<std::string> addresses_of(const InterfaceTable& table, std::string_view name = "eth0") {
  std::vector<std::string> texts;
  const NetworkInterface* interface = table.find(name);
  if (interface == nullptr) return {"no such interface"};
  for (const Endpoint& one : interface->addresses) texts.push_back(one.address_string());
  return texts;
}

using Texts = std::vector<std::string>;

TEST(InterfaceTable, KnowsALinkFromItsMessageUntilItIsDeleted) {
  InterfaceTable table;
  EXPECT_EQ(table.find("eth0"), nullptr);
  EXPECT_TRUE(table.apply(link_message({.index = 7})));
  ASSERT_NE(table.find("eth0"), nullptr);
  EXPECT_EQ(table.find("eth0")->index, 7U);
  EXPECT_TRUE(table.find("eth0")->is_up);
  EXPECT_FALSE(table.find("eth0")->is_loopback);
  EXPECT_FALSE(table.find("eth0")->is_tunnel);
  EXPECT_FALSE(table.find("eth0")->has_address(Family::ipv4));
  EXPECT_FALSE(table.apply(link_message({.index = 8}, RTM_DELLINK)));
  EXPECT_TRUE(table.apply(link_message({.index = 7}, RTM_DELLINK)));
  EXPECT_TRUE(table.interfaces().empty());
}

TEST(InterfaceTable, ASecondMessageThatSaysTheSameChangesNothing) {
  InterfaceTable table = with_eth0();
  EXPECT_FALSE(table.apply(link_message({})));
  EXPECT_TRUE(table.apply(address_message({})));
  EXPECT_FALSE(table.apply(address_message({})));
  EXPECT_FALSE(table.apply(link_message({})));
  EXPECT_EQ(addresses_of(table), Texts{"10.0.0.1"});
}

TEST(InterfaceTable, IsUpWithSwitchAndStateAndCarrierAlone) {
  InterfaceTable table = with_eth0();
  for (const unsigned int flags : {0U, unsigned{IFF_UP}, unsigned{IFF_UP} | IFF_RUNNING,
                                   unsigned{IFF_UP} | IFF_LOWER_UP, unsigned{IFF_RUNNING} | IFF_LOWER_UP}) {
    table.apply(link_message({.flags = flags}));
    EXPECT_FALSE(table.find("eth0")->is_up) << flags;
  }
  EXPECT_TRUE(table.apply(link_message({.flags = kUsable | IFF_PROMISC})));
  EXPECT_TRUE(table.find("eth0")->is_up);
}

TEST(InterfaceTable, KeepsWhatAMessageDoesNotSay) {
  InterfaceTable table;
  table.apply(link_message({.kind = "wireguard", .type = ARPHRD_NONE}));
  EXPECT_FALSE(table.apply(link_message({.name = "", .type = ARPHRD_NONE})));
  EXPECT_EQ(table.find("eth0")->kind, "wireguard");
  EXPECT_TRUE(table.find("eth0")->is_tunnel);
  EXPECT_FALSE(table.apply(link_message({.index = 9, .name = ""})));
}

TEST(InterfaceTable, FollowsARenaming) {
  InterfaceTable table = with_eth0();
  table.apply(address_message({}));
  EXPECT_TRUE(table.apply(link_message({.name = "lan"})));
  EXPECT_EQ(table.find("eth0"), nullptr);
  EXPECT_EQ(addresses_of(table, "lan"), Texts{"10.0.0.1"});
}

TEST(InterfaceTable, APortThatLeavesItsBridgeIsStillThere) {
  InterfaceTable table = with_eth0();
  EXPECT_FALSE(table.apply(link_message({.family = AF_BRIDGE}, RTM_DELLINK)));
  EXPECT_NE(table.find("eth0"), nullptr);
}

struct TunnelRow {
  const char* kind;
  unsigned short type;
  bool is_tunnel;
};

TEST(InterfaceTable, TellsTunnelsFromUplinks) {
  const TunnelRow rows[] = {
      {"tun", ARPHRD_NONE, true},        {"tun", ARPHRD_ETHER, true},       {"wireguard", ARPHRD_NONE, true},
      {"amneziawg", ARPHRD_NONE, true},  {"ovpn", ARPHRD_NONE, true},       {"ipip", ARPHRD_TUNNEL, true},
      {"", ARPHRD_TUNNEL, true},         {"", ARPHRD_TUNNEL6, true},        {"", ARPHRD_SIT, true},
      {"", ARPHRD_IPGRE, true},          {"", ARPHRD_IP6GRE, true},         {"gretap", ARPHRD_ETHER, true},
      {"ip6gretap", ARPHRD_ETHER, true}, {"erspan", ARPHRD_ETHER, true},    {"xfrm", ARPHRD_NONE, true},
      {"vti6", ARPHRD_TUNNEL6, true},    {"vxlan", ARPHRD_ETHER, true},     {"geneve", ARPHRD_ETHER, true},
      {"", ARPHRD_ETHER, false},         {"", ARPHRD_NONE, false},          {"", ARPHRD_RAWIP, false},
      {"wwan", ARPHRD_NONE, false},      {"rmnet", ARPHRD_RAWIP, false},    {"ppp", ARPHRD_PPP, false},
      {"", ARPHRD_PPP, false},           {"veth", ARPHRD_ETHER, false},     {"dummy", ARPHRD_ETHER, false},
      {"bridge", ARPHRD_ETHER, false},   {"bond", ARPHRD_ETHER, false},     {"vlan", ARPHRD_ETHER, false},
      {"macvlan", ARPHRD_ETHER, false},  {"tunnelette", ARPHRD_NONE, false}};
  for (const TunnelRow& row : rows) {
    InterfaceTable table;
    table.apply(link_message({.kind = row.kind, .type = row.type}));
    ASSERT_NE(table.find("eth0"), nullptr);
    EXPECT_EQ(table.find("eth0")->is_tunnel, row.is_tunnel) << row.kind << " " << row.type;
    EXPECT_EQ(table.find("eth0")->kind, row.kind);
  }
  InterfaceTable table;
  table.apply(link_message({.name = "l2tpeth0"}));
  EXPECT_TRUE(table.find("l2tpeth0")->is_tunnel);
}

TEST(InterfaceTable, KnowsLoopback) {
  InterfaceTable table;
  table.apply(
      link_message({.index = 1, .name = "lo", .flags = kUsable | IFF_LOOPBACK, .type = ARPHRD_LOOPBACK}));
  EXPECT_TRUE(table.find("lo")->is_loopback);
  EXPECT_FALSE(table.apply(address_message({.local = "127.0.0.1", .scope = RT_SCOPE_HOST, .index = 1})));
  EXPECT_EQ(addresses_of(table, "lo"), Texts{});
}

TEST(InterfaceTable, TakesAddressesOfBothFamilies) {
  InterfaceTable table = with_eth0();
  EXPECT_TRUE(table.apply(address_message({})));
  EXPECT_TRUE(table.apply(address_message({.local = "169.254.1.1", .scope = RT_SCOPE_LINK})));
  EXPECT_TRUE(table.apply(address_message({.local = "2001:db8::1", .prefix = 64})));
  EXPECT_TRUE(table.apply(address_message({.local = "fe80::1", .prefix = 64, .scope = RT_SCOPE_LINK})));
  EXPECT_TRUE(table.apply(address_message({.local = "fd00::1", .prefix = 64})));
  EXPECT_EQ(addresses_of(table), (Texts{"10.0.0.1", "169.254.1.1", "2001:db8::1", "fe80::1%2", "fd00::1"}));
  EXPECT_TRUE(table.find("eth0")->has_address(Family::ipv4));
  EXPECT_TRUE(table.find("eth0")->has_address(Family::ipv6));
  EXPECT_TRUE(table.apply(address_message({}, RTM_DELADDR)));
  EXPECT_FALSE(table.apply(address_message({}, RTM_DELADDR)));
  EXPECT_TRUE(table.apply(address_message({.local = "169.254.1.1", .scope = RT_SCOPE_LINK}, RTM_DELADDR)));
  EXPECT_FALSE(table.find("eth0")->has_address(Family::ipv4));
}

TEST(InterfaceTable, LeavesOutAddressesUntilTheyAreKnownToBeOurs) {
  InterfaceTable table = with_eth0();
  const auto with_flags = [](std::uint32_t flags) {
    return address_message({.local = "2001:db8::1", .prefix = 64, .flags = flags});
  };
  EXPECT_FALSE(table.apply(with_flags(IFA_F_TENTATIVE)));
  EXPECT_FALSE(table.apply(with_flags(IFA_F_TENTATIVE | IFA_F_DADFAILED)));
  EXPECT_FALSE(table.apply(with_flags(IFA_F_DADFAILED | IFA_F_PERMANENT)));
  EXPECT_TRUE(table.apply(with_flags(IFA_F_PERMANENT | IFA_F_NOPREFIXROUTE)));
  EXPECT_EQ(addresses_of(table), Texts{"2001:db8::1"});
  EXPECT_TRUE(table.apply(with_flags(IFA_F_TENTATIVE)));
  EXPECT_EQ(addresses_of(table), Texts{});
  EXPECT_TRUE(table.apply(with_flags(IFA_F_TENTATIVE | IFA_F_OPTIMISTIC)));
}

TEST(InterfaceTable, ShowsDeprecatedAddressesLast) {
  InterfaceTable table = with_eth0();
  table.apply(address_message({.local = "2001:db8::1", .prefix = 64}));
  table.apply(address_message({.local = "2001:db8::2", .prefix = 64}));
  EXPECT_TRUE(
      table.apply(address_message({.local = "2001:db8::1", .prefix = 64, .flags = IFA_F_DEPRECATED})));
  EXPECT_EQ(addresses_of(table), (Texts{"2001:db8::2", "2001:db8::1"}));
  EXPECT_TRUE(table.apply(address_message({.local = "2001:db8::1", .prefix = 64})));
  EXPECT_EQ(addresses_of(table), (Texts{"2001:db8::1", "2001:db8::2"}));
}

TEST(InterfaceTable, AnAddressWithTwoPrefixesGoesWithTheSecond) {
  InterfaceTable table = with_eth0();
  EXPECT_TRUE(table.apply(address_message({.prefix = 24})));
  EXPECT_FALSE(table.apply(address_message({.prefix = 16})));
  EXPECT_EQ(addresses_of(table), Texts{"10.0.0.1"});
  EXPECT_FALSE(table.apply(address_message({.prefix = 24}, RTM_DELADDR)));
  EXPECT_TRUE(table.apply(address_message({.prefix = 16}, RTM_DELADDR)));
  EXPECT_EQ(addresses_of(table), Texts{});
}

TEST(InterfaceTable, OfAPointToPointLinkOurEndCounts) {
  InterfaceTable table = with_eth0();
  table.apply(address_message({.local = "10.0.0.1", .peer = "10.0.0.9", .prefix = 32}));
  table.apply(address_message({.local = "2001:db8::1", .peer = "2001:db8::9", .prefix = 128}));
  EXPECT_EQ(addresses_of(table), (Texts{"10.0.0.1", "2001:db8::1"}));
}

TEST(InterfaceTable, FindsWhoHasAnAddress) {
  InterfaceTable table = with_eth0();
  table.apply(link_message({.index = 3, .name = "eth1"}));
  table.apply(address_message({.index = 3}));
  table.apply(address_message({.local = "fe80::1", .scope = RT_SCOPE_LINK}));
  table.apply(address_message({.local = "fe80::1", .scope = RT_SCOPE_LINK, .index = 3}));
  EXPECT_EQ(table.owner_of(address("10.0.0.1").with_port(99)), table.find("eth1"));
  EXPECT_EQ(table.owner_of(address("10.0.0.2")), nullptr);
  EXPECT_EQ(table.owner_of({}), nullptr);
  EXPECT_EQ(table.owner_of(address("fe80::1%2")), table.find("eth0"));
  EXPECT_EQ(table.owner_of(address("fe80::1%3")), table.find("eth1"));
  table.apply(address_message({.index = 2}));
  table.apply(link_message({.flags = 0}));
  EXPECT_EQ(table.owner_of(address("10.0.0.1")), table.find("eth1"));
  table.apply(link_message({.index = 3, .name = "eth1", .flags = 0}));
  EXPECT_EQ(table.owner_of(address("10.0.0.1")), table.find("eth0"));
}

TEST(InterfaceTable, DoesNotBelieveAddressesOfNobody) {
  InterfaceTable table = with_eth0();
  EXPECT_FALSE(table.apply(address_message({.index = 3})));
  EXPECT_FALSE(table.apply(address_message({.local = "0.0.0.0"})));
  // A new interface with an old index has none of the old one's addresses.
  EXPECT_TRUE(table.apply(address_message({})));
  table.apply(link_message({}, RTM_DELLINK));
  table.apply(link_message({}));
  EXPECT_EQ(addresses_of(table), Texts{});
}

TEST(InterfaceTable, RefusesNamesThatNobodyCanUse) {
  for (const std::string& name :
       {std::string(16, 'x'), std::string("a b"), std::string("\x1b[2J"), std::string("\xff")}) {
    InterfaceTable table = with_eth0();
    EXPECT_FALSE(table.apply(link_message({.index = 3, .name = name}))) << name;
    // Renamed to it, the old name is not true any more.
    EXPECT_TRUE(table.apply(link_message({.name = name})));
    EXPECT_TRUE(table.interfaces().empty());
  }
  InterfaceTable table;
  EXPECT_TRUE(table.apply(link_message({.name = std::string(15, 'x')})));
}

TEST(InterfaceTable, HasItsLimits) {
  InterfaceTable table;
  for (int i = 1; i <= 4096; ++i)
    ASSERT_TRUE(table.apply(link_message({.index = i, .name = "e" + std::to_string(i)})));
  EXPECT_FALSE(table.overflowed());
  EXPECT_FALSE(table.apply(link_message({.index = 5000})));
  EXPECT_TRUE(table.overflowed());
  EXPECT_EQ(table.interfaces().size(), InterfaceTable::kMaxInterfaces);
  EXPECT_TRUE(table.apply(link_message({.index = 4096}, RTM_DELLINK)));
  EXPECT_TRUE(table.apply(link_message({.index = 5000})));

  InterfaceTable crowded = with_eth0();
  for (int i = 0; i < 256; ++i)
    ASSERT_TRUE(crowded.apply(address_message({.local = "10.0.1." + std::to_string(i)})));
  EXPECT_FALSE(crowded.overflowed());
  EXPECT_FALSE(crowded.apply(address_message({.local = "10.0.2.1"})));
  EXPECT_TRUE(crowded.overflowed());
  EXPECT_EQ(addresses_of(crowded).size(), InterfaceTable::kMaxAddresses);
}

void expect_sound(const InterfaceTable& table) {
  for (const auto& [index, interface] : table.interfaces()) {
    EXPECT_EQ(interface.index, index);
    EXPECT_FALSE(interface.name.empty());
    EXPECT_LE(interface.name.size(), 15U);
    EXPECT_TRUE(std::all_of(interface.name.begin(), interface.name.end(),
                            [](char c) { return c > ' ' && c <= '~'; }));
    EXPECT_LE(interface.kind.size(), 32U);
    for (const Endpoint& one : interface.addresses) {
      EXPECT_TRUE(one.is_set());
      EXPECT_EQ(one.port, 0);
    }
  }
}

const Message kSamples[] = {link_message({.name = "eth1", .kind = "wireguard"}), address_message({}),
                            address_message({.local = "2001:db8::1", .peer = "2001:db8::9"})};

TEST(InterfaceTable, SurvivesEveryTruncation) {
  for (const Message& sample : kSamples) {
    for (std::size_t size = 0; size < sample.size(); ++size) {
      // Cut off behind a header that promises more; then with a header that says how much there is.
      Message cut(sample.begin(), sample.begin() + static_cast<std::ptrdiff_t>(size));
      InterfaceTable table = with_eth0();
      EXPECT_FALSE(table.apply(cut)) << size;
      if (size < sizeof(nlmsghdr)) continue;
      const auto length = static_cast<std::uint32_t>(size);
      std::memcpy(cut.data(), &length, sizeof length);
      table.apply(cut);
      expect_sound(table);
    }
  }
}

TEST(InterfaceTable, SurvivesChangedBytes) {
  test::TestRandom random(1);
  InterfaceTable table = with_eth0();
  int changes = 0;
  for (int round = 0; round < 30000; ++round) {
    Message message = kSamples[random.below(std::size(kSamples))];
    const std::uint64_t count = 1 + random.below(3);
    for (std::uint64_t i = 0; i < count; ++i)
      message[random.below(message.size())] = static_cast<std::uint8_t>(random.u64());
    if (table.apply(message)) ++changes;
  }
  expect_sound(table);
  // Some got through and some did not, or this proves nothing.
  EXPECT_GT(changes, 100);
  EXPECT_LT(changes, 29000);
}

TEST(InterfaceTable, IgnoresOtherMessages) {
  InterfaceTable table = with_eth0();
  for (const int type : {NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, int{RTM_NEWROUTE}, int{RTM_NEWNEIGH}, 0xffff}) {
    const Message message = link_message({.name = "other"}, static_cast<std::uint16_t>(type));
    EXPECT_FALSE(table.apply(message)) << type;
  }
  EXPECT_FALSE(table.apply({}));
  EXPECT_EQ(table.interfaces().size(), 1U);
}

}  // namespace
}  // namespace mptunnel
