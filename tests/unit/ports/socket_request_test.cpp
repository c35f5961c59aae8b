#include <gtest/gtest.h>

#include <optional>

#include "mptunnel/ports/socket_factory.h"

namespace mptunnel {
namespace {

constexpr SocketUse kAllUses[]{SocketUse::bridge, SocketUse::target, SocketUse::applications,
                               SocketUse::paths};

UdpSocketOptions options(SocketUse use, const SocketTuning& tuning = {}) {
  return options_for({.use = use, .bind = {}, .connect = {}, .device = "eth0"}, tuning);
}

TEST(SocketRequest, TuningHoldsForAll) {
  for (const SocketUse use : kAllUses) {
    EXPECT_TRUE(options(use).offload);
    EXPECT_FALSE(options(use, {.offload = false, .copy_dscp = true}).offload);
    EXPECT_FALSE(options(use, {.offload = true, .copy_dscp = false}).read_marks);
    EXPECT_EQ(options(use).device, "eth0");
  }
}

TEST(SocketRequest, PacketsAreNeverCutByIp) {
  EXPECT_FALSE(options(SocketUse::bridge).allow_fragments);
  EXPECT_FALSE(options(SocketUse::paths).allow_fragments);
  EXPECT_TRUE(options(SocketUse::applications).allow_fragments);
  EXPECT_TRUE(options(SocketUse::target).allow_fragments);
}

TEST(SocketRequest, DscpIsReadOfWhatIsNoPacket) {
  EXPECT_FALSE(options(SocketUse::bridge).read_marks);
  EXPECT_FALSE(options(SocketUse::paths).read_marks);
  EXPECT_TRUE(options(SocketUse::applications).read_marks);
  EXPECT_TRUE(options(SocketUse::target).read_marks);
}

TEST(SocketRequest, EcnIsReadOfPacketsWhereThereMayBeInnerOnes) {
  SocketTuning tuning;
  tuning.copy_dscp = false;
  tuning.reads_ecn = true;
  EXPECT_TRUE(options(SocketUse::bridge, tuning).read_marks);
  EXPECT_TRUE(options(SocketUse::paths, tuning).read_marks);
  EXPECT_FALSE(options(SocketUse::applications, tuning).read_marks);
  EXPECT_FALSE(options(SocketUse::target, tuning).read_marks);
}

TEST(SocketRequest, LocalAddressesAreLearntWhereManyPeersSend) {
  EXPECT_FALSE(options(SocketUse::bridge).packet_info);
  EXPECT_FALSE(options(SocketUse::target).packet_info);
  EXPECT_TRUE(options(SocketUse::applications).packet_info);
  EXPECT_TRUE(options(SocketUse::paths).packet_info);
}

TEST(SocketRequest, WhatGoesToBridgesAloneIsMarked) {
  SocketTuning tuning;
  tuning.mark = 0x64;
  for (const SocketUse use : kAllUses)
    EXPECT_EQ(options(use, tuning).mark, use == SocketUse::bridge ? 0x64U : 0U);
}

TEST(SocketRequest, IcmpIsHeardAboutTheOnePeerOfABridge) {
  const auto hears = [](SocketUse use, std::optional<Endpoint> peer) {
    return options_for({.use = use, .bind = {}, .connect = peer, .device = {}}, {}).hears_icmp;
  };
  const Endpoint peer = parse_numeric_endpoint("192.0.2.1", 1).value();
  for (const SocketUse use : kAllUses) {
    EXPECT_EQ(hears(use, peer), use == SocketUse::bridge);
    EXPECT_FALSE(hears(use, std::nullopt)) << "the kernel would believe what is said of any address";
  }
}

TEST(SocketRequest, OneFlowHasSmallerBuffers) {
  for (const SocketUse use : kAllUses) {
    EXPECT_EQ(options(use).buffer_bytes, use == SocketUse::target ? kFlowBufferBytes : kSocketBufferBytes);
  }
}

}  // namespace
}  // namespace mptunnel
