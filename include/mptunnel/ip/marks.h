// DSCP and ECN of an inner packet, and of the packets of the tunnel that carry it (RFC 2983, RFC 6040).
// The DSCP of a packet of the tunnel ends with it: what networks under way make of it is their own business
// (RFC 2983, section 3.1, the pipe model). Congestion that they mark goes on with the inner packet.
#pragma once

#include <cstdint>
#include <optional>

#include "mptunnel/base/bytes.h"

namespace mptunnel {

struct IpPacket;

/// RFC 3168, section 5.
enum class Ecn : std::uint8_t { not_ect = 0, ect1 = 1, ect0 = 2, ce = 3 };

inline constexpr std::uint8_t kMaxDscp = 63;

/// DSCP and ECN of one packet: the byte that IPv4 calls type of service and IPv6 traffic class (RFC 2474).
struct Marks {
  std::uint8_t dscp = 0;  ///< 0 to kMaxDscp
  Ecn ecn = Ecn::not_ect;
  friend bool operator==(const Marks&, const Marks&) = default;

  /// The byte of TOS or traffic class.
  [[nodiscard]] std::uint8_t traffic_class() const {
    return static_cast<std::uint8_t>(std::uint32_t{dscp} << 2U | static_cast<std::uint32_t>(ecn));
  }
  static Marks of_traffic_class(std::uint8_t byte) {
    return {static_cast<std::uint8_t>(byte >> 2U), static_cast<Ecn>(byte & 3U)};
  }
};

Marks marks_of(const IpPacket& packet);

/// Those of the packet of the tunnel: the ECN of the inner one (RFC 6040, section 4.1, normal mode), which a
/// peer that does not read it must not get; its DSCP, or `fixed_dscp`.
Marks outer_marks(Marks inner, std::optional<std::uint8_t> fixed_dscp);

/// The ECN with which the inner packet goes on (RFC 6040, section 4.2, figure 4). nullopt: it is to be
/// dropped, because congestion can be told in no other way to an end that does not know ECN.
std::optional<Ecn> forwarded_ecn(Ecn inner, Ecn outer);

/// The ECN that packets of the tunnel came with, and whether it is that of these very packets, which met what
/// a path is like. Copies from where no path is say nothing certain, nor do several packets together: Linux
/// before 6.9 puts some that differ into one batch (UDP GRO). What is not certain drops nothing.
struct OuterEcn {
  Ecn ecn = Ecn::not_ect;
  bool is_certain = true;
  friend bool operator==(const OuterEcn&, const OuterEcn&) = default;
};

/// That of a packet which came in two parts: the one that tells of more congestion (RFC 3168, section 5.3,
/// and the order of RFC 6040, figure 4).
OuterEcn joined_ecn(OuterEcn one, OuterEcn other);

/// Reads the ECN of a packet that parse_ip_packet() reads.
Ecn ecn_of(ConstBytes packet);
/// Sets it. The checksum of an IPv4 header is as right, or wrong, as it was.
void set_ecn(Bytes packet, Ecn ecn);

}  // namespace mptunnel
