// Answers a sender whose inner packet is too large for the tunnel: ICMP "fragmentation needed" (RFC 792, RFC
// 1191), ICMPv6 "packet too big" (RFC 4443, section 3.2). It sends nothing, and does not limit how often:
// that is its caller's business, which RFC 4443, section 2.4(f) asks for.
//
//     IPv4 20 bytes | type 3 | code 4 | checksum 2 | 0 2 | MTU 2 | the packet, up to 576 bytes in all
//     IPv6 40 bytes | type 2 | code 0 | checksum 2 | MTU 4       | the packet, up to 1,280 bytes in all
#pragma once

#include <cstdint>
#include <tl/expected.hpp>

#include "mptunnel/base/bytes.h"
#include "mptunnel/ip/ip_packet.h"

namespace mptunnel {

/// Why a packet gets no answer (RFC 1122, section 3.2.2; RFC 4443, section 2.4(e)).
enum class NoIcmp : std::uint8_t {
  fits,            ///< it is not too large; in IPv6 nothing is that has no more than 1,280 bytes
  may_fragment,    ///< IPv4 without Don't Fragment: whoever can't carry it whole may cut it
  about_error,     ///< it is an ICMP error itself, or may be
  to_many,         ///< to a multicast or broadcast address
  from_no_host,    ///< its source is not the address of one host
  later_fragment,  ///< the first fragment alone is answered for all
};
/// The reason's own name, as it stands in the enum.
const char* name_of(NoIcmp reason);

/// Writes the answer to `packet` into `out`, which has kMaxIcmpv6ErrorBytes, and returns its size. `mtu` is
/// what fits; what is said is at least what each link must carry, 68 or 1,280 bytes. `from` is an address of
/// this end, of the packet's family.
tl::expected<std::size_t, NoIcmp> make_too_big(const IpPacket& packet, std::size_t mtu, const IpAddress& from,
                                               Bytes out);

}  // namespace mptunnel
