#include "mptunnel/ip/marks.h"

#include "mptunnel/base/assert.h"
#include "mptunnel/ip/checksum.h"
#include "mptunnel/ip/header_fields.h"
#include "mptunnel/ip/ip_packet.h"

namespace mptunnel {
Marks marks_of(const IpPacket& packet) {
  return Marks::of_traffic_class(packet.traffic_class);
}

Marks outer_marks(Marks inner, std::optional<std::uint8_t> fixed_dscp) {
  MPT_ASSERT(fixed_dscp.value_or(0) <= kMaxDscp);
  return {fixed_dscp.value_or(inner.dscp), inner.ecn};
}

std::optional<Ecn> forwarded_ecn(Ecn inner, Ecn outer) {
  if (inner == Ecn::not_ect) {
    if (outer == Ecn::ce) return std::nullopt;
    return Ecn::not_ect;
  }
  if (inner == Ecn::ce || outer == Ecn::ce) return Ecn::ce;
  // ECT(1) may mean more congestion than ECT(0), so it is kept.
  return outer == Ecn::ect1 ? Ecn::ect1 : inner;
}

OuterEcn joined_ecn(OuterEcn one, OuterEcn other) {
  for (const Ecn more : {Ecn::ce, Ecn::ect1, Ecn::ect0, Ecn::not_ect}) {
    if (one.ecn != more && other.ecn != more) continue;
    return {more, (one.ecn == more && one.is_certain) || (other.ecn == more && other.is_certain)};
  }
  return {};
}

Ecn ecn_of(ConstBytes packet) {
  const bool is_ipv6 = packet[0] >> 4U == 6;
  return static_cast<Ecn>((packet[1] >> (is_ipv6 ? 4U : 0U)) & 3U);
}

void set_ecn(Bytes packet, Ecn ecn) {
  const auto bits = static_cast<unsigned>(ecn);
  if (packet[0] >> 4U == 6) {
    packet[1] = static_cast<std::uint8_t>((packet[1] & ~0x30U) | bits << 4U);
    return;
  }
  const std::uint16_t before = u16_at(packet, 0);
  packet[1] = static_cast<std::uint8_t>((packet[1] & ~3U) | bits);
  const std::uint16_t checksum = u16_at(packet, kIpv4ChecksumAt);
  put_u16(packet, kIpv4ChecksumAt, updated_checksum(checksum, before, u16_at(packet, 0)));
}

}  // namespace mptunnel
