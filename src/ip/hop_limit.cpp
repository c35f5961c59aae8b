#include "mptunnel/ip/hop_limit.h"

#include "mptunnel/ip/checksum.h"
#include "mptunnel/ip/header_fields.h"

namespace mptunnel {

bool lower_hop_limit(Bytes packet) {
  const bool is_ipv4 = packet[0] >> 4U == 4;
  std::uint8_t& left = packet[is_ipv4 ? kIpv4TtlAt : kIpv6HopLimitAt];
  if (left <= 1) return false;
  const std::uint16_t before = is_ipv4 ? u16_at(packet, kIpv4TtlAt) : std::uint16_t{0};
  --left;
  if (is_ipv4) {
    const std::uint16_t sum = u16_at(packet, kIpv4ChecksumAt);
    put_u16(packet, kIpv4ChecksumAt, updated_checksum(sum, before, u16_at(packet, kIpv4TtlAt)));
  }
  return true;
}

}  // namespace mptunnel
