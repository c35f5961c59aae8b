#include "mptunnel/engine/control_packet.h"

#include <gtest/gtest.h>

#include "mptunnel/session/fragment_assembler.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using Packet = std::vector<std::uint8_t>;

constexpr TimePoint kStart{100s};
constexpr SessionHandle kSession{9};
constexpr std::size_t kSmallestMtu = kLeastMtu;

/// Both ends of a key.
struct Keys {
  explicit Keys(Cipher cipher = Cipher::chacha20_poly1305, std::uint64_t peer_frames = kKnownFrames)
      : near(SessionIndex{1}, SessionIndex{2}, keys(cipher, Role::client), peer_frames, kStart),
        far(SessionIndex{2}, SessionIndex{1}, keys(cipher, Role::server), kKnownFrames, kStart) {}
  static TrafficKeys keys(Cipher cipher, Role role) {
    NoiseSplit split;
    split.initiator_to_responder.bytes.fill(1);
    split.responder_to_initiator.bytes.fill(2);
    return derive_traffic_keys(split, kProtocolVersion, cipher, role);
  }
  KeyEpoch near;
  KeyEpoch far;
};

/// A DATA packet of `size` bytes at the end of the arena.
Packet add_packet(KeyEpoch& epoch, std::size_t size, Output& out) {
  Packet frames(size - epoch.data_overhead());
  for (std::size_t i = 0; i < frames.size(); ++i) frames[i] = static_cast<std::uint8_t>(i * 7 + size);
  const Bytes place = out.make_packet(size);
  EXPECT_TRUE(epoch.seal_data(frames, {}, place, kStart));
  return {place.begin(), place.end()};
}

/// The packets of all runs.
std::vector<Packet> packets_in(const Output& out) {
  std::vector<Packet> packets;
  for (const PacketRun& run : out.runs) {
    ConstBytes rest = out.bytes_of(run);
    for (std::uint32_t i = 0; i < run.count; ++i) {
      const ConstBytes packet = rest.first(i + 1 == run.count ? run.tail : run.stride);
      rest = rest.subspan(packet.size());
      packets.emplace_back(packet.begin(), packet.end());
    }
  }
  return packets;
}

/// What the far end makes of the fragments: the packet as it would have come in one piece.
std::optional<Packet> assemble(Keys& keys, std::vector<Packet> packets) {
  FragmentAssembler assembler;
  std::optional<Packet> whole;
  for (Packet& packet : packets) {
    const auto frames = keys.far.open_control(*decode_header(packet), packet, kStart);
    if (!frames) return std::nullopt;
    FrameReader reader(*frames);
    const auto frame = reader.next();
    if (!frame || reader.next() || whole) return std::nullopt;
    auto added = assembler.add(keys.far.local_index(), std::get<FragmentFrame>(*frame), kStart);
    if (!added) return std::nullopt;
    if (*added) whole = std::move(**added);
  }
  return whole;
}

LargePacket large_of(const Output& out, std::size_t size, std::size_t mtu) {
  return {out.arena.size() - size, size, PathSet::of(PathId{0}, PathId{2}), mtu, 46};
}

void expect_same_bytes(std::size_t size, std::size_t mtu) {
  Keys keys;
  Output out;
  const Packet sealed = add_packet(keys.near, size, out);
  ASSERT_TRUE(send_fragments(keys.near, large_of(out, size, mtu), kSession, out, kStart));
  const auto packets = packets_in(out);
  const std::size_t room = mtu - KeyEpoch::kControlOverhead - kFragmentPrefixBytes;
  EXPECT_EQ(packets.size(), (size - kHeaderBytes + room - 1) / room) << "as few as can be";
  for (const Packet& packet : packets) EXPECT_LE(packet.size(), mtu);
  const auto whole = assemble(keys, packets);
  ASSERT_TRUE(whole) << size << " by " << mtu;
  // Its header is the far end's name for the key, as it is in what was sealed.
  EXPECT_EQ(*whole, sealed) << size << " by " << mtu;
}

TEST(SendFragments, FarEndHasTheSameBytesForEachSizeAndMtu) {
  test::TestRandom random(9);
  for (const std::size_t mtu : {kSmallestMtu, std::size_t{900}, kBaseMtu, std::size_t{1252},
                                std::size_t{1372}, std::size_t{1472}, std::size_t{8972}, kMaxPacketBytes}) {
    const std::size_t room = mtu - KeyEpoch::kControlOverhead - kFragmentPrefixBytes;
    std::vector<std::size_t> sizes{24, 25, kMaxSealedBytes - 1, kMaxSealedBytes};
    for (const std::size_t parts : {1U, 2U, 3U, 7U}) {
      for (std::size_t beside = 0; beside < 4; ++beside)
        sizes.push_back(kHeaderBytes + parts * room - 2 + beside);
    }
    for (int i = 0; i < 40; ++i) sizes.push_back(24 + random.below(kMaxSealedBytes - 24));
    for (const std::size_t size : sizes) {
      if (size <= kMaxSealedBytes) expect_same_bytes(size, mtu);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(SendFragments, EachSizeInASweepOverOneMtu) {
  for (std::size_t size = 24; size <= 4000; ++size) {
    expect_same_bytes(size, kSmallestMtu);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(SendFragments, AreAboutEquallyLargeAndShareRuns) {
  Keys keys;
  Output out;
  add_packet(keys.near, 1480, out);
  ASSERT_TRUE(send_fragments(keys.near, large_of(out, 1480, 1472), kSession, out, kStart));
  ASSERT_EQ(out.runs.size(), 1U);
  const PacketRun& run = out.runs[0];
  EXPECT_EQ(run.count, 2U);
  EXPECT_EQ(run.stride, run.tail) << "no sliver behind a full one";
  EXPECT_EQ(run.paths, PathSet::of(PathId{0}, PathId{2}));
  EXPECT_EQ(run.dscp, 46);
  EXPECT_EQ(run.session, kSession);
  EXPECT_EQ(run.epoch, keys.near.local_index());
}

TEST(SendFragments, OfTwoPacketsLieWhereTheirRunsSay) {
  Keys keys;
  Output out;
  const Packet first = add_packet(keys.near, 3000, out);
  const LargePacket first_large = large_of(out, 3000, 1200);
  const Packet second = add_packet(keys.near, 2000, out);
  const LargePacket second_large = large_of(out, 2000, 1200);
  ASSERT_TRUE(send_fragments(keys.near, first_large, kSession, out, kStart));
  const std::size_t of_first = packets_in(out).size();
  ASSERT_TRUE(send_fragments(keys.near, second_large, kSession, out, kStart));
  const auto packets = packets_in(out);
  const auto split = packets.begin() + static_cast<std::ptrdiff_t>(of_first);
  EXPECT_EQ(assemble(keys, {packets.begin(), split}), first);
  EXPECT_EQ(assemble(keys, {split, packets.end()}), second);
}

TEST(SendFragments, ControlPacketsAndClearOnesTravelTheSameWay) {
  Keys keys(Cipher::none);
  Output out;
  const Packet clear = add_packet(keys.near, 3000, out);
  ASSERT_TRUE(send_fragments(keys.near, large_of(out, 3000, 1200), kSession, out, kStart));
  EXPECT_EQ(assemble(keys, packets_in(out)), clear);

  Output other;
  const Packet frames(3000 - KeyEpoch::kControlOverhead);
  const Bytes place = other.make_packet(3000);
  ASSERT_TRUE(keys.near.seal_control(frames, {}, place, kStart));
  const Packet control(place.begin(), place.end());
  ASSERT_TRUE(send_fragments(keys.near, large_of(other, 3000, 1200), kSession, other, kStart));
  EXPECT_EQ(assemble(keys, packets_in(other)), control);
}

TEST(SendFragments, ToAPeerThatKnowsNoneIsRefused) {
  Keys keys(Cipher::aes_256_gcm, kKnownFrames & ~frame_bit(FrameType::fragment));
  Output out;
  add_packet(keys.near, 3000, out);
  const auto sent = send_fragments(keys.near, large_of(out, 3000, 1200), kSession, out, kStart);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error(), Drop::unknown_frame);
  EXPECT_TRUE(out.runs.empty());
}

TEST(SendFragments, UnderASpentKeyAreRefusedAndLeaveNothing) {
  Keys keys;
  Output out;
  add_packet(keys.near, 3000, out);
  const std::size_t before = out.arena.size();
  const auto sent =
      send_fragments(keys.near, large_of(out, 3000, 1200), kSession, out, kStart + kRejectAfter);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error(), Drop::key_expired);
  EXPECT_EQ(out.arena.size(), before);
  EXPECT_TRUE(out.runs.empty());
}

TEST(SplitCarriers, NamesThePathsThatAreTooSmallAndTheSmallestOfThem) {
  Output out;
  out.make_packet(100);
  out.make_packet(1460);
  const std::array<std::size_t, 4> mtus{1472, 1372, 1252, 1460};
  const auto large = split_carriers(out, 1460, PathSet::first(4) - PathSet::of(PathId{2}), 7,
                                    [&](std::size_t i) { return mtus.at(i); });
  EXPECT_EQ(large.offset, 100U);
  EXPECT_EQ(large.size, 1460U);
  EXPECT_EQ(large.paths, PathSet::of(PathId{1})) << "path 2 carries nothing, and path 3 is just large enough";
  EXPECT_EQ(large.mtu, 1372U);
  EXPECT_EQ(large.dscp, 7);
  EXPECT_EQ(split_carriers(out, 1460, PathSet::first(4), 7, [&](std::size_t i) { return mtus.at(i); }).mtu,
            1252U);
}

TEST(SealMtuProbe, HasExactlyItsSizeAndSaysIt) {
  for (const std::size_t size :
       {kLeastMtu, kBaseMtu, std::size_t{1472}, std::size_t{8972}, kMaxPacketBytes}) {
    Keys keys;
    Output out;
    ASSERT_TRUE(seal_mtu_probe(keys.near, PathId{3}, size, out, kStart));
    ASSERT_EQ(out.arena.size(), size);
    Packet packet(out.arena.begin(), out.arena.end());
    const auto frames = keys.far.open_control(*decode_header(packet), packet, kStart);
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
  Keys keys;
  Output out;
  const auto sealed = seal_mtu_probe(keys.near, PathId{3}, 1472, out, kStart + kRejectAfter);
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error(), Drop::key_expired);
  EXPECT_TRUE(out.arena.empty());
}

TEST(ProbeBytes, AnswerWithHelloPongAndChallengeIsNoLarger) {
  Keys keys;
  Output out;
  const auto answer = seal_control_packet(keys.near, {ServerHelloFrame{true}, PongFrame{}, ChallengeFrame{1}},
                                          0, out, kStart);
  ASSERT_TRUE(answer);
  EXPECT_LE(*answer, kProbeBytes);
  const auto ping = seal_control_packet(keys.near, {PingFrame{}}, kProbeFrameBytes, out, kStart);
  EXPECT_EQ(*ping, kProbeBytes);
}

TEST(MakeReport, SaysWhatTheEpochAndThePathCount) {
  Keys keys;
  keys.near.path(PathId{4}).sent = 77;
  Output out;
  for (int i = 0; i < 3; ++i) add_packet(keys.near, 100, out);
  const PathReport report = make_report(keys.near, PathId{4}, 12, kStart);
  EXPECT_EQ(report.path, PathId{4});
  EXPECT_EQ(report.sequence, 12U);
  EXPECT_EQ(report.sent, 77U);
  EXPECT_EQ(report.data_sealed, 3U);
  EXPECT_EQ(report.data_opened, 0U);
}

}  // namespace
}  // namespace mptunnel
