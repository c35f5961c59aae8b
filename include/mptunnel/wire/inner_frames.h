// The frames that carry the packets of a TUN device, and those that settle who has which address. Included by
// frame.h.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/cursor.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/wire/frame_type.h"
#include "mptunnel/wire/inner_limits.h"

namespace mptunnel {

/// Where an inner packet is in its flow: as a datagram's number, but the sender names the flow by a bucket of
/// its choice, a hash of the inner flow.
struct InnerNumber {
  std::uint16_t bucket = 0;
  std::uint16_t number = 0;  ///< one more than the one before it of this bucket, modulo 2^16
  friend bool operator==(const InnerNumber&, const InnerNumber&) = default;
};

/// An inner packet, whole. IP and IP_NUMBERED decode to the same. A view; what it has in it is not looked at.
struct IpFrame {
  ConstBytes packet;
  std::optional<InnerNumber> number{};
};
inline constexpr std::size_t kIpPrefixBytes = 1;
inline constexpr std::size_t kInnerNumberBytes = 4;

/// An inner address with the size of its network, or the network itself.
struct InnerPrefix {
  Family family = Family::none;
  std::uint8_t length = 0;                ///< bits, at most 32 or 128
  std::array<std::uint8_t, 16> octets{};  ///< of IPv4 the first 4, then zeros

  friend auto operator<=>(const InnerPrefix&, const InnerPrefix&) = default;
};

enum class InnerKind : std::uint8_t {
  address = 1,    ///< this very address, of the client's device
  automatic = 2,  ///< any address; the one that is written is a wish, all zeros none
  network = 3,    ///< a network behind the client
  server = 4      ///< ADDRESSES_GIVEN alone: an address of the server's device, and its network
};

/// What the server says to an entry.
enum class InnerVerdict : std::uint8_t {
  given = 0,
  taken = 1,        ///< another client has it
  not_allowed = 2,  ///< outside of what the server gives
  no_room = 3,      ///< all addresses are taken
  no_device = 4     ///< the server has no device, or none of this family
};
/// The words for a log line; "refused" for a value of a later version.
const char* name_of(InnerVerdict verdict);

struct InnerEntry {
  InnerKind kind{};
  InnerPrefix prefix;
  InnerVerdict verdict{};  ///< ADDRESSES_GIVEN alone

  friend bool operator==(const InnerEntry&, const InnerEntry&) = default;
};

/// Client to server: all that the client wants, in place of what it wanted before. A view of entries, without
/// verdicts.
struct AddressesWantedFrame {
  std::uint8_t sequence = 0;  ///< the client's own count of questions; a repeat has that of the first
  std::uint8_t count = 0;     ///< of entries, at most kMaxInnerWanted
  ConstBytes entries;
};
/// Server to client, the answer: the same entries in their order, each with a verdict and, if it is given,
/// the address and network that it is; then those of the server. A view of at most kMaxInnerEntries.
struct AddressesGivenFrame {
  std::uint8_t sequence = 0;  ///< of the question
  std::uint8_t count = 0;
  ConstBytes entries;
};

/// The bytes of such entries, to be viewed by a frame; there are at most kMaxInnerEntries.
std::vector<std::uint8_t> inner_entry_bytes(std::span<const InnerEntry> entries, bool with_verdicts);
/// The entries of a frame that was read.
std::vector<InnerEntry> entries_of(const AddressesWantedFrame& frame);
std::vector<InnerEntry> entries_of(const AddressesGivenFrame& frame);

/// The IP or IP_NUMBERED frame that fills all of `frames`; nullopt if they start with anything else, or are
/// malformed: FrameReader says which.
inline std::optional<IpFrame> whole_ip(ConstBytes frames) {
  ByteReader reader(frames);
  const auto type = reader.u8();
  if (type == static_cast<std::uint8_t>(FrameType::ip)) return IpFrame{reader.rest()};
  if (type != static_cast<std::uint8_t>(FrameType::ip_numbered)) return std::nullopt;
  const auto bucket = reader.u16();
  const auto number = reader.u16();
  if (!bucket || !number) return std::nullopt;
  return IpFrame{reader.rest(), InnerNumber{*bucket, *number}};
}

/// Writes all of an IP or IP_NUMBERED frame but its packet, which follows to the end of the packet.
void encode_ip_prefix(const std::optional<InnerNumber>& number, ByteWriter& out);

}  // namespace mptunnel
