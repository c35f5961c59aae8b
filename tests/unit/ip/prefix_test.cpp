#include "mptunnel/ip/prefix.h"

#include <gtest/gtest.h>

#include "address_text.h"

namespace mptunnel {
namespace {

using test::address;

struct PrefixRow {
  const char* name;
  const char* word;
  const char* result;  ///< as it prints, or a part of the mistake
};
std::string row_name(const testing::TestParamInfo<PrefixRow>& row) {
  return row.param.name;
}

class PrefixWords : public testing::TestWithParam<PrefixRow> {};
TEST_P(PrefixWords, AreRead) {
  const auto prefix = parse_prefix(GetParam().word);
  ASSERT_TRUE(prefix) << prefix.error();
  EXPECT_EQ(prefix->to_string(), GetParam().result);
}
INSTANTIATE_TEST_SUITE_P(Rows, PrefixWords,
                         testing::Values(PrefixRow{"Ipv4", "10.42.42.0/24", "10.42.42.0/24"},
                                         PrefixRow{"NoMultipleOf8", "10.42.64.0/18", "10.42.64.0/18"},
                                         PrefixRow{"All", "0.0.0.0/0", "0.0.0.0/0"},
                                         PrefixRow{"One", "10.42.42.7/32", "10.42.42.7/32"},
                                         PrefixRow{"AddressAlone", "10.42.42.7", "10.42.42.7/32"},
                                         PrefixRow{"Ipv6", "2001:DB8:0::/33", "2001:db8::/33"},
                                         PrefixRow{"All6", "::/0", "::/0"},
                                         PrefixRow{"One6", "fd00::1/128", "fd00::1/128"},
                                         PrefixRow{"AddressAlone6", "fd00::1", "fd00::1/128"}),
                         row_name);

class PrefixMistakes : public testing::TestWithParam<PrefixRow> {};
TEST_P(PrefixMistakes, SayWhatWouldBeRight) {
  const auto prefix = parse_prefix(GetParam().word);
  ASSERT_FALSE(prefix) << prefix->to_string();
  EXPECT_NE(prefix.error().find(GetParam().result), std::string::npos) << prefix.error();
}
INSTANTIATE_TEST_SUITE_P(
    Rows, PrefixMistakes,
    testing::Values(
        PrefixRow{"Empty", "",
                  "'' does not begin with an IPv4 or IPv6 address: write one as in '10.42.42.0/24'"},
        PrefixRow{"Name", "office/24", "'office/24' does not begin with"},
        PrefixRow{"ThreeNumbers", "10.0.0/8", "does not begin with"},
        PrefixRow{"Mapped", "::ffff:10.0.0.0/104", "does not begin with"},
        PrefixRow{"Zone", "fe80::1%2/64", "does not begin with"},
        PrefixRow{"HostBits", "10.42.42.1/24",
                  "'10.42.42.1/24' has bits behind its prefix: write 10.42.42.0/24 for the network, or "
                  "10.42.42.1/32 for the one address"},
        PrefixRow{"HostBits6", "fd00::1/64", "write fd00::/64 for the network, or fd00::1/128"},
        PrefixRow{"TooLong", "10.0.0.0/33",
                  "has no prefix length that IPv4 knows: write a number from 0 to 32 behind the slash"},
        PrefixRow{"TooLong6", "fd00::/129", "that IPv6 knows: write a number from 0 to 128"},
        PrefixRow{"NoLength", "10.0.0.0/", "has no prefix length"},
        PrefixRow{"Mask", "10.0.0.0/255.0.0.0", "has no prefix length"},
        PrefixRow{"Negative", "10.0.0.0/-1", "has no prefix length"},
        PrefixRow{"Plus", "10.0.0.0/+8", "has no prefix length"},
        PrefixRow{"LeadingZero", "10.0.0.0/08", "has no prefix length"},
        PrefixRow{"Twice", "10.0.0.0/8/8", "has no prefix length"},
        PrefixRow{"Huge", "10.0.0.0/99999999999999999999", "has no prefix length"},
        PrefixRow{"ControlCharacters", "\x1b[31m/8", "'?[31m/8' does not"}),
    row_name);

class AddressPrefixMistakes : public testing::TestWithParam<PrefixRow> {};
TEST_P(AddressPrefixMistakes, SayWhatWouldBeRight) {
  const auto parsed = parse_address_prefix(GetParam().word);
  ASSERT_FALSE(parsed) << parsed->to_string();
  EXPECT_NE(parsed.error().find(GetParam().result), std::string::npos) << parsed.error();
}
INSTANTIATE_TEST_SUITE_P(
    Rows, AddressPrefixMistakes,
    testing::Values(PrefixRow{"NoLength", "10.42.42.1",
                              "has no prefix length: write the size of its network"},
                    PrefixRow{"Network", "10.42.42.0/24", "is the address of the network itself"},
                    PrefixRow{"Broadcast", "10.42.42.255/24", "is the broadcast address of its network"},
                    PrefixRow{"BroadcastOfAnOddLength", "10.42.63.255/18", "is the broadcast address"},
                    PrefixRow{"Multicast", "224.0.0.1/24", "is no address that a host may have"},
                    PrefixRow{"Loopback", "127.0.0.1/8", "is no address that a host may have"},
                    PrefixRow{"Any", "0.0.0.0/0", "is no address that a host may have"},
                    PrefixRow{"Any6", "::/64", "is no address that a host may have"}),
    row_name);

TEST(AddressPrefix, KeepsTheAddressAndKnowsItsNetwork) {
  const auto parsed = parse_address_prefix("10.42.77.1/18");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(parsed->to_string(), "10.42.77.1/18");
  EXPECT_EQ(parsed->network().to_string(), "10.42.64.0/18");
  EXPECT_TRUE(parsed->is_broadcast(address("10.42.127.255")));
  EXPECT_FALSE(parsed->is_broadcast(address("10.42.126.255")));
  EXPECT_FALSE(parsed->is_broadcast(address("10.42.127.254")));
  EXPECT_FALSE(parsed->is_broadcast(address("::")));
}

TEST(AddressPrefix, OfTwoAddressesBothAreHosts) {
  for (const char* word : {"10.0.0.0/31", "10.0.0.1/31", "10.0.0.1/32", "fd00::/64", "fd00::ffff/127"}) {
    const auto parsed = parse_address_prefix(word);
    ASSERT_TRUE(parsed) << parsed.error();
    EXPECT_FALSE(parsed->is_broadcast(parsed->address));
    EXPECT_EQ(parsed->to_string(), word);
  }
}

TEST(Prefix, ContainsWhatBeginsAlike) {
  const Prefix prefix = parse_prefix("10.42.64.0/18").value();
  EXPECT_TRUE(prefix.contains(address("10.42.64.0")));
  EXPECT_TRUE(prefix.contains(address("10.42.127.255")));
  EXPECT_TRUE(prefix.contains(prefix));
  EXPECT_TRUE(prefix.contains(prefix_of(address("10.42.65.0"), prefix.length + 1U)));
  EXPECT_FALSE(prefix.contains(prefix_of(address("10.42.65.0"), prefix.length - 1U)));
  EXPECT_FALSE(prefix.contains(prefix_of(address("10.42.128.0"), 32)));
  EXPECT_FALSE(prefix.contains(prefix_of(address("fd00::"), 128)));
  EXPECT_FALSE(prefix.contains(address("10.42.128.0")));
  EXPECT_FALSE(prefix.contains(address("10.42.63.255")));
  EXPECT_FALSE(prefix.contains(address("a2a:4000::")));
  EXPECT_TRUE(parse_prefix("::/0")->contains(address("ff02::1")));
  EXPECT_FALSE(parse_prefix("::/0")->contains(address("10.0.0.1")));
}

}  // namespace
}  // namespace mptunnel
