#include "mptunnel/ip/icmp.h"

#include <algorithm>
#include <array>
#include <optional>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/cursor.h"
#include "mptunnel/ip/checksum.h"
#include "mptunnel/ip/header_fields.h"
#include "mptunnel/ip/limits.h"

namespace mptunnel {
namespace {

constexpr std::array<const char*, 6> kNoIcmpNames{"fits",    "may_fragment", "about_error",
                                                  "to_many", "from_no_host", "later_fragment"};

constexpr std::size_t kIcmpHeaderBytes = 8;
constexpr std::size_t kIcmpChecksumAt = 2;
constexpr std::uint8_t kIcmpUnreachable = 3;
constexpr std::uint8_t kIcmpFragmentationNeeded = 4;
constexpr std::uint8_t kIcmpv6PacketTooBig = 2;
constexpr std::uint8_t kIcmpHopLimit = 64;
/// Precedence "internetwork control" (RFC 1812, section 4.3.2.5).
constexpr std::uint8_t kIcmpTos = 0xc0;

/// Types of ICMP that ask or answer (RFC 792, 950, 1256, 8335). All others are errors, or unknown.
constexpr std::array<std::uint8_t, 12> kIcmpQueries{0, 8, 9, 10, 13, 14, 15, 16, 17, 18, 42, 43};
/// ICMPv6 errors are those below (RFC 4443, section 2.1), and Redirect is treated as one.
constexpr std::uint8_t kIcmpv6FirstQuery = 128;
constexpr std::uint8_t kIcmpv6Redirect = 137;

bool may_be_error(const IpPacket& packet) {
  if (packet.protocol != (packet.is_ipv4() ? kProtocolIcmp : kProtocolIcmpv6)) return false;
  if (packet.payload().empty()) return true;
  const std::uint8_t type = packet.payload().front();
  if (!packet.is_ipv4()) return type < kIcmpv6FirstQuery || type == kIcmpv6Redirect;
  return std::find(kIcmpQueries.begin(), kIcmpQueries.end(), type) == kIcmpQueries.end();
}

std::optional<NoIcmp> reason_against(const IpPacket& packet, std::size_t mtu) {
  if (packet.bytes.size() <= mtu) return NoIcmp::fits;
  if (packet.is_later_fragment()) return NoIcmp::later_fragment;
  if (!packet.dont_fragment) return NoIcmp::may_fragment;
  if (packet.destination.is_multicast() || packet.destination.is_broadcast()) return NoIcmp::to_many;
  if (!packet.source.is_host()) return NoIcmp::from_no_host;
  if (may_be_error(packet)) return NoIcmp::about_error;
  return std::nullopt;
}

std::size_t write_icmpv4(const IpPacket& packet, std::size_t mtu, const IpAddress& from, Bytes out) {
  const std::size_t quoted =
      std::min(packet.bytes.size(), kMaxIcmpErrorBytes - kIpv4HeaderBytes - kIcmpHeaderBytes);
  const std::size_t size = kIpv4HeaderBytes + kIcmpHeaderBytes + quoted;
  ByteWriter writer(out);
  writer.u8(0x45);
  writer.u8(kIcmpTos);
  writer.u16(static_cast<std::uint16_t>(size));
  // No id: one that is never cut needs none (RFC 6864, section 4.1).
  writer.u16(0);
  writer.u16(kIpv4DontFragment);
  writer.u8(kIcmpHopLimit);
  writer.u8(kProtocolIcmp);
  writer.u16(0);
  writer.bytes(from.bytes());
  writer.bytes(packet.source.bytes());
  InternetSum header;
  header.add(out.first(kIpv4HeaderBytes));
  put_u16(out, kIpv4ChecksumAt, header.checksum());

  writer.u8(kIcmpUnreachable);
  writer.u8(kIcmpFragmentationNeeded);
  writer.u32(0);
  writer.u16(static_cast<std::uint16_t>(mtu));
  writer.bytes(packet.bytes.first(quoted));
  const Bytes icmp = out.subspan(kIpv4HeaderBytes, size - kIpv4HeaderBytes);
  InternetSum sum;
  sum.add(icmp);
  put_u16(icmp, kIcmpChecksumAt, sum.checksum());
  return size;
}

std::size_t write_icmpv6(const IpPacket& packet, std::size_t mtu, const IpAddress& from, Bytes out) {
  const std::size_t quoted =
      std::min(packet.bytes.size(), kMaxIcmpv6ErrorBytes - kIpv6HeaderBytes - kIcmpHeaderBytes);
  const std::size_t content = kIcmpHeaderBytes + quoted;
  ByteWriter writer(out);
  writer.u32(0x60000000);
  writer.u16(static_cast<std::uint16_t>(content));
  writer.u8(kProtocolIcmpv6);
  writer.u8(kIcmpHopLimit);
  writer.bytes(from.bytes());
  writer.bytes(packet.source.bytes());
  writer.u8(kIcmpv6PacketTooBig);
  writer.u8(0);
  writer.u16(0);
  writer.u32(static_cast<std::uint32_t>(mtu));
  writer.bytes(packet.bytes.first(quoted));
  const Bytes icmp = out.subspan(kIpv6HeaderBytes, content);
  InternetSum sum;
  sum.add_pseudo_header(from.bytes(), packet.source.bytes(), kProtocolIcmpv6,
                        static_cast<std::uint32_t>(content));
  sum.add(icmp);
  put_u16(icmp, kIcmpChecksumAt, sum.checksum());
  return kIpv6HeaderBytes + content;
}

}  // namespace

const char* name_of(NoIcmp reason) {
  return kNoIcmpNames.at(static_cast<std::size_t>(reason));
}

tl::expected<std::size_t, NoIcmp> make_too_big(const IpPacket& packet, std::size_t mtu, const IpAddress& from,
                                               Bytes out) {
  MPT_ASSERT(from.family == packet.source.family && out.size() >= kMaxIcmpv6ErrorBytes);
  mtu = std::max(mtu, packet.is_ipv4() ? kLeastIpv4Mtu : kLeastIpv6Mtu);
  if (const auto reason = reason_against(packet, mtu)) return tl::make_unexpected(*reason);
  return packet.is_ipv4() ? write_icmpv4(packet, mtu, from, out) : write_icmpv6(packet, mtu, from, out);
}

}  // namespace mptunnel
