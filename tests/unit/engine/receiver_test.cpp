#include "mptunnel/engine/link/receiver.h"

#include <gtest/gtest.h>

#include <string>

#include "link_support.h"
#include "mptunnel/base/cursor.h"
#include "support/test_random.h"

namespace mptunnel {
namespace {

using test::kEpochStart;
using test::Kind;
using test::Packet;

/// An address of which nothing is known, or whose packets this counts.
class TestOrigin final : public Origin {
 public:
  TestOrigin() : Origin(nullptr) {}
  explicit TestOrigin(PathTraffic& known) : Origin(&known) {}
  int admitted = 0;
  PathTraffic made;

 private:
  PathTraffic& admit() override {
    ++admitted;
    return made;
  }
};

Packet encoded(const std::vector<Frame>& frames) {
  std::vector<std::uint8_t> bytes(kMaxControlBytes);
  ByteWriter writer(bytes);
  for (const Frame& frame : frames) encode_frame(frame, writer);
  bytes.resize(writer.written());
  return bytes;
}

class ReceiverTest : public testing::Test {
 protected:
  explicit ReceiverTest(Cipher cipher = Cipher::chacha20_poly1305) : pair_(cipher) {}

  /// The far end seals.
  Packet seal(Kind kind, std::string_view payload = "x") {
    return *test::seal(pair_.client.keys(), kind, payload);
  }
  Packet seal(Kind kind, const std::vector<Frame>& frames) {
    return *test::seal(pair_.client.keys(), kind, encoded(frames), {});
  }
  std::optional<Receiver::Opened> open(Packet& packet, Origin& origin) {
    const PacketHeader header = *decode_header(packet);
    return header.type == PacketType::data
               ? receiver_.open_data(pair_.server, header, packet, origin, {}, kEpochStart)
               : receiver_.open_control(pair_.server, header, packet, origin, kEpochStart);
  }
  /// Of a copy, which stays as it was.
  bool opens(Packet packet, Origin& origin) {
    const auto opened = open(packet, origin);
    return opened && !opened->is_copy;
  }
  [[nodiscard]] std::uint64_t drops(Drop drop) const { return context_.drops[drop]; }

  test::TestRandom random_{1};
  LinkContext context_{random_};
  Receiver receiver_{context_};
  test::LinkEpochPair pair_;
  PathTraffic traffic_;
  TestOrigin known_{traffic_};
  TestOrigin stranger_;
};

class ClearReceiver : public ReceiverTest {
 protected:
  ClearReceiver() : ReceiverTest(Cipher::none) {}
};

Packet forged(Packet packet) {
  packet.back() = static_cast<std::uint8_t>(packet.back() ^ 1);
  return packet;
}

TEST_F(ReceiverTest, OpensDataInPlaceAndCountsIt) {
  Packet packet = seal(Kind::data, "hello");
  const auto opened = open(packet, known_);
  ASSERT_TRUE(opened);
  EXPECT_EQ(Packet(opened->frames.begin(), opened->frames.end()), test::frames_of("hello"));
  EXPECT_EQ(opened->frames.data(), packet.data() + kHeaderBytes);
  EXPECT_TRUE(opened->is_news);
  EXPECT_EQ(traffic_.received, 1U);
  EXPECT_EQ(traffic_.received_bytes, packet.size());
  EXPECT_EQ(traffic_.first, 1U);
  EXPECT_EQ(traffic_.duplicates, 0U);
}

TEST_F(ReceiverTest, OnlyANumberAboveAllBeforeIsNews) {
  for (const Kind kind : {Kind::data, Kind::control}) {
    Packet first = seal(kind);
    Packet second = seal(kind);
    EXPECT_TRUE(open(second, known_)->is_news);
    EXPECT_FALSE(open(first, known_)->is_news);
  }
}

TEST_F(ClearReceiver, ClearDataIsNoNews) {
  Packet packet = seal(Kind::data);
  const auto opened = open(packet, known_);
  ASSERT_TRUE(opened);
  EXPECT_FALSE(opened->is_news);
  EXPECT_EQ(traffic_.first, 1U);
}

TEST_F(ReceiverTest, GenuineDataMakesAStrangerKnown) {
  EXPECT_TRUE(opens(seal(Kind::data), stranger_));
  EXPECT_TRUE(opens(seal(Kind::data), stranger_));
  EXPECT_EQ(stranger_.admitted, 1);
  EXPECT_EQ(stranger_.made.received, 2U);
}

TEST_F(ReceiverTest, ForgedPacketCountsForNobody) {
  for (const Kind kind : {Kind::data, Kind::control}) {
    const Packet packet = forged(seal(kind));
    EXPECT_FALSE(opens(packet, known_));
    EXPECT_FALSE(opens(packet, stranger_));
  }
  EXPECT_EQ(drops(Drop::open_failed), 4U);
  EXPECT_EQ(traffic_.received, 0U);
  EXPECT_EQ(stranger_.admitted, 0);
}

TEST_F(ReceiverTest, CopiesAreCountedWhereTheyCame) {
  const Packet packet = seal(Kind::data);
  ASSERT_TRUE(opens(packet, known_));
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(opens(packet, known_));
  EXPECT_EQ(drops(Drop::copy), 1000U);
  EXPECT_EQ(traffic_.received, 1001U);
  EXPECT_EQ(traffic_.received_bytes, 1001 * packet.size());
  EXPECT_EQ(traffic_.duplicates, 1000U);
  EXPECT_EQ(traffic_.first, 1U);
  EXPECT_FALSE(traffic_.voided) << "all were genuine, checked or not";
}

TEST_F(ReceiverTest, OneForgedCopyIn64IsFoundAndVoidsTheCounts) {
  const Packet packet = seal(Kind::data);
  ASSERT_TRUE(opens(packet, known_));
  // Draws the same: which copies the receiver will look at.
  test::TestRandom random(1);
  CopyCheck same;
  int found = 0;
  for (int i = 0; i < 6400; ++i) {
    traffic_.voided = false;
    opens(forged(packet), known_);
    EXPECT_EQ(traffic_.voided, same.draw(random)) << i;
    found += traffic_.voided ? 1 : 0;
  }
  EXPECT_GT(found, 50);
  EXPECT_LT(found, 150);
  EXPECT_EQ(traffic_.duplicates, 6400U) << "they count, as long as nothing shows that they should not";
}

TEST_F(ReceiverTest, EachCopyFromAStrangerIsChecked) {
  const Packet packet = seal(Kind::data);
  ASSERT_TRUE(opens(packet, known_));
  for (int i = 0; i < 200; ++i) opens(forged(packet), stranger_);
  EXPECT_EQ(stranger_.admitted, 0);
  opens(packet, stranger_);
  EXPECT_EQ(stranger_.admitted, 1);
  EXPECT_EQ(stranger_.made.duplicates, 1U);
  EXPECT_EQ(stranger_.made.received, 1U);
  EXPECT_FALSE(stranger_.made.voided);
  EXPECT_EQ(drops(Drop::copy), 201U);
}

TEST_F(ReceiverTest, OpenedControlIsTheCallersToCount) {
  EXPECT_TRUE(opens(seal(Kind::control, {PingFrame{}}), stranger_));
  EXPECT_EQ(stranger_.admitted, 0);
  EXPECT_TRUE(opens(seal(Kind::control, {PingFrame{}}), known_));
  EXPECT_EQ(traffic_.received, 0U);
}

TEST_F(ReceiverTest, GenuineCopiesOfControlAreCountedHereAndForgedOnesNowhere) {
  const Packet packet = seal(Kind::control, {PingFrame{}});
  ASSERT_TRUE(opens(packet, known_));
  EXPECT_FALSE(opens(packet, known_));
  EXPECT_FALSE(opens(forged(packet), known_));
  EXPECT_FALSE(opens(forged(packet), stranger_));
  EXPECT_EQ(drops(Drop::copy), 3U);
  EXPECT_EQ(traffic_.received, 1U);
  EXPECT_EQ(traffic_.duplicates, 0U) << "of DATA alone";
  EXPECT_FALSE(traffic_.voided);
  EXPECT_EQ(stranger_.admitted, 0);
}

/// Fragments of packets that never travel whole.
class ReceiverFragments : public ReceiverTest {
 protected:
  /// `from` to the end, or `count` bytes behind the header.
  static FragmentFrame part(const Packet& packet, std::size_t from, std::size_t count = SIZE_MAX) {
    const auto header = decode_header(packet);
    const ConstBytes body = ConstBytes(packet).subspan(kHeaderBytes);
    const ConstBytes bytes = body.subspan(from, std::min(count, body.size() - from));
    return {header->type, header->number, static_cast<std::uint32_t>(body.size()),
            static_cast<std::uint32_t>(from), bytes};
  }
  std::optional<ConstBytes> add(const FragmentFrame& fragment, TimePoint now = kEpochStart) {
    const auto whole = receiver_.add_fragment(pair_.server, fragment, {}, out_, now);
    return whole ? std::optional(whole->frames) : std::nullopt;
  }
  /// In two parts, the second of them first.
  std::optional<ConstBytes> add_all(const Packet& packet) {
    EXPECT_FALSE(add(part(packet, 10)));
    return add(part(packet, 0, 10));
  }

  Output out_;
};

TEST_F(ReceiverFragments, WholeOnesAreOpenedAndKept) {
  std::vector<ConstBytes> kept;
  for (const char* text : {"first packet", "second packet"}) {
    Packet packet = seal(Kind::data, text);
    const auto frames = add_all(packet);
    std::fill(packet.begin(), packet.end(), std::uint8_t{0});
    ASSERT_TRUE(frames);
    kept.push_back(*frames);
  }
  EXPECT_EQ(Packet(kept[0].begin(), kept[0].end()), test::frames_of("first packet"));
  EXPECT_EQ(Packet(kept[1].begin(), kept[1].end()), test::frames_of("second packet"));
}

TEST_F(ReceiverFragments, OfAPacketThatCameAlreadyAreCopies) {
  const Packet packet = seal(Kind::data, "a packet");
  ASSERT_TRUE(opens(packet, known_));
  EXPECT_FALSE(add_all(packet));
  EXPECT_EQ(drops(Drop::copy), 2U);
}

TEST_F(ReceiverFragments, MakeTheWholePacketACopy) {
  const Packet packet = seal(Kind::data, "a packet");
  ASSERT_TRUE(add_all(packet));
  EXPECT_FALSE(opens(packet, known_));
  EXPECT_EQ(drops(Drop::copy), 1U);
}

TEST_F(ReceiverFragments, ThatCameTwiceAreCopies) {
  const Packet packet = seal(Kind::data, "a packet");
  EXPECT_FALSE(add(part(packet, 10)));
  EXPECT_FALSE(add(part(packet, 10)));
  EXPECT_EQ(drops(Drop::copy), 1U);
  EXPECT_TRUE(add(part(packet, 0, 10)));
}

TEST_F(ReceiverFragments, ThatContradictEachOtherAreDropped) {
  const Packet packet = seal(Kind::data, "a packet");
  EXPECT_FALSE(add(part(packet, 10)));
  FragmentFrame other = part(packet, 0, 10);
  ++other.total;
  EXPECT_FALSE(add(other));
  EXPECT_EQ(drops(Drop::bad_frame), 1U);
}

TEST_F(ReceiverFragments, OfAForgedPacketDoNotOpen) {
  EXPECT_FALSE(add_all(forged(seal(Kind::data, "a packet"))));
  EXPECT_EQ(drops(Drop::open_failed), 1U);
}

TEST_F(ReceiverFragments, OfControlCarryADatagramWithFlowOpenAndNothingElse) {
  const std::array<std::uint8_t, 40> payload{};
  const FlowOpenFrame open{FlowId{5}, 77};
  const DatagramFrame datagram{FlowId{5}, payload};
  EXPECT_TRUE(add_all(seal(Kind::control, {open, datagram})));
  EXPECT_TRUE(add_all(seal(Kind::control, {datagram})));
  EXPECT_EQ(drops(Drop::unexpected_frame), 0U);
  EXPECT_FALSE(add_all(seal(Kind::control, {datagram, CloseFrame{}})));
  EXPECT_FALSE(add_all(seal(Kind::control, {PingFrame{}})));
  EXPECT_EQ(drops(Drop::unexpected_frame), 2U);
}

TEST_F(ReceiverFragments, ExpireWithTheirPacket) {
  const Packet packet = seal(Kind::data, "a packet");
  EXPECT_FALSE(add(part(packet, 10)));
  receiver_.expire(kEpochStart + kFragmentLife - 1ns);
  EXPECT_EQ(drops(Drop::fragment_expired), 0U);
  receiver_.expire(kEpochStart + kFragmentLife);
  EXPECT_EQ(drops(Drop::fragment_expired), 1U);
  EXPECT_FALSE(add(part(packet, 0, 10), kEpochStart + kFragmentLife)) << "the rest comes too late";
}

/// What read_data() calls, as words.
class ReceiverRead : public ReceiverTest {
 protected:
  std::string read(ConstBytes frames) {
    std::string seen;
    receiver_.read_data(
        frames,
        [&](const DatagramFrame& datagram) {
          seen += "datagram:";
          seen.append(datagram.payload.begin(), datagram.payload.end());
          seen += ' ';
        },
        [&](const Frame& frame) {
          const bool is_open = std::holds_alternative<FlowOpenFrame>(frame);
          seen += is_open ? "open " : "other ";
          return is_open;
        });
    return seen;
  }
  std::string read(const std::vector<Frame>& frames) { return read(encoded(frames)); }
  static DatagramFrame datagram(std::string_view payload) { return {FlowId{5}, bytes_of(payload)}; }
};

TEST_F(ReceiverRead, DatagramThatFillsThePacket) {
  EXPECT_EQ(read(test::frames_of("hello")), "datagram:hello ");
  EXPECT_EQ(read(test::frames_of("")), "datagram: ");
}

TEST_F(ReceiverRead, SeveralFramesInOrder) {
  EXPECT_EQ(read({FlowOpenFrame{FlowId{5}, 1}, datagram("a"), datagram("b")}), "open datagram:a datagram:b ");
  EXPECT_EQ(read(ConstBytes{}), "");
  EXPECT_EQ(drops(Drop::unexpected_frame), 0U);
}

TEST_F(ReceiverRead, StopsAtAFrameThatMayNotStandThere) {
  EXPECT_EQ(read({datagram("a"), CloseFrame{}, datagram("b")}), "datagram:a other ");
  EXPECT_EQ(drops(Drop::unexpected_frame), 1U);
}

TEST_F(ReceiverRead, ReadsNothingOfAPacketWithAFrameThatItCannotRead) {
  Packet truncated = encoded({datagram("a"), CloseFrame{}});
  truncated.pop_back();
  EXPECT_EQ(read(truncated), "");
  EXPECT_EQ(drops(Drop::bad_frame), 1U);
  Packet unknown = encoded({datagram("a")});
  unknown.push_back(0x11);
  EXPECT_EQ(read(unknown), "");
  EXPECT_EQ(drops(Drop::unknown_frame), 1U);
}

TEST_F(ReceiverRead, ReadsAtMost32FramesOfAPacket) {
  std::vector<Frame> frames(kMaxFramesOfPacket, datagram("a"));
  EXPECT_NE(read(frames), "");
  frames.push_back(datagram("a"));
  EXPECT_EQ(read(frames), "");
  EXPECT_EQ(drops(Drop::bad_frame), 1U);
}

}  // namespace
}  // namespace mptunnel
