// The Internet checksum (RFC 1071): the one's complement of the one's complement sum of 16-bit words.
#pragma once

#include <cstdint>

#include "mptunnel/base/bytes.h"

namespace mptunnel {

/// A sum in the making. Pieces are added in any order; each but one has an even size, and begins at an even
/// place of what is summed. The piece of an odd size counts as if a zero byte followed.
class InternetSum {
 public:
  /// At most 64 KiB at a time, and 4 GiB in all.
  void add(ConstBytes bytes);
  void add_u16(std::uint16_t value) { sum_ += value; }
  void add_u32(std::uint32_t value) { sum_ += (value >> 16U) + (value & 0xffffU); }
  /// What TCP, UDP and ICMPv6 sum besides themselves (RFC 9293, section 3.1; RFC 8200, section 8.1).
  /// Addresses of either family; `length` is that of the transport's header and payload.
  void add_pseudo_header(ConstBytes source, ConstBytes destination, std::uint8_t protocol,
                         std::uint32_t length);

  /// The sum, folded into 16 bits: 0xffff if what was summed has its right checksum in it. What a sender that
  /// leaves the checksum to a device has in its place, of the pseudo header alone.
  [[nodiscard]] std::uint16_t folded() const;
  /// The checksum: what stands in a packet.
  [[nodiscard]] std::uint16_t checksum() const { return static_cast<std::uint16_t>(~folded()); }
  /// The same as UDP writes it, where 0 means that there is none (RFC 768).
  [[nodiscard]] std::uint16_t udp_checksum() const {
    const std::uint16_t value = checksum();
    return value == 0 ? std::uint16_t{0xffff} : value;
  }

 private:
  std::uint64_t sum_ = 0;
};

/// The checksum once a 16-bit word that it covers has changed (RFC 1624, equation 3).
std::uint16_t updated_checksum(std::uint16_t checksum, std::uint16_t before, std::uint16_t after);

}  // namespace mptunnel
