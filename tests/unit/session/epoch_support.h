// Both ends of one key epoch, and packets as values.
#pragma once

#include <string_view>
#include <vector>

#include "mptunnel/base/cursor.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel::test {

using Packet = std::vector<std::uint8_t>;

inline constexpr TimePoint kEpochStart{100s};
inline constexpr SessionIndex kClientIndex{0xc11e57};
inline constexpr SessionIndex kServerIndex{0x5e4e40};

/// What a handshake would have ended with; another one for each seed.
inline NoiseSplit make_split(std::uint8_t seed = 1) {
  NoiseSplit split;
  split.initiator_to_responder.bytes.fill(seed);
  split.responder_to_initiator.bytes.fill(static_cast<std::uint8_t>(seed + 100));
  return split;
}
inline TrafficKeys make_keys(Cipher cipher, Role role) {
  return derive_traffic_keys(make_split(), kProtocolVersion, cipher, role);
}

struct EpochPair {
  explicit EpochPair(Cipher cipher)
      : client(kClientIndex, kServerIndex, make_keys(cipher, Role::client), kKnownFrames, kEpochStart),
        server(kServerIndex, kClientIndex, make_keys(cipher, Role::server), kKnownFrames, kEpochStart) {}
  KeyEpoch client;
  KeyEpoch server;
};

enum class Kind : std::uint8_t { data, control };

inline tl::expected<Packet, Drop> seal(KeyEpoch& epoch, Kind kind, ConstBytes head, ConstBytes body,
                                       TimePoint now = kEpochStart) {
  const std::size_t overhead = kind == Kind::data ? epoch.data_overhead() : KeyEpoch::kControlOverhead;
  Packet packet(overhead + head.size() + body.size());
  if (kind == Kind::data) {
    if (const auto sealed = epoch.seal_data(head, body, packet, now); !sealed) {
      return tl::unexpected(sealed.error());
    }
  } else if (const auto sealed = epoch.seal_control(head, body, packet, now); !sealed) {
    return tl::unexpected(sealed.error());
  }
  return packet;
}

/// A DATAGRAM of flow 5, or of another one.
inline Packet datagram_prefix(FlowId flow = FlowId{5}) {
  Packet prefix(datagram_prefix_bytes(flow));
  ByteWriter writer(prefix);
  encode_datagram_prefix(flow, writer);
  return prefix;
}
inline tl::expected<Packet, Drop> seal(KeyEpoch& epoch, Kind kind, std::string_view payload,
                                       TimePoint now = kEpochStart) {
  return seal(epoch, kind, datagram_prefix(), bytes_of(payload), now);
}

/// Opens `packet` in place, as what its header says it is; nothing but its header may decide.
inline tl::expected<Packet, Drop> open_in_place(KeyEpoch& epoch, Bytes packet, TimePoint now = kEpochStart) {
  const auto header = decode_header(packet);
  if (!header) return tl::unexpected(packet.size() < kHeaderBytes ? Drop::truncated : Drop::unknown_type);
  if (header->type != PacketType::data && header->type != PacketType::control) {
    return tl::unexpected(Drop::unknown_type);
  }
  if (header->index != epoch.local_index()) return tl::unexpected(Drop::unknown_index);
  const auto opened = header->type == PacketType::data ? epoch.open_data(*header, packet, now)
                                                       : epoch.open_control(*header, packet, now);
  if (!opened) return tl::unexpected(opened.error());
  return Packet(opened->begin(), opened->end());
}
inline tl::expected<Packet, Drop> open(KeyEpoch& epoch, Packet packet, TimePoint now = kEpochStart) {
  return open_in_place(epoch, packet, now);
}

/// What open() gives if all goes well.
inline Packet frames_of(std::string_view payload, FlowId flow = FlowId{5}) {
  Packet frames = datagram_prefix(flow);
  frames.insert(frames.end(), payload.begin(), payload.end());
  return frames;
}

inline std::uint32_t number_of(const Packet& packet) {
  return decode_header(packet)->number.value;
}

}  // namespace mptunnel::test
