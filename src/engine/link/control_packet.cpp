#include "mptunnel/engine/link/control_packet.h"

#include <array>

#include "mptunnel/base/cursor.h"

namespace mptunnel {
namespace {

/// PADDING.
ConstBytes zeros(std::size_t count) {
  static const std::array<std::uint8_t, kMaxPacketBytes> bytes{};
  return ConstBytes(bytes).first(count);
}

/// Seals these frame bytes at the end of the arena; returns the size of the packet.
tl::expected<std::size_t, Drop> seal_at_end(KeyEpoch& epoch, ConstBytes head, ConstBytes body, Output& out,
                                            TimePoint now) {
  const std::size_t size = KeyEpoch::kControlOverhead + head.size() + body.size();
  const auto sealed = epoch.seal_control(head, body, out.make_packet(size), now);
  if (sealed) return size;
  out.discard_packet(size);
  return tl::unexpected(sealed.error());
}

}  // namespace

std::optional<Drop> check_frames(ConstBytes frames) {
  FrameReader reader(frames);
  for (std::size_t count = 0; reader.next(); ++count) {
    if (count == kMaxFramesOfPacket) return Drop::bad_frame;
  }
  if (reader.error() == FrameError::none) return std::nullopt;
  return reader.error() == FrameError::unknown ? Drop::unknown_frame : Drop::bad_frame;
}

tl::expected<std::size_t, Drop> seal_control_packet(KeyEpoch& epoch, const std::vector<Frame>& frames,
                                                    std::size_t at_least, Output& out, TimePoint now) {
  std::array<std::uint8_t, kMaxControlBytes> bytes{};
  ByteWriter writer(bytes);
  for (const Frame& frame : frames) encode_frame(frame, writer);
  if (writer.written() < at_least) writer.zeros(at_least - writer.written());
  return seal_at_end(epoch, ConstBytes(bytes).first(writer.written()), {}, out, now);
}

tl::expected<std::size_t, Drop> seal_mtu_probe(KeyEpoch& epoch, PathId path, std::size_t size, Output& out,
                                               TimePoint now) {
  std::array<std::uint8_t, 4> head{};
  ByteWriter writer(head);
  encode_frame(MtuProbeFrame{path, static_cast<std::uint16_t>(size)}, writer);
  const std::size_t padding = size - KeyEpoch::kControlOverhead - writer.written();
  return seal_at_end(epoch, head, zeros(padding), out, now);
}

tl::expected<ConstBytes, Drop> open_first_control(KeyEpoch& epoch, const PacketHeader& header, Bytes packet,
                                                  TimePoint now) {
  const auto opened = epoch.open_control(header, packet, now);
  if (!opened) return tl::unexpected(opened.error());
  if (const auto error = check_frames(*opened)) return tl::unexpected(*error);
  return ConstBytes(*opened);
}

}  // namespace mptunnel
