#include "mptunnel/ip/ip_packet.h"

#include <array>
#include <cstring>

#include "mptunnel/ip/header_fields.h"
#include "mptunnel/ip/limits.h"

namespace mptunnel {
namespace {

constexpr std::array<const char*, 8> kIpErrorNames{"truncated",           "bad_version", "bad_header_length",
                                                   "bad_length",          "jumbogram",   "bad_extension",
                                                   "too_many_extensions", "bad_fragment"};

bool has_ports(std::uint8_t protocol) {
  return protocol == kProtocolTcp || protocol == kProtocolUdp || protocol == kProtocolSctp ||
         protocol == kProtocolDccp || protocol == kProtocolUdpLite;
}

void read_ports(IpPacket& packet) {
  const ConstBytes payload = packet.payload();
  if (packet.is_later_fragment() || !has_ports(packet.protocol) || payload.size() < 4) return;
  packet.ports = Ports{u16_at(payload, 0), u16_at(payload, 2)};
}

/// Takes the part that the packet is, unless it is the whole. `size`: of the bytes that it has of the
/// payload. False if there is no such part.
bool take_fragment(IpPacket& packet, const FragmentField& fragment, std::size_t size) {
  if (fragment.offset == 0 && !fragment.more) return true;
  if (fragment.offset + size > kMaxIpPacketBytes || (fragment.more && size % 8 != 0)) return false;
  packet.fragment = fragment;
  return true;
}

tl::expected<IpPacket, IpError> parse_ipv4(ConstBytes bytes) {
  if (bytes.size() < kIpv4HeaderBytes) return tl::make_unexpected(IpError::truncated);
  const std::size_t header_bytes = std::size_t{bytes[0] & 0xfU} * 4;
  if (header_bytes < kIpv4HeaderBytes) return tl::make_unexpected(IpError::bad_header_length);
  const std::size_t total = u16_at(bytes, kIpv4LengthAt);
  if (header_bytes > total) return tl::make_unexpected(IpError::bad_header_length);
  if (total > bytes.size()) return tl::make_unexpected(IpError::truncated);
  if (total < bytes.size()) return tl::make_unexpected(IpError::bad_length);

  IpPacket packet;
  packet.bytes = bytes;
  packet.source = IpAddress::from(bytes.subspan(kIpv4SourceAt, 4));
  packet.destination = IpAddress::from(bytes.subspan(kIpv4SourceAt + 4, 4));
  packet.protocol = bytes[kIpv4ProtocolAt];
  packet.traffic_class = bytes[1];
  packet.hop_limit = bytes[kIpv4TtlAt];
  packet.header_bytes = packet.payload_offset = static_cast<std::uint16_t>(header_bytes);
  const unsigned word = u16_at(bytes, kIpv4FragmentAt);
  packet.dont_fragment = (word & kIpv4DontFragment) != 0;
  const FragmentField fragment{u16_at(bytes, kIpv4IdAt),
                               static_cast<std::uint16_t>((word & kIpv4OffsetMask) * 8),
                               (word & kIpv4MoreFragments) != 0};
  if (!take_fragment(packet, fragment, total - header_bytes)) {
    return tl::make_unexpected(IpError::bad_fragment);
  }
  read_ports(packet);
  return packet;
}

/// Extension headers whose first two bytes are the next header and a length.
bool is_extension(std::uint8_t protocol) {
  switch (protocol) {
    case kProtocolHopByHop:
    case kProtocolRouting:
    case kProtocolAuthentication:
    case kProtocolDestinationOptions:
    case kProtocolMobility:
    case kProtocolHip:
    case kProtocolShim6:
    case kProtocolFragment:
      return true;
    default:
      return false;
  }
}

/// Bytes of an extension header with this length field (RFC 8200, section 4; RFC 4302, section 2.2).
std::size_t extension_bytes(std::uint8_t protocol, std::uint8_t length) {
  if (protocol == kProtocolFragment) return 8;
  return protocol == kProtocolAuthentication ? (length + std::size_t{2}) * 4 : (length + std::size_t{1}) * 8;
}

/// Moves `payload_offset` and `protocol` behind the extension headers.
std::optional<IpError> skip_extensions(IpPacket& packet) {
  const ConstBytes bytes = packet.bytes;
  std::size_t at = kIpv6HeaderBytes;
  for (std::size_t count = 0; is_extension(packet.protocol); ++count) {
    if (count == kMaxExtensionHeaders) return IpError::too_many_extensions;
    if (packet.protocol == kProtocolHopByHop && count > 0) return IpError::bad_extension;
    // Each is a multiple of 4 bytes, and has at least 8.
    if (bytes.size() < at + 8) return IpError::truncated;
    const std::size_t size = extension_bytes(packet.protocol, bytes[at + 1]);
    if (bytes.size() < at + size) return IpError::truncated;
    const bool is_fragment = packet.protocol == kProtocolFragment;
    packet.protocol = bytes[at];
    packet.payload_offset = static_cast<std::uint16_t>(at + size);
    if (is_fragment) {
      if (packet.fragment) return IpError::bad_extension;
      const unsigned word = u16_at(bytes, at + 2);
      const FragmentField fragment{u32_at(bytes, at + 4), static_cast<std::uint16_t>(word & 0xfff8U),
                                   (word & 1U) != 0};
      if (!take_fragment(packet, fragment, bytes.size() - at - size)) return IpError::bad_fragment;
      // Behind it lies the middle of something.
      if (packet.is_later_fragment()) return std::nullopt;
    }
    at += size;
  }
  return std::nullopt;
}

tl::expected<IpPacket, IpError> parse_ipv6(ConstBytes bytes) {
  if (bytes.size() < kIpv6HeaderBytes) return tl::make_unexpected(IpError::truncated);
  const std::size_t payload = u16_at(bytes, kIpv6LengthAt);
  const std::size_t total = kIpv6HeaderBytes + payload;
  if (payload == 0 && bytes[kIpv6NextHeaderAt] == kProtocolHopByHop) {
    return tl::make_unexpected(IpError::jumbogram);
  }
  if (total > bytes.size()) return tl::make_unexpected(IpError::truncated);
  if (total < bytes.size()) return tl::make_unexpected(IpError::bad_length);

  IpPacket packet;
  packet.bytes = bytes;
  packet.source = IpAddress::from(bytes.subspan(kIpv6SourceAt, 16));
  packet.destination = IpAddress::from(bytes.subspan(kIpv6SourceAt + 16, 16));
  packet.protocol = bytes[kIpv6NextHeaderAt];
  packet.traffic_class = static_cast<std::uint8_t>(u16_at(bytes, 0) >> 4U);
  packet.hop_limit = bytes[kIpv6HopLimitAt];
  packet.header_bytes = packet.payload_offset = kIpv6HeaderBytes;
  packet.dont_fragment = true;
  if (const auto error = skip_extensions(packet)) return tl::make_unexpected(*error);
  read_ports(packet);
  return packet;
}

/// The product of two words, its halves folded: every bit of both counts in every bit of the result.
std::uint64_t mix(std::uint64_t left, std::uint64_t right) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{left} * right;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

// Digits of pi: numbers without a pattern.
constexpr std::uint64_t kMixFirst = 0x243f6a8885a308d3U;
constexpr std::uint64_t kMixSecond = 0x13198a2e03707345U;

std::uint64_t mix_address(std::uint64_t state, const IpAddress& address) {
  std::array<std::uint64_t, 2> words{};
  std::memcpy(words.data(), address.octets.data(), sizeof words);
  return mix(words[0] ^ state ^ kMixFirst, words[1] ^ state ^ kMixSecond);
}

}  // namespace

const char* name_of(IpError error) {
  return kIpErrorNames.at(static_cast<std::size_t>(error));
}

tl::expected<IpPacket, IpError> parse_ip_packet(ConstBytes bytes) {
  if (bytes.empty()) return tl::make_unexpected(IpError::truncated);
  switch (bytes[0] >> 4U) {
    case 4:
      return parse_ipv4(bytes);
    case 6:
      return parse_ipv6(bytes);
    default:
      return tl::make_unexpected(IpError::bad_version);
  }
}

std::uint64_t flow_hash(const IpPacket& packet, std::uint64_t seed) {
  std::uint64_t state = mix(seed ^ kMixSecond, kMixFirst);
  state ^= mix_address(state, packet.source);
  state = mix_address(state, packet.destination);
  std::uint64_t rest = 0;
  if (packet.fragment) {
    // Parts of one packet may differ in what IPv6 says behind the fragment header (RFC 8200, section 4.5).
    const std::uint8_t protocol = packet.is_ipv4() ? packet.protocol : kProtocolFragment;
    rest = std::uint64_t{1} << 40U | std::uint64_t{protocol} << 32U | packet.fragment->id;
  } else {
    rest = std::uint64_t{packet.protocol} << 32U;
    if (packet.ports) rest |= std::uint64_t{packet.ports->source} << 16U | packet.ports->destination;
  }
  return mix(rest ^ state ^ kMixFirst, state ^ kMixSecond);
}

}  // namespace mptunnel
