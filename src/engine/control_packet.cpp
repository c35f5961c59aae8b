#include "mptunnel/engine/control_packet.h"

#include <algorithm>
#include <utility>

namespace mptunnel {
namespace {

/// PADDING.
ConstBytes zeros(std::size_t count) {
  static const std::array<std::uint8_t, kMaxPacketBytes> bytes{};
  return ConstBytes(bytes).first(count);
}

bool has_datagrams_alone(ConstBytes frames) {
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    if (!std::holds_alternative<DatagramFrame>(*frame) && !std::holds_alternative<FlowOpenFrame>(*frame))
      return false;
  }
  return true;
}

}  // namespace

std::optional<ConstBytes> complete_packet(KeyEpoch& epoch, const FragmentFrame& fragment,
                                          FragmentAssembler& fragments, Output& out, DropCounters& drops,
                                          TimePoint now) {
  const PacketHeader header{fragment.type, epoch.local_index(), fragment.number};
  if (epoch.is_seen(header)) {
    drops.add(Drop::copy);
    return std::nullopt;
  }
  auto whole = fragments.add(header.index, fragment, now);
  if (!whole) {
    drops.add(whole.error());
    return std::nullopt;
  }
  if (!*whole) return std::nullopt;
  const Bytes packet = out.keep(std::move(**whole));
  const bool is_data = header.type == PacketType::data;
  const auto opened =
      is_data ? epoch.open_data(header, packet, now) : epoch.open_control(header, packet, now);
  if (!opened) {
    drops.add(opened.error());
    return std::nullopt;
  }
  if (!is_data && !has_datagrams_alone(*opened)) {
    drops.add(Drop::unexpected_frame);
    return std::nullopt;
  }
  return *opened;
}

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
