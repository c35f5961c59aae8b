#include "mptunnel/engine/control_packet.h"

#include <algorithm>

namespace mptunnel {
namespace {

/// PADDING.
ConstBytes zeros(std::size_t count) {
  static const std::array<std::uint8_t, kMaxPacketBytes> bytes{};
  return ConstBytes(bytes).first(count);
}

}  // namespace

tl::expected<void, Drop> seal_mtu_probe(KeyEpoch& epoch, PathId path, std::size_t size, Output& out,
                                        TimePoint now) {
  std::array<std::uint8_t, 4> head{};
  ByteWriter writer(head);
  encode_frame(MtuProbeFrame{path, static_cast<std::uint16_t>(size)}, writer);
  const std::size_t padding = size - KeyEpoch::kControlOverhead - writer.written();
  const auto sealed = epoch.seal_control(head, zeros(padding), out.make_packet(size), now);
  if (sealed) return {};
  out.discard_packet(size);
  return tl::unexpected(sealed.error());
}

tl::expected<void, Drop> send_fragments(KeyEpoch& epoch, const LargePacket& packet, SessionHandle session,
                                        Output& out, TimePoint now) {
  if (!epoch.peer_knows(FrameType::fragment)) return tl::unexpected(Drop::unknown_frame);
  const auto header = decode_header(ConstBytes(out.arena).subspan(packet.offset, packet.size));
  const std::size_t total = packet.size - kHeaderBytes;
  const std::size_t room = packet.mtu - KeyEpoch::kControlOverhead - kFragmentPrefixBytes;
  const std::size_t count = (total + room - 1) / room;
  const std::size_t length = (total + count - 1) / count;
  for (std::size_t at = 0; at < total; at += length) {
    std::array<std::uint8_t, kFragmentPrefixBytes> head{};
    ByteWriter writer(head);
    encode_fragment_prefix(
        {header->type, header->number, static_cast<std::uint32_t>(total), static_cast<std::uint32_t>(at), {}},
        writer);
    const std::size_t part = std::min(length, total - at);
    const std::size_t size = KeyEpoch::kControlOverhead + head.size() + part;
    const Bytes place = out.make_packet(size);
    // Only now: the arena may have moved.
    const ConstBytes body = ConstBytes(out.arena).subspan(packet.offset + kHeaderBytes + at, part);
    if (const auto sealed = epoch.seal_control(head, body, place, now); !sealed) {
      out.discard_packet(size);
      return tl::unexpected(sealed.error());
    }
    out.send(size, packet.paths, session, epoch.local_index(), packet.dscp);
  }
  return {};
}

}  // namespace mptunnel
