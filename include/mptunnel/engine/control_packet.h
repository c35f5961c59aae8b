// What both engines do alike with CONTROL packets and the reports in them.
#pragma once

#include <array>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

/// Whether every frame of a packet can be read: a packet with one that can't is dropped whole.
inline std::optional<Drop> check_frames(ConstBytes frames) {
  FrameReader reader(frames);
  while (reader.next()) {
  }
  if (reader.error() == FrameError::none) return std::nullopt;
  return reader.error() == FrameError::unknown ? Drop::unknown_frame : Drop::bad_frame;
}

/// Bytes of frames in a packet with a PING: padded, so that an answer with SERVER_HELLO, PONG and CHALLENGE
/// is no larger and may go to an address that has proved nothing yet.
inline constexpr std::size_t kProbeFrameBytes = 32;

/// Seals one CONTROL packet with these frames, padded to `at_least` bytes, at the end of the arena and
/// returns its size; the caller says where it goes. The frames are short and few: 1,176 bytes together.
/// Errors as KeyEpoch::seal_control.
inline tl::expected<std::size_t, Drop> seal_control_packet(KeyEpoch& epoch, const std::vector<Frame>& frames,
                                                           std::size_t at_least, Output& out, TimePoint now) {
  std::array<std::uint8_t, kMaxControlBytes> bytes{};
  ByteWriter writer(bytes);
  for (const Frame& frame : frames) encode_frame(frame, writer);
  if (writer.written() < at_least) writer.zeros(at_least - writer.written());
  const std::size_t size = KeyEpoch::kControlOverhead + writer.written();
  const auto sealed =
      epoch.seal_control(ConstBytes(bytes).first(writer.written()), {}, out.make_packet(size), now);
  if (sealed) return size;
  out.discard_packet(size);
  return tl::unexpected(sealed.error());
}

/// What this end says of a path in a PING or PONG.
inline PathReport make_report(const KeyEpoch& epoch, PathId path, std::uint32_t sequence) {
  const PathCounters& counters = epoch.path(path);
  return {path, sequence, counters.sent, counters.received, epoch.data_sealed()};
}

/// Remembers what the peer said of a path. Reports may overtake each other: the furthest one counts.
inline void note_report(PathCounters& counters, const PathReport& report) {
  if (report.sent < counters.peer_sent || report.received < counters.peer_received) return;
  counters.peer_sent = report.sent;
  counters.peer_received = report.received;
  counters.received_then = counters.received;
  counters.sent_then = counters.sent;
}

}  // namespace mptunnel
