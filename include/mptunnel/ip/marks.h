// DSCP and ECN of an inner packet, and of the packets of the tunnel that carry it (RFC 2983, RFC 6040).
// The DSCP of a packet of the tunnel ends with it: what networks under way make of it is their own business
// (RFC 2983, section 3.1, the pipe model). Congestion that they mark goes on with the inner packet.
#pragma once

#include <cstdint>
#include <optional>

#include "mptunnel/base/bytes.h"
#include "mptunnel/ip/ip_packet.h"

namespace mptunnel {

/// RFC 3168, section 5.
enum class Ecn : std::uint8_t { not_ect = 0, ect1 = 1, ect0 = 2, ce = 3 };

struct Marks {
  std::uint8_t dscp = 0;  ///< 0 to 63
  Ecn ecn = Ecn::not_ect;
  friend bool operator==(const Marks&, const Marks&) = default;

  /// The byte of TOS or traffic class.
  [[nodiscard]] std::uint8_t traffic_class() const {
    return static_cast<std::uint8_t>(std::uint32_t{dscp} << 2U | static_cast<std::uint32_t>(ecn));
  }
};

Marks marks_of(const IpPacket& packet);

/// Those of the packet of the tunnel: the ECN of the inner one (RFC 6040, section 4.1, normal mode), which a
/// peer that does not read it must not get; its DSCP, or `fixed_dscp`.
Marks outer_marks(Marks inner, std::optional<std::uint8_t> fixed_dscp);

/// The ECN with which the inner packet goes on (RFC 6040, section 4.2, figure 4). nullopt: it is to be
/// dropped, because congestion can be told in no other way to an end that does not know ECN.
std::optional<Ecn> forwarded_ecn(Ecn inner, Ecn outer);

/// Sets the ECN of a packet that parse_ip_packet() reads. The checksum of an IPv4 header is as right, or
/// wrong, as it was.
void set_ecn(Bytes packet, Ecn ecn);

}  // namespace mptunnel
