#include "mptunnel/ip/marks.h"

#include <gtest/gtest.h>

#include "mptunnel/ip/ip_packet.h"
#include "support/ip_packets.h"

namespace mptunnel {
namespace {

using namespace test;

TEST(Marks, AreThoseOfThePacketAndItsOnePlace) {
  for (PacketSpec spec : {PacketSpec{}, ipv6_spec()}) {
    for (unsigned value = 0; value < 256; ++value) {
      spec.traffic_class = static_cast<std::uint8_t>(value);
      const PacketBytes bytes = make_udp(spec);
      const Marks marks = marks_of(parse_ip_packet(bytes).value());
      ASSERT_EQ(marks.dscp, value >> 2U);
      ASSERT_EQ(static_cast<unsigned>(marks.ecn), value & 3U);
      ASSERT_EQ(marks.traffic_class(), value);
      ASSERT_EQ(Marks::of_traffic_class(static_cast<std::uint8_t>(value)), marks);
      ASSERT_EQ(ecn_of(bytes), marks.ecn);
    }
  }
}

TEST(Marks, OuterOnesAreTheInnerOnesUnlessTheDscpIsFixed) {
  for (const Ecn ecn : {Ecn::not_ect, Ecn::ect0, Ecn::ect1, Ecn::ce}) {
    EXPECT_EQ(outer_marks({46, ecn}, std::nullopt), (Marks{46, ecn}));
    EXPECT_EQ(outer_marks({46, ecn}, std::uint8_t{8}), (Marks{8, ecn}));
    EXPECT_EQ(outer_marks({46, ecn}, std::uint8_t{0}), (Marks{0, ecn}));
  }
}

/// Figure 4 of RFC 6040, section 4.2, as it is printed: a row for each inner, a column for each outer.
TEST(Marks, ForwardedEcnIsThatOfRfc6040) {
  constexpr std::array<Ecn, 4> kOuter{Ecn::not_ect, Ecn::ect0, Ecn::ect1, Ecn::ce};
  struct Row {
    Ecn inner;
    std::array<std::optional<Ecn>, 4> forwarded;
  };
  const std::array<Row, 4> rows{{
      {Ecn::not_ect, {Ecn::not_ect, Ecn::not_ect, Ecn::not_ect, std::nullopt}},
      {Ecn::ect0, {Ecn::ect0, Ecn::ect0, Ecn::ect1, Ecn::ce}},
      {Ecn::ect1, {Ecn::ect1, Ecn::ect1, Ecn::ect1, Ecn::ce}},
      {Ecn::ce, {Ecn::ce, Ecn::ce, Ecn::ce, Ecn::ce}},
  }};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kOuter.size(); ++i) {
      EXPECT_EQ(forwarded_ecn(row.inner, kOuter.at(i)), row.forwarded.at(i))
          << static_cast<unsigned>(row.inner) << " in " << static_cast<unsigned>(kOuter.at(i));
    }
  }
}

TEST(Marks, ThatOfAPacketInPartsTellsOfTheMostCongestion) {
  constexpr std::array<Ecn, 4> kByCongestion{Ecn::not_ect, Ecn::ect0, Ecn::ect1, Ecn::ce};
  for (std::size_t one = 0; one < 4; ++one) {
    for (std::size_t other = 0; other < 4; ++other) {
      const OuterEcn first{kByCongestion.at(one)};
      const OuterEcn unsure{kByCongestion.at(other), false};
      const OuterEcn most{kByCongestion.at(std::max(one, other)), one >= other};
      EXPECT_EQ(joined_ecn(first, unsure), most);
      EXPECT_EQ(joined_ecn(unsure, first), most);
    }
  }
}

TEST(Marks, SetEcnLeavesAPacketAsIfMadeWithIt) {
  for (PacketSpec spec : {PacketSpec{}, ipv6_spec()}) {
    spec.payload = some_payload(9);
    for (unsigned value = 0; value < 256; ++value) {
      for (unsigned ecn = 0; ecn < 4; ++ecn) {
        spec.traffic_class = static_cast<std::uint8_t>(value);
        PacketBytes bytes = make_udp(spec);
        set_ecn(bytes, static_cast<Ecn>(ecn));
        spec.traffic_class = static_cast<std::uint8_t>((value & 0xfcU) | ecn);
        ASSERT_EQ(bytes, make_udp(spec)) << value << " " << ecn;
      }
    }
  }
}

TEST(Marks, SetEcnLeavesAWrongChecksumWrong) {
  PacketBytes bytes = make_udp({});
  bytes[11] ^= 1;
  set_ecn(bytes, Ecn::ce);
  EXPECT_NE(plain_sum(ConstBytes(bytes).first(20)), 0xffff);
}

}  // namespace
}  // namespace mptunnel
