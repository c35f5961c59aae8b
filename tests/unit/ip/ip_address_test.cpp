#include "mptunnel/ip/ip_address.h"

#include <gtest/gtest.h>

namespace mptunnel {
namespace {

struct AddressRow {
  const char* name;
  const char* text;
  bool is_unspecified;
  bool is_loopback;
  bool is_multicast;
  bool is_broadcast;
  bool is_host;
};
class IpAddresses : public testing::TestWithParam<AddressRow> {};

TEST_P(IpAddresses, AreTold) {
  const AddressRow& row = GetParam();
  const auto address = parse_ip_address(row.text);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->is_unspecified(), row.is_unspecified);
  EXPECT_EQ(address->is_loopback(), row.is_loopback);
  EXPECT_EQ(address->is_multicast(), row.is_multicast);
  EXPECT_EQ(address->is_broadcast(), row.is_broadcast);
  EXPECT_EQ(address->is_host(), row.is_host);
  EXPECT_EQ(address->to_string(), row.text);
  EXPECT_EQ(IpAddress::from(address->bytes()), *address);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, IpAddresses,
    testing::Values(AddressRow{"Private", "10.42.42.1", false, false, false, false, true},
                    AddressRow{"ThisNetwork", "0.0.0.7", true, false, false, false, false},
                    AddressRow{"Loopback", "127.1.2.3", false, true, false, false, false},
                    AddressRow{"LastBeforeMulticast", "223.255.255.255", false, false, false, false, true},
                    AddressRow{"Multicast", "224.0.0.1", false, false, true, false, false},
                    AddressRow{"LastMulticast", "239.255.255.255", false, false, true, false, false},
                    AddressRow{"ClassE", "240.0.0.1", false, false, false, false, false},
                    AddressRow{"Broadcast", "255.255.255.255", false, false, false, true, false},
                    AddressRow{"Ipv6", "2001:db8::1", false, false, false, false, true},
                    AddressRow{"LinkLocal6", "fe80::1", false, false, false, false, true},
                    AddressRow{"AllOnesIn4Bytes6", "ffff:ffff::1", false, false, true, false, false},
                    AddressRow{"Any6", "::", true, false, false, false, false},
                    AddressRow{"Loopback6", "::1", false, true, false, false, false},
                    AddressRow{"Multicast6", "ff02::1", false, false, true, false, false}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(IpAddress, FromTextHasNoZoneAndNoMappedForm) {
  for (const char* text : {"", "10.0.0", "10.0.0.1.2", "fe80::1%2", "::ffff:10.0.0.1", "host", "[::1]"}) {
    EXPECT_FALSE(parse_ip_address(text)) << text;
  }
}

TEST(IpAddress, MappedInAPacketIsAnotherAddress) {
  const std::array<std::uint8_t, 16> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
  const IpAddress address = IpAddress::from(mapped);
  EXPECT_EQ(address.family, Family::ipv6);
  EXPECT_NE(address, *parse_ip_address("10.0.0.1"));
}

TEST(IpAddress, UnsetHasNoBytes) {
  EXPECT_TRUE(IpAddress{}.bytes().empty());
  EXPECT_EQ(IpAddress{}.to_string(), "-");
}

}  // namespace
}  // namespace mptunnel
