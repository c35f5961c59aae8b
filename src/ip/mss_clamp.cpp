#include "mptunnel/ip/mss_clamp.h"

#include <algorithm>
#include <bit>

#include "mptunnel/ip/checksum.h"
#include "mptunnel/ip/header_fields.h"
#include "mptunnel/ip/limits.h"

namespace mptunnel {
namespace {

// TCP options (RFC 9293, section 3.1).
constexpr std::uint8_t kOptionEnd = 0;
constexpr std::uint8_t kOptionNoOperation = 1;
constexpr std::uint8_t kOptionMss = 2;
constexpr std::size_t kMssOptionBytes = 4;

/// Largest MSS of packets of `mtu` bytes.
std::uint16_t fitting_mss(std::size_t mtu, bool is_ipv4) {
  const std::size_t headers = (is_ipv4 ? kIpv4HeaderBytes : kIpv6HeaderBytes) + kTcpHeaderBytes;
  const std::size_t room = mtu > headers ? mtu - headers : 0;
  return static_cast<std::uint16_t>(std::clamp<std::size_t>(room, kLeastMss, 0xffff));
}

/// Puts a number at `at` of a TCP header, and keeps the checksum. At an odd place its bytes are those of two
/// words, which is the same as to change them swapped (RFC 1071, section 2(B)).
void replace_in_tcp(Bytes tcp, std::size_t at, std::uint16_t value) {
  std::uint16_t before = u16_at(tcp, at);
  std::uint16_t after = value;
  if (at % 2 != 0) {
    before = std::rotl(before, 8);
    after = std::rotl(after, 8);
  }
  put_u16(tcp, at, value);
  put_u16(tcp, kTcpChecksumAt, updated_checksum(u16_at(tcp, kTcpChecksumAt), before, after));
}

}  // namespace

bool clamp_mss(Bytes bytes, const IpPacket& packet, std::size_t mtu) {
  if (packet.protocol != kProtocolTcp || packet.is_later_fragment()) return false;
  const Bytes tcp = bytes.subspan(packet.payload_offset);
  if (tcp.size() < kTcpHeaderBytes || (tcp[kTcpFlagsAt] & kTcpSyn) == 0) return false;
  const std::size_t end = std::min(tcp_header_bytes(tcp), tcp.size());
  const std::uint16_t most = fitting_mss(mtu, packet.is_ipv4());
  bool changed = false;
  for (std::size_t at = kTcpHeaderBytes; at < end;) {
    if (tcp[at] == kOptionEnd) break;
    if (tcp[at] == kOptionNoOperation) {
      ++at;
      continue;
    }
    // A length that can't be true leaves no next option to be found.
    if (at + 1 == end || tcp[at + 1] < 2 || at + tcp[at + 1] > end) break;
    if (tcp[at] == kOptionMss && tcp[at + 1] == kMssOptionBytes && u16_at(tcp, at + 2) > most) {
      replace_in_tcp(tcp, at + 2, most);
      changed = true;
    }
    at += tcp[at + 1];
  }
  return changed;
}

}  // namespace mptunnel
