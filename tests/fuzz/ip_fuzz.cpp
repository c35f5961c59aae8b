// Inner IP packets. Any bytes as one packet: what is read stays the same when it is read again, views and
// segments lie inside, and what changes a packet leaves one that is read. And a batch for the joiner: what is
// joined and cut again is what came, in the order of each flow.
//
//     1 byte: even | 10 bytes: what the device says | a packet
//     1 byte: odd | steps: 1 byte: which | its arguments
#include <algorithm>
#include <array>
#include <vector>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/ip/icmp.h"
#include "mptunnel/ip/joiner.h"
#include "mptunnel/ip/marks.h"
#include "mptunnel/ip/mss_clamp.h"
#include "mptunnel/ip/segmenter.h"
#include "support/ip_flows.h"
#include "support/ip_packets.h"

namespace mptunnel::fuzz {
namespace {

using test::PacketBytes;
using test::PacketSpec;

bool lies_inside(ConstBytes part, ConstBytes whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

void check_view(const IpPacket& packet, ConstBytes bytes) {
  MPT_ASSERT(packet.bytes.data() == bytes.data() && packet.bytes.size() == bytes.size());
  MPT_ASSERT(packet.header_bytes >= (packet.is_ipv4() ? 20 : 40));
  MPT_ASSERT(packet.payload_offset >= packet.header_bytes && packet.payload_offset <= bytes.size());
  MPT_ASSERT(!packet.ports || (!packet.is_later_fragment() && packet.payload().size() >= 4));
  const auto again = parse_ip_packet(bytes);
  MPT_ASSERT(again && again->source == packet.source && again->destination == packet.destination);
  MPT_ASSERT(again->protocol == packet.protocol && again->ports == packet.ports);
  MPT_ASSERT(flow_hash(*again, 7) == flow_hash(packet, 7));
}

void check_changes(PacketBytes bytes, std::uint8_t choice) {
  const IpPacket packet = parse_ip_packet(bytes).value();
  const auto ecn = static_cast<Ecn>(choice & 3U);
  set_ecn(bytes, ecn);
  const auto marked = parse_ip_packet(bytes);
  MPT_ASSERT(marked && marks_of(*marked) == (Marks{packet.dscp(), ecn}));
  const std::size_t mtu = choice * 6;
  clamp_mss(bytes, *marked, mtu);
  MPT_ASSERT(!clamp_mss(bytes, *marked, mtu));
  check_view(parse_ip_packet(bytes).value(), bytes);
}

void check_icmp(const IpPacket& packet, std::size_t mtu) {
  PacketBytes out(kMaxIcmpv6ErrorBytes);
  const auto size = make_too_big(packet, mtu, packet.destination, out);
  if (!size) return;
  const auto made = parse_ip_packet(ConstBytes(out).first(*size));
  MPT_ASSERT(made && made->destination == packet.source);
  MPT_ASSERT(*size <= (packet.is_ipv4() ? kMaxIcmpErrorBytes : kMaxIcmpv6ErrorBytes));
  const ConstBytes quoted = made->payload().subspan(8);
  MPT_ASSERT(std::equal(quoted.begin(), quoted.end(), packet.bytes.begin()));
  // No answer to an answer.
  MPT_ASSERT(!make_too_big(*made, 0, made->source, out));
}

void check_segments(const VnetHeader& header, PacketBytes bytes) {
  auto segmenter = Segmenter::make(header, bytes);
  if (!segmenter) return;
  std::size_t count = 0;
  while (const auto segment = segmenter->next()) {
    ++count;
    MPT_ASSERT(segment->size() <= segmenter->largest() && lies_inside(segment->payload, bytes));
    PacketBytes whole(segment->head.begin(), segment->head.end());
    test::append(whole, segment->payload);
    MPT_ASSERT(parse_ip_packet(whole));
  }
  MPT_ASSERT(count == segmenter->count());
}

void read_one(Input& input) {
  VnetHeader header;
  const std::uint8_t choice = input.u8();
  header.gso = static_cast<Gso>(choice & 7U);
  header.needs_checksum = (choice & 8U) == 0;
  header.header_bytes = input.u8();
  header.gso_size = input.u16();
  header.checksum_start = input.u16();
  header.checksum_offset = input.u16();
  const std::uint8_t change = input.u8();
  const ConstBytes rest = input.rest();
  // Of just its size, so that a sanitizer sees what is read behind it.
  const PacketBytes bytes(rest.begin(), rest.end());
  const auto packet = parse_ip_packet(bytes);
  if (packet) {
    check_view(*packet, bytes);
    check_changes(bytes, change);
    check_icmp(*packet, change * 6U);
  }
  check_segments(header, bytes);
}

class Batch {
 public:
  explicit Batch(Input& input) {
    for (std::uint16_t i = 0; i < flows_.size(); ++i) {
      if (i % 2 == 1) flows_[i] = test::ipv6_spec();
      flows_[i].source_port = i;
    }
    while (!input.empty() && packets_.size() < kMaxJoinBatch) step(input);
  }

  void check() {
    Joiner joiner(7, true);
    for (const PacketBytes& packet : packets_) joiner.add(packet);
    std::vector<PacketBytes> out;
    while (const auto joined = joiner.next()) {
      PacketBytes bytes(joined->head.begin(), joined->head.end());
      for (const ConstBytes piece : joined->payload) test::append(bytes, piece);
      if (joined->packets == 1) {
        MPT_ASSERT(joined->header == VnetHeader{});
        out.push_back(bytes);
        continue;
      }
      MPT_ASSERT(bytes.size() <= kMaxIpPacketBytes);
      auto segmenter = Segmenter::make(joined->header, bytes);
      MPT_ASSERT(segmenter && segmenter->count() == joined->packets);
      while (const auto segment = segmenter->next()) {
        out.emplace_back(segment->head.begin(), segment->head.end());
        test::append(out.back(), segment->payload);
      }
    }
    MPT_ASSERT(test::by_flow(out) == test::by_flow(packets_));
  }

 private:
  void step(Input& input) {
    const std::uint8_t what = input.u8();
    if (what % 16U == 15) {
      const ConstBytes piece = input.piece(input.u8());
      packets_.emplace_back(piece.begin(), piece.end());
      return;
    }
    PacketSpec& flow = flows_[what % flows_.size()];
    const bool is_tcp = what % flows_.size() < 2;
    PacketSpec made = flow;
    const std::uint8_t size = what % 16U < 8 ? 32 : input.u8();
    made.payload = test::some_payload(size, static_cast<std::uint32_t>(packets_.size()));
    if (what >= 128) change(made, input);
    packets_.push_back(is_tcp ? make_tcp(made) : make_udp(made));
    flow.sequence = made.sequence + size;
    ++flow.id;
    if (what >= 240) {
      PacketBytes& bytes = packets_.back();
      bytes[input.u8() % bytes.size()] = input.u8();
    }
  }

  static void change(PacketSpec& made, Input& input) {
    const std::uint8_t value = input.u8();
    switch (input.below(8)) {
      case 0:
        made.flags = value;
        break;
      case 1:
        made.id = value;
        break;
      case 2:
        made.traffic_class = value;
        break;
      case 3:
        made.sequence += value;
        break;
      case 4:
        made.fragment = static_cast<std::uint16_t>(value << 8U);
        break;
      case 5:
        made.tcp_options.assign(value % 11U * 4U, value);
        break;
      case 6:
        made.ip_options.assign(value % 11U * 4U, value);
        break;
      default:
        made.window = value;
    }
  }

  std::array<PacketSpec, 4> flows_{};
  std::vector<PacketBytes> packets_;
};

}  // namespace

void fuzz_ip(ConstBytes input) {
  Input bytes(input);
  if (bytes.u8() % 2 == 0) {
    read_one(bytes);
  } else {
    Batch(bytes).check();
  }
}

}  // namespace mptunnel::fuzz
