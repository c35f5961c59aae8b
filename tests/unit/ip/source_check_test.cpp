#include "mptunnel/ip/source_check.h"

#include <gtest/gtest.h>

#include "support/ip_packets.h"

namespace mptunnel {
namespace {

constexpr PrefixTable::Value kAnna = 1;
constexpr PrefixTable::Value kBert = 2;

PrefixTable owners() {
  PrefixTable table;
  table.insert(parse_prefix("10.0.0.1").value(), kAnna);
  table.insert(parse_prefix("192.168.0.0/16").value(), kAnna);
  table.insert(parse_prefix("192.168.7.0/24").value(), kBert);
  table.insert(parse_prefix("2001:db8::/64").value(), kAnna);
  table.insert(parse_prefix("0.0.0.0/0").value(), kBert);
  return table;
}

struct SourceRow {
  const char* name;
  const char* source;
  SourceVerdict of_anna;
  SourceVerdict of_bert;
};
class SourceCheck : public testing::TestWithParam<SourceRow> {};

TEST_P(SourceCheck, TellsWhoseItIs) {
  test::PacketSpec spec;
  spec.source = GetParam().source;
  spec.destination = spec.source;
  const test::PacketBytes bytes = make_udp(spec);
  const IpPacket packet = parse_ip_packet(bytes).value();
  const PrefixTable table = owners();
  EXPECT_EQ(check_source(table, packet, kAnna), GetParam().of_anna);
  EXPECT_EQ(check_source(table, packet, kBert), GetParam().of_bert);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, SourceCheck,
    testing::Values(SourceRow{"Own", "10.0.0.1", SourceVerdict::owned, SourceVerdict::foreign},
                    SourceRow{"OwnNetwork", "192.168.9.9", SourceVerdict::owned, SourceVerdict::foreign},
                    SourceRow{"NetworkWithin", "192.168.7.9", SourceVerdict::foreign, SourceVerdict::owned},
                    SourceRow{"Rest", "10.0.0.2", SourceVerdict::foreign, SourceVerdict::owned},
                    SourceRow{"Own6", "2001:db8::9", SourceVerdict::owned, SourceVerdict::foreign},
                    SourceRow{"Nobodys", "2001:db9::9", SourceVerdict::foreign, SourceVerdict::foreign},
                    SourceRow{"Unspecified", "0.0.0.0", SourceVerdict::no_host, SourceVerdict::no_host},
                    SourceRow{"Loopback", "127.0.0.1", SourceVerdict::no_host, SourceVerdict::no_host},
                    SourceRow{"Multicast", "224.0.0.5", SourceVerdict::no_host, SourceVerdict::no_host},
                    SourceRow{"Broadcast", "255.255.255.255", SourceVerdict::no_host, SourceVerdict::no_host},
                    SourceRow{"Multicast6", "ff02::1", SourceVerdict::no_host, SourceVerdict::no_host}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SourceCheck, MappedAddressIsNotTheIpv4One) {
  test::PacketBytes bytes = make_udp(test::ipv6_spec());
  const std::array<std::uint8_t, 16> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
  std::copy(mapped.begin(), mapped.end(), bytes.begin() + 8);
  EXPECT_EQ(check_source(owners(), parse_ip_packet(bytes).value(), kAnna), SourceVerdict::foreign);
}

}  // namespace
}  // namespace mptunnel
