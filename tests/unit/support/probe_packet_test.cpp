#include <gtest/gtest.h>

#include <vector>

#include "support/probe/packet.h"

namespace mptunnel::test {
namespace {

constexpr ProbeHeader kHeader{
    .run = 0x01020304, .flow = 0x0506, .number = 0x0708090a, .sent = TimePoint(Duration(0x0b0c0d0e0f101112))};

std::vector<std::uint8_t> encoded(std::size_t bytes, const ProbeHeader& header = kHeader) {
  std::vector<std::uint8_t> out(bytes);
  encode_probe(header, out);
  return out;
}

TEST(ProbePacket, ComesBackAtEverySize) {
  for (std::size_t bytes = kProbeHeaderBytes; bytes < 100; ++bytes) {
    const auto decoded = decode_probe(encoded(bytes));
    ASSERT_TRUE(decoded) << bytes;
    EXPECT_EQ(*decoded, kHeader) << bytes;
  }
  EXPECT_EQ(*decode_probe(encoded(kMaxProbeBytes)), kHeader);
}

TEST(ProbePacket, HasTheLayoutOfItsDiagram) {
  const auto bytes = encoded(kProbeHeaderBytes);
  const std::vector<std::uint8_t> expected{'m', 'p', 'p', '1', 0, 0,  0,  0,  1,  2,  3,  4,  5,  6,
                                           0,   28,  7,   8,   9, 10, 11, 12, 13, 14, 15, 16, 17, 18};
  ASSERT_EQ(bytes.size(), expected.size());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool is_checksum = i >= 4 && i < 8;
    EXPECT_TRUE(is_checksum || bytes[i] == expected[i]) << i;
  }
}

TEST(ProbePacket, RefusesEveryTruncation) {
  const auto whole = encoded(90);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const auto decoded = decode_probe(ConstBytes(whole).first(length));
    ASSERT_FALSE(decoded) << length;
    EXPECT_EQ(decoded.error(), length < kProbeHeaderBytes ? ProbeFault::too_short : ProbeFault::corrupted)
        << length;
  }
}

TEST(ProbePacket, RefusesEveryFlippedBit) {
  auto bytes = encoded(91);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<std::uint8_t>(1U << bit % 8);
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ mask);
    ASSERT_FALSE(decode_probe(bytes)) << bit;
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ mask);
  }
  EXPECT_TRUE(decode_probe(bytes));
}

TEST(ProbePacket, RefusesAByteMoreAndTwoSwapped) {
  auto bytes = encoded(200);
  bytes.push_back(0);
  EXPECT_FALSE(decode_probe(bytes));
  bytes.pop_back();
  std::swap(bytes[100], bytes[108]);
  EXPECT_FALSE(decode_probe(bytes));
}

TEST(ProbePacket, PayloadFollowsFromRunFlowAndNumber) {
  const auto payload = [](const ProbeHeader& header) {
    const auto bytes = encoded(1000, header);
    return std::vector<std::uint8_t>(bytes.begin() + kProbeHeaderBytes, bytes.end());
  };
  const auto base = payload(kHeader);
  ProbeHeader other = kHeader;
  other.sent += Duration(1);
  EXPECT_EQ(payload(other), base);
  for (const auto change : {0, 1, 2}) {
    other = kHeader;
    if (change == 0) ++other.run;
    if (change == 1) ++other.flow;
    if (change == 2) ++other.number;
    EXPECT_NE(payload(other), base) << change;
  }
}

}  // namespace
}  // namespace mptunnel::test
