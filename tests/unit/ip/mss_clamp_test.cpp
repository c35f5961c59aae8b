#include "mptunnel/ip/mss_clamp.h"

#include <gtest/gtest.h>

#include "support/common/prng.h"
#include "support/ip_packets.h"

namespace mptunnel {
namespace {

using namespace test;

PacketBytes mss(std::uint16_t value) {
  PacketBytes option{2, 4};
  append_number(option, value, 2);
  return option;
}
PacketBytes options(std::initializer_list<PacketBytes> parts) {
  PacketBytes all;
  for (const PacketBytes& part : parts) append(all, part);
  all.resize((all.size() + 3) / 4 * 4);
  return all;
}
PacketSpec syn(PacketBytes tcp_options, PacketSpec spec = {}) {
  spec.flags = 0x02;
  spec.tcp_options = std::move(tcp_options);
  return spec;
}
/// Clamps in place.
bool clamp(PacketBytes& bytes, std::size_t mtu = 1400) {
  const auto packet = parse_ip_packet(bytes);
  EXPECT_TRUE(packet);
  return clamp_mss(bytes, *packet, mtu);
}

struct ClampRow {
  const char* name;
  PacketSpec before;
  PacketSpec after;  ///< the same if nothing is to change
};
class MssClamp : public testing::TestWithParam<ClampRow> {};

TEST_P(MssClamp, LeavesAPacketAsIfMadeWithIt) {
  PacketBytes bytes = make_tcp(GetParam().before);
  const PacketBytes expected = make_tcp(GetParam().after);
  EXPECT_EQ(clamp(bytes), make_tcp(GetParam().before) != expected);
  EXPECT_EQ(bytes, expected);
  EXPECT_FALSE(clamp(bytes)) << "a second time";
}

ClampRow same(const char* name, const PacketSpec& spec) {
  return {name, spec, spec};
}
PacketSpec with_flags(PacketSpec spec, std::uint8_t flags) {
  spec.flags = flags;
  return spec;
}
PacketSpec with_fragment(PacketSpec spec, std::uint16_t fragment) {
  spec.fragment = fragment;
  return spec;
}

const PacketBytes kNop{1};
const PacketBytes kTimestamps{8, 10, 2, 4, 0xff, 0xff, 2, 4, 0xff, 0xff};

INSTANTIATE_TEST_SUITE_P(
    Rows, MssClamp,
    testing::Values(
        ClampRow{"Syn", syn(options({mss(1460)})), syn(options({mss(1360)}))},
        ClampRow{"SynAck", with_flags(syn(options({mss(1460)})), 0x12),
                 with_flags(syn(options({mss(1360)})), 0x12)},
        ClampRow{"Ipv6", syn(options({mss(1440)}), ipv6_spec()), syn(options({mss(1340)}), ipv6_spec())},
        ClampRow{"OneTooMany", syn(options({mss(1361)})), syn(options({mss(1360)}))},
        ClampRow{"OddPlace", syn(options({kNop, mss(9000), {3, 3, 7}})),
                 syn(options({kNop, mss(1360), {3, 3, 7}}))},
        ClampRow{"BehindOthers", syn(options({kTimestamps, kNop, kNop, mss(65535)})),
                 syn(options({kTimestamps, kNop, kNop, mss(1360)}))},
        ClampRow{"EachOfTwo", syn(options({mss(1460), mss(8960)})), syn(options({mss(1360), mss(1360)}))},
        ClampRow{"UnknownBefore", syn(options({{253, 6, 2, 4, 0xff, 0xff}, mss(1460)})),
                 syn(options({{253, 6, 2, 4, 0xff, 0xff}, mss(1360)}))},
        same("Fits", syn(options({mss(1360)}))), same("Smaller", syn(options({mss(536)}))),
        same("None", syn({})), same("NoSyn", with_flags(syn(options({mss(1460)})), 0x10)),
        same("OtherLength", syn({2, 3, 0xff, 1, 2, 5, 0xff, 0xff, 0xff, 0, 0, 0})),
        same("BehindTheEnd", syn({0, 2, 4, 0xff, 0xff, 0, 0, 0})),
        same("LengthZero", syn({5, 0, 2, 4, 0xff, 0xff, 0, 0})),
        same("LengthOne", syn({5, 1, 2, 4, 0xff, 0xff, 0, 0})),
        same("LengthPastTheHeader", syn({5, 7, 1, 1, 2, 4, 0xff, 0xff})), same("CutOff", syn({1, 1, 2, 4})),
        same("KindAlone", syn({1, 1, 1, 2})),
        same("LaterFragment", with_fragment(syn(options({mss(1460)})), 100))),
    [](const auto& row) { return std::string(row.param.name); });

TEST(MssClamp, HasAFloorAndABound) {
  for (const std::size_t mtu : {std::size_t{0}, std::size_t{40}, std::size_t{128}}) {
    PacketBytes bytes = make_tcp(syn(options({mss(1460)})));
    EXPECT_TRUE(clamp(bytes, mtu));
    EXPECT_EQ(bytes, make_tcp(syn(options({mss(88)})))) << mtu;
  }
  PacketBytes bytes = make_tcp(syn(options({mss(0xffff)})));
  EXPECT_FALSE(clamp(bytes, 200000));
}

TEST(MssClamp, OtherProtocolsStay) {
  const PacketBytes tcp = make_tcp(syn(options({mss(1460)})));
  PacketBytes bytes = make_ip({}, 17, ConstBytes(tcp).subspan(20));
  const PacketBytes before = bytes;
  EXPECT_FALSE(clamp(bytes));
  EXPECT_EQ(bytes, before);
}

TEST(MssClamp, HeaderLongerThanThePacketIsNotLeft) {
  PacketBytes bytes = make_tcp(syn(options({mss(1460)})));
  bytes[32] = 0xf0;
  EXPECT_TRUE(clamp(bytes));
  bytes = make_ip({}, 6, PacketBytes(19, 0xff));
  EXPECT_FALSE(clamp(bytes));
}

TEST(MssClamp, AnyOptionsKeepTheChecksumRight) {
  Prng random(4);
  std::size_t changed = 0;
  for (int i = 0; i < 20000; ++i) {
    PacketBytes list(random.below(11) * 4);
    for (std::uint8_t& byte : list) {
      // Mostly what could be an option.
      byte = static_cast<std::uint8_t>(random.below(3) == 0 ? random.u64() : random.below(6));
    }
    PacketSpec spec = syn(list, random.below(2) == 0 ? PacketSpec{} : ipv6_spec());
    spec.payload = some_payload(random.below(5));
    PacketBytes bytes = make_tcp(spec);
    if (!clamp(bytes, 600)) {
      ASSERT_EQ(bytes, make_tcp(spec));
      continue;
    }
    ++changed;
    const std::size_t header = bytes[0] >> 4U == 4 ? 20 : 40;
    PacketBytes tcp(bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end());
    const PacketBytes before = tcp;
    complete(tcp, spec, 6);
    ASSERT_EQ(tcp, before);
  }
  EXPECT_GT(changed, 200U);
}

}  // namespace
}  // namespace mptunnel
