// What both engines do alike with CONTROL packets and the reports in them.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/fragment_assembler.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// Whether every frame of a packet can be read, and there are not too many: else it is dropped whole.
inline std::optional<Drop> check_frames(ConstBytes frames) {
  FrameReader reader(frames);
  for (std::size_t count = 0; reader.next(); ++count) {
    if (count == kMaxFramesOfPacket) return Drop::bad_frame;
  }
  if (reader.error() == FrameError::none) return std::nullopt;
  return reader.error() == FrameError::unknown ? Drop::unknown_frame : Drop::bad_frame;
}

/// Which frames that call for an answer a packet has had: one of each kind gets it.
class AnsweredOnce {
 public:
  /// Whether it is the first of its kind; any other is counted as dropped.
  bool is_first(FrameType type, DropCounters& drops) {
    const std::uint64_t bit = frame_bit(type);
    const bool first = (seen_ & bit) == 0;
    seen_ |= bit;
    if (!first) drops.add(Drop::unexpected_frame);
    return first;
  }

 private:
  std::uint64_t seen_ = 0;
};

/// Takes a fragment that came under this key. The frames of the packet that is whole with it, opened and kept
/// in `out`; nothing where none is, or it is dropped, and counted. A CONTROL packet has a datagram, and
/// FLOW_OPEN in front of it, alone: anything else would act on what the packet around the fragment still
/// needs.
std::optional<ConstBytes> complete_packet(KeyEpoch& epoch, const FragmentFrame& fragment,
                                          FragmentAssembler& fragments, Output& out, DropCounters& drops,
                                          TimePoint now);

/// Bytes of frames in a packet with a PING: padded, so that an answer with SERVER_HELLO, PONG and CHALLENGE
/// is no larger and may go to an address that has proved nothing yet.
inline constexpr std::size_t kProbeFrameBytes = 2 + (1 + kReportBytes) + 9;
/// Such a packet, whole.
inline constexpr std::size_t kProbeBytes = KeyEpoch::kControlOverhead + kProbeFrameBytes;
/// One with CLIENT_HELLO in front.
inline constexpr std::size_t kHelloBytes =
    KeyEpoch::kControlOverhead + (1 + sizeof(ClientIdentity) + sizeof(ProcessId)) + (1 + kReportBytes);

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

/// Seals one MTU_PROBE of `size` bytes in all, which is at least kLeastMtu, at the end of the arena. Errors
/// as KeyEpoch::seal_control.
tl::expected<void, Drop> seal_mtu_probe(KeyEpoch& epoch, PathId path, std::size_t size, Output& out,
                                        TimePoint now);

/// The paths that data goes to, and the largest packet that each of them carries.
struct Carriers {
  PathSet paths;
  std::size_t mtu = kMaxPacketBytes;

  /// The largest payload that goes to all of them in one piece, under this key.
  [[nodiscard]] std::size_t largest_payload(const KeyEpoch& epoch) const {
    return mtu - epoch.data_overhead() - datagram_prefix_bytes(FlowId{0});
  }
};

/// These paths; `mtu_of(i)` is what path i carries.
template <typename MtuOf>
Carriers carriers_of(PathSet paths, MtuOf mtu_of) {
  Carriers carriers{paths, kMaxPacketBytes};
  for (const PathId path : paths) carriers.mtu = std::min(carriers.mtu, mtu_of(path.value));
  return carriers;
}

/// A good share of the datagrams does not fit the carriers in one piece. `mtu_of` as above.
template <typename MtuOf>
Fragmenting fragmenting_event(double share, const Carriers& carriers, const KeyEpoch& epoch, MtuOf mtu_of) {
  Fragmenting event;
  event.share = share;
  event.largest = carriers.largest_payload(epoch);
  for (const PathId path : carriers.paths) {
    if (mtu_of(path.value) == carriers.mtu) event.path = path;
  }
  return event;
}

/// A sealed packet that lies in the arena and is too large for some paths.
struct LargePacket {
  std::size_t offset = 0;
  std::size_t size = 0;
  PathSet paths;        ///< those that it is too large for
  std::size_t mtu = 0;  ///< what each of them carries
  std::uint8_t dscp = 0;
};
/// The last `size` bytes of the arena are a packet that is too large for some of these paths; `mtu_of(i)` is
/// what path i carries.
template <typename MtuOf>
LargePacket split_carriers(const Output& out, std::size_t size, PathSet paths, std::uint8_t dscp,
                           MtuOf mtu_of) {
  LargePacket large{out.arena.size() - size, size, {}, kMaxPacketBytes, dscp};
  for (const PathId path : paths) {
    if (mtu_of(path.value) >= size) continue;
    large.paths.insert(path);
    large.mtu = std::min(large.mtu, mtu_of(path.value));
  }
  return large;
}
/// Seals it in fragments of about equal size at the end of the arena, and sends each to its paths. Errors as
/// KeyEpoch::seal_control; unknown_frame where the peer knows no fragments.
tl::expected<void, Drop> send_fragments(KeyEpoch& epoch, const LargePacket& packet, SessionHandle session,
                                        Output& out, TimePoint now);

/// What this end says of a path in a PING or PONG.
inline PathReport make_report(const KeyEpoch& epoch, PathId path, std::uint32_t sequence, TimePoint now) {
  PathReport report;
  report.path = path;
  report.sequence = sequence;
  epoch.path(path).fill_report(report, now);
  epoch.fill_report(report);
  return report;
}

}  // namespace mptunnel
