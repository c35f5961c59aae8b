// KeyEpoch: which packet numbers have come.

#include <gtest/gtest.h>

#include "epoch_support.h"

namespace mptunnel {
namespace {

using test::EpochPair;
using test::Kind;
using test::Packet;

TEST(KeyEpochSeen, SaysWhichNumbersCameOfEachType) {
  EpochPair pair(Cipher::aes_256_gcm);
  for (const Kind kind : {Kind::data, Kind::control}) {
    const Packet came = *test::seal(pair.client, kind, "x");
    const Packet stays_away = *test::seal(pair.client, kind, "x");
    EXPECT_FALSE(pair.server.is_seen(*decode_header(came)));
    ASSERT_TRUE(test::open(pair.server, came));
    EXPECT_TRUE(pair.server.is_seen(*decode_header(came)));
    EXPECT_FALSE(pair.server.is_seen(*decode_header(stays_away)));
  }
}

}  // namespace
}  // namespace mptunnel
