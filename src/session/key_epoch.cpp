#include "mptunnel/session/key_epoch.h"

#include <algorithm>
#include <utility>

#include "mptunnel/base/cursor.h"

namespace mptunnel {
namespace {

constexpr auto kMaxAnnounced = static_cast<std::uint32_t>(kRejectAfterPackets);

constexpr std::uint64_t blocks_of(std::size_t bytes) {
  return bytes / kBlockBytes + 1;
}

/// The check of a clear DATA packet: `header` are its first 8 bytes, `frames` begin with the prefix of its
/// DATAGRAM frame, `size` is that of the packet.
std::uint64_t clear_check(const SipHashKey& key, ConstBytes header, ConstBytes frames, std::size_t size) {
  // The number and the flow decide where a payload goes and whether it is a copy: nobody without the key may
  // choose them.
  std::array<std::uint8_t, kHeaderBytes + 1 + 4 + 4> bytes{};
  ByteReader reader(frames);
  ByteWriter writer(bytes);
  writer.bytes(header);
  writer.u8(reader.u8().value_or(0));
  writer.u32(reader.wide_varint().value_or(0));
  writer.u32(static_cast<std::uint32_t>(size));
  return siphash(key, bytes);
}

/// Whether the DATAGRAM prefix is written as this implementation writes it.
bool is_shortest_prefix(ConstBytes frames) {
  ByteReader reader(frames);
  if (!reader.u8()) return false;
  const std::size_t before = reader.rest().size();
  const auto flow = reader.wide_varint();
  return flow && before - reader.rest().size() == wide_varint_bytes(*flow);
}

}  // namespace

KeyEpoch::KeyEpoch(SessionIndex local, SessionIndex remote, TrafficKeys keys, std::uint64_t peer_frames,
                   TimePoint created)
    : local_(local), remote_(remote), keys_(std::move(keys)), peer_frames_(peer_frames), created_(created) {}

void KeyEpoch::Usage::opened(PacketNumber number, std::size_t bytes) {
  packets = std::max(packets, number.value + 1);
  blocks += blocks_of(bytes);
}

void KeyEpoch::Usage::sealed(std::size_t bytes) {
  ++packets;
  blocks += blocks_of(bytes);
}

tl::expected<void, Drop> KeyEpoch::seal_data(ConstBytes head, ConstBytes body, Bytes out, TimePoint now) {
  MPT_ASSERT(out.size() == data_overhead() + head.size() + body.size());
  if (now - created_ >= kRejectAfter) return tl::unexpected(Drop::key_expired);
  if (data_send_.is_spent()) return tl::unexpected(Drop::number_limit);
  const PacketNumber number{data_send_.packets};
  encode_header({PacketType::data, remote_, number}, out);
  const Bytes behind = out.subspan(kHeaderBytes);
  if (keys_.data_seal) {
    keys_.data_seal->seal(packet_nonce(number), out.first(kHeaderBytes), head, body, behind);
  } else {
    ByteWriter writer(behind);
    writer.u64(clear_check(keys_.clear_send, out.first(kHeaderBytes), head, out.size()));
    writer.bytes(head);
    writer.bytes(body);
  }
  data_send_.sealed(out.size());
  return {};
}

tl::expected<void, Drop> KeyEpoch::seal_control(ConstBytes head, ConstBytes body, Bytes out, TimePoint now) {
  MPT_ASSERT(out.size() == kControlOverhead + head.size() + body.size());
  if (now - created_ >= kRejectAfter) return tl::unexpected(Drop::key_expired);
  if (control_send_.is_spent()) return tl::unexpected(Drop::number_limit);
  const PacketNumber number{control_send_.packets};
  encode_header({PacketType::control, remote_, number}, out);
  keys_.control_seal.seal(packet_nonce(number), out.first(kHeaderBytes), head, body,
                          out.subspan(kHeaderBytes));
  control_send_.sealed(out.size());
  return {};
}

tl::expected<Bytes, Drop> KeyEpoch::open_data(const PacketHeader& header, Bytes packet, TimePoint now,
                                              Refuse refuse) {
  if (now - created_ >= kRejectAfter) return tl::unexpected(Drop::key_expired);
  if (!keys_.data_open) return open_clear(header, packet, now);
  return open_sealed(*keys_.data_open, data_receive_, data_seen_, header, packet, now, refuse);
}

tl::expected<Bytes, Drop> KeyEpoch::open_control(const PacketHeader& header, Bytes packet, TimePoint now) {
  if (now - created_ >= kRejectAfter) return tl::unexpected(Drop::key_expired);
  return open_sealed(keys_.control_open, control_receive_, control_seen_, header, packet, now);
}

tl::expected<Bytes, Drop> KeyEpoch::open_sealed(Aead& key, Usage& usage, ReceivedSet& seen,
                                                const PacketHeader& header, Bytes packet, TimePoint now,
                                                Refuse refuse) {
  if (packet.size() < kHeaderBytes + kTagBytes) return tl::unexpected(Drop::truncated);
  if (header.number.value >= kRejectAfterPackets || usage.blocks >= kRejectAfterBlocks) {
    return tl::unexpected(Drop::number_limit);
  }
  if (seen.contains(header.number)) return tl::unexpected(Drop::copy);
  const Bytes sealed = packet.subspan(kHeaderBytes);
  if (!key.open(packet_nonce(header.number), packet.first(kHeaderBytes), sealed)) {
    return tl::unexpected(Drop::open_failed);
  }
  const Bytes frames = sealed.first(sealed.size() - kTagBytes);
  if (const auto refused = refuse == nullptr ? std::nullopt : refuse(frames)) return tl::unexpected(*refused);
  if (!seen.insert(header.number, now)) return tl::unexpected(Drop::copy);
  usage.opened(header.number, packet.size());
  return frames;
}

tl::expected<Bytes, Drop> KeyEpoch::open_clear(const PacketHeader& header, Bytes packet, TimePoint now) {
  if (packet.size() < kHeaderBytes + kClearCheckBytes) return tl::unexpected(Drop::truncated);
  const std::uint32_t number = header.number.value;
  const std::uint32_t distance = number > announced_ ? number - announced_ : announced_ - number;
  if (distance > kClearNumberReach || number >= kRejectAfterPackets) return tl::unexpected(Drop::clear_reach);
  if (!verifies(header, packet)) return tl::unexpected(Drop::clear_check);
  if (!data_seen_.insert(header.number, now)) return tl::unexpected(Drop::copy);
  // A clear number is not authenticated: it must not bring a rekey or the end of the key nearer.
  return packet.subspan(kHeaderBytes + kClearCheckBytes);
}

bool KeyEpoch::verifies(const PacketHeader& header, Bytes packet) {
  const bool is_control = header.type == PacketType::control;
  if (is_control || keys_.data_open) {
    Aead& key = is_control ? keys_.control_open : *keys_.data_open;
    return packet.size() >= kHeaderBytes + kTagBytes &&
           key.open(packet_nonce(header.number), packet.first(kHeaderBytes), packet.subspan(kHeaderBytes));
  }
  ByteReader reader(packet.subspan(std::min(packet.size(), kHeaderBytes)));
  const auto check = reader.u64();
  // A flipped bit that makes the flow id longer takes in a byte of the payload, and the check can't see that.
  return check && is_shortest_prefix(reader.rest()) &&
         *check == clear_check(keys_.clear_receive, packet.first(kHeaderBytes), reader.rest(), packet.size());
}

void KeyEpoch::announce_data(std::uint32_t sealed) {
  announced_ = std::max(announced_, sealed);
  data_receive_.packets = std::max(data_receive_.packets, std::min(announced_, kMaxAnnounced));
}

bool KeyEpoch::wants_rekey(TimePoint now) const {
  return now >= rekey_time() || data_send_.wants_rekey() || data_receive_.wants_rekey() ||
         control_send_.wants_rekey() || control_receive_.wants_rekey();
}

bool KeyEpoch::is_usable(TimePoint now) const {
  return now - created_ < kRejectAfter && !data_send_.is_spent() && !control_send_.is_spent();
}

void KeyEpoch::age(TimePoint now) {
  data_seen_.age(now);
  control_seen_.age(now);
}

}  // namespace mptunnel
