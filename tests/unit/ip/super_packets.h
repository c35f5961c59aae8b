// Super-packets as a TUN device hands them out, and what they stand for, built field by field.
#pragma once

#include <algorithm>
#include <vector>

#include "mptunnel/ip/segmenter.h"
#include "support/ip_packets.h"

namespace mptunnel::test {

struct SuperPacket {
  VnetHeader header;
  PacketBytes bytes;
};

inline PacketBytes make_packet(const PacketSpec& spec, bool is_tcp) {
  return is_tcp ? make_tcp(spec) : make_udp(spec);
}

/// Its checksum is left to the device.
inline SuperPacket make_super(const PacketSpec& spec, bool is_tcp, std::uint16_t gso_size) {
  SuperPacket super;
  super.bytes = make_packet(spec, is_tcp);
  const std::size_t transport = (is_tcp ? 20 + spec.tcp_options.size() : 8) + spec.payload.size();
  const std::size_t start = super.bytes.size() - transport;
  const std::size_t offset = is_tcp ? 16 : 6;
  set_number(super.bytes, start + offset, plain_sum(pseudo_header(spec, is_tcp ? 6 : 17, transport)), 2);
  const bool is_ipv4 = super.bytes[0] >> 4U == 4;
  super.header.gso = !is_tcp ? Gso::udp : is_ipv4 ? Gso::tcp4 : Gso::tcp6;
  super.header.has_ecn = is_tcp && (spec.flags & 0x80U) != 0;
  super.header.needs_checksum = true;
  super.header.header_bytes = static_cast<std::uint16_t>(super.bytes.size() - spec.payload.size());
  super.header.gso_size = gso_size;
  super.header.checksum_start = static_cast<std::uint16_t>(start);
  super.header.checksum_offset = static_cast<std::uint16_t>(offset);
  return super;
}

/// The packets that it stands for, each made anew.
inline std::vector<PacketBytes> plain_segments(const PacketSpec& spec, bool is_tcp, std::size_t gso_size) {
  std::vector<PacketBytes> segments;
  std::size_t at = 0;
  do {
    PacketSpec part = spec;
    const std::size_t end = std::min(at + gso_size, spec.payload.size());
    part.payload.assign(spec.payload.begin() + static_cast<std::ptrdiff_t>(at),
                        spec.payload.begin() + static_cast<std::ptrdiff_t>(end));
    part.id = static_cast<std::uint16_t>(spec.id + segments.size());
    part.sequence = spec.sequence + static_cast<std::uint32_t>(at);
    if (at > 0) part.flags &= 0x7f;                     // CWR
    if (end < spec.payload.size()) part.flags &= 0xf6;  // FIN, PSH
    segments.push_back(make_packet(part, is_tcp));
    at = end;
  } while (at < spec.payload.size());
  return segments;
}

inline PacketBytes whole(const Segment& segment) {
  PacketBytes bytes(segment.head.begin(), segment.head.end());
  append(bytes, segment.payload);
  return bytes;
}

inline std::vector<PacketBytes> all_segments(Segmenter& segmenter) {
  std::vector<PacketBytes> segments;
  while (const auto segment = segmenter.next()) segments.push_back(whole(*segment));
  return segments;
}

}  // namespace mptunnel::test
