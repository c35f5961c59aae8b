#include "mptunnel/ip/segmenter.h"

#include <algorithm>

#include "mptunnel/ip/checksum.h"
#include "mptunnel/ip/header_fields.h"

namespace mptunnel {
namespace {

constexpr std::array<const char*, 13> kSegmentErrorNames{
    "bad_packet",   "bad_header_bytes",  "bad_checksum_place", "no_checksum",          "unknown_gso",
    "wrong_family", "wrong_protocol",    "fragment",           "bad_transport_header", "bad_flags",
    "no_gso_size",  "too_many_segments", "header_too_long"};

/// Whether a packet of this family and protocol is one that `gso` cuts.
std::optional<SegmentError> check_kind(Gso gso, const IpPacket& packet) {
  if (gso != Gso::tcp4 && gso != Gso::tcp6 && gso != Gso::udp) return SegmentError::unknown_gso;
  if (gso == Gso::tcp4 && !packet.is_ipv4()) return SegmentError::wrong_family;
  if (gso == Gso::tcp6 && packet.is_ipv4()) return SegmentError::wrong_family;
  const std::uint8_t protocol = gso == Gso::udp ? kProtocolUdp : kProtocolTcp;
  if (packet.protocol != protocol) return SegmentError::wrong_protocol;
  if (packet.fragment) return SegmentError::fragment;
  return std::nullopt;
}

/// Bytes of the transport's header; nullopt if it is not there.
std::optional<std::size_t> transport_bytes(const IpPacket& packet) {
  const ConstBytes transport = packet.payload();
  if (packet.protocol == kProtocolUdp) {
    if (transport.size() < kUdpHeaderBytes) return std::nullopt;
    if (u16_at(transport, kUdpLengthAt) != transport.size()) return std::nullopt;
    return kUdpHeaderBytes;
  }
  if (transport.size() < kTcpHeaderBytes) return std::nullopt;
  const std::size_t size = tcp_header_bytes(transport);
  if (size < kTcpHeaderBytes || size > transport.size()) return std::nullopt;
  return size;
}

}  // namespace

const char* name_of(SegmentError error) {
  return kSegmentErrorNames.at(static_cast<std::size_t>(error));
}

bool complete_checksum(const VnetHeader& header, std::size_t headers, Bytes packet) {
  const std::size_t start = header.checksum_start;
  const std::size_t at = start + header.checksum_offset;
  if (start < headers || at + 2 > packet.size()) return false;
  InternetSum sum;
  sum.add(packet.subspan(start));
  // That of an inner packet, if this one is a tunnel's: 0 would mean none in UDP, and all ones mean 0 to
  // whoever sums.
  put_u16(packet, at, sum.udp_checksum());
  return true;
}

tl::expected<Segmenter, SegmentError> Segmenter::make(const VnetHeader& header, Bytes packet) {
  if (packet.size() > kMaxIpPacketBytes) return tl::make_unexpected(SegmentError::bad_packet);
  const auto parsed = parse_ip_packet(packet);
  if (!parsed) return tl::make_unexpected(SegmentError::bad_packet);
  if (header.header_bytes > packet.size()) return tl::make_unexpected(SegmentError::bad_header_bytes);
  Segmenter segmenter;
  segmenter.packet_ = packet;
  if (header.gso == Gso::none) {
    if (header.needs_checksum && !complete_checksum(header, parsed->payload_offset, packet)) {
      return tl::make_unexpected(SegmentError::bad_checksum_place);
    }
    return segmenter;
  }
  if (const auto error = segmenter.prepare(header, *parsed)) return tl::make_unexpected(*error);
  return segmenter;
}

std::optional<SegmentError> Segmenter::prepare(const VnetHeader& header, const IpPacket& packet) {
  if (const auto error = check_kind(header.gso, packet)) return error;
  if (!header.needs_checksum) return SegmentError::no_checksum;
  const auto transport = transport_bytes(packet);
  if (!transport) return SegmentError::bad_transport_header;
  is_ipv4_ = packet.is_ipv4();
  is_tcp_ = header.gso != Gso::udp;
  transport_at_ = packet.payload_offset;
  if (header.checksum_start != transport_at_ ||
      header.checksum_offset != (is_tcp_ ? kTcpChecksumAt : kUdpChecksumAt)) {
    return SegmentError::bad_checksum_place;
  }
  if (header.gso_size == 0) return SegmentError::no_gso_size;
  gso_size_ = header.gso_size;
  head_bytes_ = transport_at_ + *transport;
  if (head_bytes_ > kMaxSegmentHeadBytes) return SegmentError::header_too_long;
  const std::size_t payload = packet_.size() - head_bytes_;
  count_ = std::max<std::size_t>(1, (payload + gso_size_ - 1) / gso_size_);
  if (count_ > kMaxCutSegments) return SegmentError::too_many_segments;
  if (is_tcp_ && count_ > 1 && (packet_[transport_at_ + kTcpFlagsAt] & (kTcpSyn | kTcpRst)) != 0) {
    return SegmentError::bad_flags;
  }
  return std::nullopt;
}

std::size_t Segmenter::largest() const {
  return head_bytes_ == 0 ? packet_.size() : std::min(packet_.size(), head_bytes_ + gso_size_);
}

std::optional<Segment> Segmenter::next() {
  if (given_ == count_) return std::nullopt;
  const std::size_t number = given_++;
  if (head_bytes_ == 0) return Segment{packet_, {}};
  const std::size_t from = head_bytes_ + number * gso_size_;
  const ConstBytes payload = packet_.subspan(from, std::min(gso_size_, packet_.size() - from));
  write_head(payload, number == 0, given_ == count_);
  return Segment{ConstBytes(head_).first(head_bytes_), payload};
}

void Segmenter::write_head(ConstBytes payload, bool is_first, bool is_last) {
  const Bytes head = Bytes(head_).first(head_bytes_);
  std::copy_n(packet_.begin(), head_bytes_, head.begin());
  const std::size_t size = head_bytes_ + payload.size();
  if (is_ipv4_) {
    put_u16(head, kIpv4LengthAt, static_cast<std::uint16_t>(size));
    put_u16(head, kIpv4IdAt, static_cast<std::uint16_t>(u16_at(head, kIpv4IdAt) + given_ - 1));
    put_u16(head, kIpv4ChecksumAt, 0);
    InternetSum sum;
    sum.add(head.first(transport_at_));
    put_u16(head, kIpv4ChecksumAt, sum.checksum());
  } else {
    put_u16(head, kIpv6LengthAt, static_cast<std::uint16_t>(size - kIpv6HeaderBytes));
  }
  const Bytes transport = head.subspan(transport_at_);
  if (is_tcp_) {
    const auto passed = static_cast<std::uint32_t>((given_ - 1) * gso_size_);
    put_u32(transport, kTcpSequenceAt, u32_at(transport, kTcpSequenceAt) + passed);
    unsigned flags = transport[kTcpFlagsAt];
    if (!is_first) flags &= ~kTcpCwr;
    if (!is_last) flags &= ~(kTcpFin | kTcpPsh);
    transport[kTcpFlagsAt] = static_cast<std::uint8_t>(flags);
  } else {
    put_u16(transport, kUdpLengthAt, static_cast<std::uint16_t>(kUdpHeaderBytes + payload.size()));
  }
  complete_transport(payload);
}

void Segmenter::complete_transport(ConstBytes payload) {
  const Bytes transport = Bytes(head_).subspan(transport_at_, head_bytes_ - transport_at_);
  const std::size_t at = is_tcp_ ? kTcpChecksumAt : kUdpChecksumAt;
  // What stands there is the sum of the pseudo header, in which only the length changes. It is taken as it
  // is: behind a routing header it is that of another destination (RFC 8200, section 8.1).
  InternetSum sum;
  sum.add_u16(u16_at(transport, at));
  sum.add_u16(static_cast<std::uint16_t>(~(packet_.size() - transport_at_)));
  sum.add_u16(static_cast<std::uint16_t>(transport.size() + payload.size()));
  put_u16(transport, at, 0);
  sum.add(transport);
  sum.add(payload);
  put_u16(transport, at, is_tcp_ ? sum.checksum() : sum.udp_checksum());
}

}  // namespace mptunnel
