#include "mptunnel/engine/link/control_packet.h"

#include <gtest/gtest.h>

#include "link_support.h"

namespace mptunnel {
namespace {

using test::kEpochStart;
using test::Packet;

using Keys = test::EpochPair;
constexpr Cipher kCipher = Cipher::chacha20_poly1305;

TEST(SealMtuProbe, HasExactlyItsSizeAndSaysIt) {
  for (const std::size_t size :
       {kLeastMtu, kBaseMtu, std::size_t{1472}, std::size_t{8972}, kMaxPacketBytes}) {
    Keys keys(kCipher);
    Output out;
    ASSERT_TRUE(seal_mtu_probe(keys.client, PathId{3}, size, out, kEpochStart));
    ASSERT_EQ(out.arena.size(), size);
    Packet packet(out.arena.begin(), out.arena.end());
    const auto frames = keys.server.open_control(*decode_header(packet), packet, kEpochStart);
    ASSERT_TRUE(frames);
    EXPECT_FALSE(check_frames(*frames));
    FrameReader reader(*frames);
    const auto probe = std::get<MtuProbeFrame>(*reader.next());
    EXPECT_EQ(probe.path, PathId{3});
    EXPECT_EQ(probe.size, size);
    EXPECT_FALSE(reader.next()) << "padding alone";
  }
}

TEST(SealMtuProbe, UnderASpentKeyLeavesNothing) {
  Keys keys(kCipher);
  Output out;
  const auto sealed = seal_mtu_probe(keys.client, PathId{3}, 1472, out, kEpochStart + kRejectAfter);
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error(), Drop::key_expired);
  EXPECT_TRUE(out.arena.empty());
}

TEST(ProbeBytes, AnswerWithHelloPongAndChallengeIsNoLarger) {
  Keys keys(kCipher);
  Output out;
  const auto answer = seal_control_packet(
      keys.client, {ServerHelloFrame{true}, PongFrame{}, ChallengeFrame{1}}, 0, out, kEpochStart);
  ASSERT_TRUE(answer);
  EXPECT_LE(*answer, kProbeBytes);
  const auto ping = seal_control_packet(keys.client, {PingFrame{}}, kProbeFrameBytes, out, kEpochStart);
  EXPECT_EQ(*ping, kProbeBytes);
}

}  // namespace
}  // namespace mptunnel
