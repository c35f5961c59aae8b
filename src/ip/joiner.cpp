#include "mptunnel/ip/joiner.h"

#include <algorithm>

#include "mptunnel/base/assert.h"
#include "mptunnel/ip/checksum.h"
#include "mptunnel/ip/header_fields.h"

namespace mptunnel {
namespace {

/// TCP flags of segments that may be joined: ACK is a must, CWR the first's alone, PSH and FIN the last's.
constexpr unsigned kJoinedFlags = kTcpAck | kTcpEce | kTcpCwr | kTcpPsh | kTcpFin;
constexpr unsigned kLastFlags = kTcpPsh | kTcpFin;
constexpr unsigned kIpv4ReservedFlag = 0x8000;
constexpr std::size_t kTcpUrgentAt = 18;

bool equal_bytes(ConstBytes left, ConstBytes right, std::size_t from, std::size_t to) {
  return std::equal(left.begin() + static_cast<std::ptrdiff_t>(from),
                    left.begin() + static_cast<std::ptrdiff_t>(to),
                    right.begin() + static_cast<std::ptrdiff_t>(from));
}

void add_addresses(InternetSum& sum, ConstBytes packet, bool is_ipv4, bool is_tcp, std::size_t length) {
  const std::size_t at = is_ipv4 ? kIpv4SourceAt : kIpv6SourceAt;
  const std::size_t size = is_ipv4 ? 4 : 16;
  sum.add_pseudo_header(packet.subspan(at, size), packet.subspan(at + size, size),
                        is_tcp ? kProtocolTcp : kProtocolUdp, static_cast<std::uint32_t>(length));
}

}  // namespace

Joiner::Joiner(std::uint64_t seed, bool joins_udp) : seed_(seed), joins_udp_(joins_udp) {
  items_.reserve(kMaxJoinBatch);
  parts_.reserve(kMaxJoinBatch);
  pieces_.reserve(kMaxJoinedTcp);
  slots_.fill(kNone);
}

void Joiner::add(ConstBytes packet) {
  MPT_ASSERT(!is_full() && given_ == 0);
  ++packets_;
  Item as_it_is;
  as_it_is.first = packet;
  const auto parsed = parse_ip_packet(packet);
  if (!parsed || parsed->fragment) {
    // Of which flow it is does not show: none is continued past it.
    slots_.fill(kNone);
    items_.push_back(as_it_is);
    return;
  }
  if (!parsed->ports) {
    items_.push_back(as_it_is);
    return;
  }
  std::uint32_t& slot = slots_[flow_hash(*parsed, seed_) % kJoinSlots];
  const auto item = examine(*parsed);
  if (!item) {
    slot = kNone;
    items_.push_back(as_it_is);
    return;
  }
  if (slot != kNone && join(items_[slot], *item)) {
    if (is_end(*item, items_[slot])) slot = kNone;
    return;
  }
  // Another flow that had this slot ends here. One with PSH or FIN stays alone: no other has the flags to
  // follow it.
  slot = static_cast<std::uint32_t>(items_.size());
  items_.push_back(*item);
}

std::optional<Joiner::Item> Joiner::examine(const IpPacket& packet) const {
  if (packet.has_options()) return std::nullopt;
  if (packet.is_ipv4() && (packet.bytes[kIpv4FragmentAt] & kIpv4ReservedFlag >> 8U) != 0) return std::nullopt;
  Item item;
  item.first = packet.bytes;
  item.transport_at = packet.payload_offset;
  item.is_ipv4 = packet.is_ipv4();
  item.is_tcp = packet.protocol == kProtocolTcp;
  const bool is_udp = joins_udp_ && packet.protocol == kProtocolUdp;
  if (!(item.is_tcp && fill_tcp(item)) && !(is_udp && fill_udp(item))) return std::nullopt;
  item.gso_size = item.payload_bytes = item.payload().size();
  if (item.gso_size == 0) return std::nullopt;
  return item;
}

bool Joiner::fill_tcp(Item& item) {
  const ConstBytes tcp = item.transport();
  if (tcp.size() < kTcpHeaderBytes) return false;
  const std::size_t header = tcp_header_bytes(tcp);
  if (header < kTcpHeaderBytes || header > tcp.size()) return false;
  const unsigned flags = tcp[kTcpFlagsAt];
  const bool has_reserved_bits = (tcp[kTcpOffsetAt] & 0xfU) != 0;
  if ((flags & ~kJoinedFlags) != 0 || (flags & kTcpAck) == 0 || has_reserved_bits) return false;
  if (u16_at(tcp, kTcpUrgentAt) != 0) return false;
  item.head_bytes = static_cast<std::uint16_t>(item.transport_at + header);
  item.last_flags = static_cast<std::uint8_t>(flags & kLastFlags);
  return true;
}

bool Joiner::fill_udp(Item& item) {
  const ConstBytes udp = item.transport();
  if (udp.size() < kUdpHeaderBytes || u16_at(udp, kUdpLengthAt) != udp.size()) return false;
  item.head_bytes = static_cast<std::uint16_t>(item.transport_at + kUdpHeaderBytes);
  // One without a checksum would get one.
  return u16_at(udp, kUdpChecksumAt) != 0;
}

bool Joiner::is_end(const Item& item, const Item& begun) {
  return item.last_flags != 0 || item.gso_size < begun.gso_size;
}

bool Joiner::has_equal_headers(const Item& begun, const Item& packet) {
  const ConstBytes one = begun.first;
  const ConstBytes other = packet.first;
  // The IP version and the protocol come first: of equal ones both have the same fields. Flows may share a
  // slot.
  if (begun.is_ipv4) {
    if (!equal_bytes(one, other, 0, kIpv4LengthAt)) return false;
    if (!equal_bytes(one, other, kIpv4FragmentAt, kIpv4ChecksumAt)) return false;
    if (!equal_bytes(one, other, kIpv4SourceAt, kIpv4HeaderBytes)) return false;
  } else {
    if (!equal_bytes(one, other, 0, kIpv6LengthAt)) return false;
    if (!equal_bytes(one, other, kIpv6NextHeaderAt, kIpv6HeaderBytes)) return false;
  }
  const ConstBytes transport = begun.transport();
  if (!equal_bytes(transport, packet.transport(), 0, kTcpSequenceAt)) return false;  // the ports
  if (!begun.is_tcp) return true;
  return equal_bytes(transport, packet.transport(), kTcpAcknowledgmentAt, kTcpFlagsAt) &&
         equal_bytes(transport, packet.transport(), kTcpWindowAt, kTcpChecksumAt) &&
         equal_bytes(transport, packet.transport(), kTcpUrgentAt,
                     std::size_t{begun.head_bytes} - begun.transport_at);
}

bool Joiner::is_next(const Item& begun, const Item& packet) {
  if (!has_equal_headers(begun, packet) || packet.gso_size > begun.gso_size) return false;
  if (begun.packets == (begun.is_tcp ? kMaxJoinedTcp : kMaxSegments)) return false;
  if (begun.head_bytes + begun.payload_bytes + packet.gso_size > kMaxIpPacketBytes) return false;
  if (begun.is_ipv4) {
    const std::uint32_t id = std::uint32_t{u16_at(begun.first, kIpv4IdAt)} + begun.packets;
    if (u16_at(packet.first, kIpv4IdAt) != (id & 0xffffU)) return false;
  }
  if (!begun.is_tcp) return true;
  const auto sequence =
      u32_at(begun.transport(), kTcpSequenceAt) + static_cast<std::uint32_t>(begun.payload_bytes);
  if (u32_at(packet.transport(), kTcpSequenceAt) != sequence) return false;
  const unsigned flags = packet.transport()[kTcpFlagsAt];
  return (flags & ~kLastFlags) == (begun.transport()[kTcpFlagsAt] & ~kTcpCwr);
}

bool Joiner::has_right_checksums(const Item& item) {
  if (item.is_ipv4) {
    InternetSum sum;
    sum.add(item.first.first(kIpv4HeaderBytes));
    // All ones in its place are as right as 0, and not what Segmenter would write.
    if (sum.folded() != 0xffff || u16_at(item.first, kIpv4ChecksumAt) == 0xffff) return false;
  }
  const ConstBytes transport = item.transport();
  InternetSum sum;
  add_addresses(sum, item.first, item.is_ipv4, item.is_tcp, transport.size());
  sum.add(transport);
  return sum.folded() == 0xffff && !(item.is_tcp && u16_at(transport, kTcpChecksumAt) == 0xffff);
}

bool Joiner::join(Item& begun, const Item& packet) {
  if (!is_next(begun, packet)) return false;
  if (!begun.is_verified && !has_right_checksums(begun)) return false;
  begun.is_verified = true;
  if (!has_right_checksums(packet)) return false;
  const auto index = static_cast<std::uint32_t>(parts_.size());
  parts_.push_back({packet.payload()});
  if (begun.last_part == kNone) {
    begun.first_part = index;
  } else {
    parts_[begun.last_part].next = index;
  }
  begun.last_part = index;
  begun.payload_bytes += packet.gso_size;
  begun.last_flags = packet.last_flags;
  ++begun.packets;
  return true;
}

VnetHeader Joiner::write_head(const Item& item) {
  const Bytes head = Bytes(head_).first(item.head_bytes);
  std::copy_n(item.first.begin(), item.head_bytes, head.begin());
  const std::size_t size = item.head_bytes + item.payload_bytes;
  const std::size_t transport_bytes = size - item.transport_at;
  if (item.is_ipv4) {
    put_u16(head, kIpv4LengthAt, static_cast<std::uint16_t>(size));
    put_u16(head, kIpv4ChecksumAt, 0);
    InternetSum sum;
    sum.add(head.first(kIpv4HeaderBytes));
    put_u16(head, kIpv4ChecksumAt, sum.checksum());
  } else {
    put_u16(head, kIpv6LengthAt, static_cast<std::uint16_t>(size - kIpv6HeaderBytes));
  }
  VnetHeader header;
  const Bytes transport = head.subspan(item.transport_at);
  if (item.is_tcp) {
    transport[kTcpFlagsAt] |= item.last_flags;
    header.gso = item.is_ipv4 ? Gso::tcp4 : Gso::tcp6;
    header.has_ecn = (transport[kTcpFlagsAt] & kTcpCwr) != 0;
    header.checksum_offset = kTcpChecksumAt;
  } else {
    put_u16(transport, kUdpLengthAt, static_cast<std::uint16_t>(transport_bytes));
    header.gso = Gso::udp;
    header.checksum_offset = kUdpChecksumAt;
  }
  InternetSum sum;
  add_addresses(sum, head, item.is_ipv4, item.is_tcp, transport_bytes);
  put_u16(transport, header.checksum_offset, sum.folded());
  header.needs_checksum = true;
  header.header_bytes = item.head_bytes;
  header.gso_size = static_cast<std::uint16_t>(item.gso_size);
  header.checksum_start = item.transport_at;
  return header;
}

std::optional<JoinedPacket> Joiner::next() {
  if (given_ == items_.size()) {
    items_.clear();
    parts_.clear();
    slots_.fill(kNone);
    packets_ = given_ = 0;
    return std::nullopt;
  }
  const Item& item = items_[given_++];
  if (item.packets == 1) return JoinedPacket{.header = {}, .head = item.first, .payload = {}};
  pieces_.clear();
  pieces_.push_back(item.payload());
  for (std::uint32_t part = item.first_part; part != kNone; part = parts_[part].next) {
    pieces_.push_back(parts_[part].bytes);
  }
  const VnetHeader header = write_head(item);
  return JoinedPacket{header, ConstBytes(head_).first(item.head_bytes), pieces_, item.packets};
}

}  // namespace mptunnel
