#include "mptunnel/engine/loop_guard.h"

#include <gtest/gtest.h>

#include "mptunnel/wire/header.h"
#include "some_values.h"

namespace mptunnel {
namespace {

using test::kEpoch;
using test::kPath;

constexpr TimePoint kNow{100s};

/// A CONTROL packet of this size, with `in_front` bytes of a tunnel device before it.
std::vector<std::uint8_t> packet(std::uint32_t number, std::size_t size = kProbeBytes,
                                 std::size_t in_front = 0) {
  std::vector<std::uint8_t> bytes(in_front + size);
  encode_header({PacketType::control, kEpoch, PacketNumber{number}}, Bytes(bytes).subspan(in_front));
  return bytes;
}

class LoopGuardTest : public testing::Test {
 protected:
  LoopGuardTest() {
    for (std::uint32_t number = 0; number < 8; ++number)
      guard_.on_sent(kEpoch, PacketNumber{number}, number < 6 ? kPath : PathId{4});
  }
  LoopGuard guard_;
};

TEST_F(LoopGuardTest, FindsThePathOfAPingThatCameBack) {
  for (const std::size_t size : {kProbeBytes, kHelloBytes}) {
    for (const std::size_t in_front : {0U, 28U, 48U}) {
      const auto hit = LoopGuard(guard_).find(packet(0, size, in_front), kNow);
      ASSERT_TRUE(hit) << size << " behind " << in_front;
      EXPECT_EQ(hit->path, kPath);
      EXPECT_FALSE(hit->is_certain);
    }
  }
}

TEST_F(LoopGuardTest, IsCertainAtTheSecondPingOfOnePath) {
  EXPECT_FALSE(guard_.find(packet(0), kNow)->is_certain);
  EXPECT_FALSE(guard_.find(packet(6), kNow)->is_certain) << "another path's";
  EXPECT_FALSE(guard_.find(packet(0), kNow)->is_certain) << "the same once more may be anybody's doing";
  const auto hit = guard_.find(packet(1), kNow + kDataMovesFor - 1ns);
  ASSERT_TRUE(hit);
  EXPECT_TRUE(hit->is_certain);
}

TEST_F(LoopGuardTest, IsNotCertainIfTheFirstCameLongAgo) {
  guard_.find(packet(0), kNow);
  EXPECT_FALSE(guard_.find(packet(1), kNow + kDataMovesFor)->is_certain);
}

TEST_F(LoopGuardTest, DatagramsOfTheApplicationAreNone) {
  EXPECT_FALSE(guard_.find({}, kNow));
  EXPECT_FALSE(guard_.find(packet(8), kNow)) << "a number that was not sent";
  EXPECT_FALSE(guard_.find(ConstBytes(packet(0)).first(kProbeBytes - 1), kNow)) << "cut short";
  EXPECT_FALSE(guard_.find(packet(0, kProbeBytes, 5), kNow)) << "behind what no device puts there";
  EXPECT_FALSE(guard_.find(std::vector<std::uint8_t>(kHelloBytes + 28), kNow));
}

TEST_F(LoopGuardTest, PacketUnderAnotherKeyIsNone) {
  guard_.on_sent(SessionIndex{78}, PacketNumber{0}, kPath);
  EXPECT_FALSE(guard_.find(packet(0), kNow));
}

}  // namespace
}  // namespace mptunnel
