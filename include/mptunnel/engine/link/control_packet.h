// CONTROL packets as both ends make and read them.
#pragma once

#include <cstddef>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

/// Whether every frame of a packet can be read, and there are at most kMaxFramesOfPacket: otherwise the whole
/// packet is dropped for the reason returned.
std::optional<Drop> check_frames(ConstBytes frames);

/// Which kinds of frames that ask for an answer a packet has had: only the first of each kind is answered.
class AnsweredOnce {
 public:
  /// Whether it is the first of its kind; any other is counted as dropped.
  bool is_first(FrameType type, DropCounters& drops) {
    const bool first = take(type);
    if (!first) drops.add(Drop::unexpected_frame);
    return first;
  }
  /// Whether it is the first of its kind; any other is counted nowhere.
  bool take(FrameType type) {
    const std::uint64_t bit = frame_bit(type);
    const bool first = (seen_ & bit) == 0;
    seen_ |= bit;
    return first;
  }
  [[nodiscard]] bool has(FrameType type) const { return (seen_ & frame_bit(type)) != 0; }
  /// The packet's report says alone what came of DATA: no REPAIR_REPORT, which says more, is beside it.
  [[nodiscard]] bool has_only(FrameType report) const {
    return has(report) && !has(FrameType::repair_report);
  }

 private:
  std::uint64_t seen_ = 0;
};

/// Bytes of frames in a packet with a PING: padded, so that an answer with SERVER_HELLO, PONG and CHALLENGE
/// is no larger and may go to an address that has proved nothing yet.
inline constexpr std::size_t kProbeFrameBytes = 2 + (1 + kReportBytes) + 9;
/// Such a packet, whole.
inline constexpr std::size_t kProbeBytes = KeyEpoch::kControlOverhead + kProbeFrameBytes;
/// One with CLIENT_HELLO in front.
inline constexpr std::size_t kHelloBytes =
    KeyEpoch::kControlOverhead + (1 + sizeof(ClientIdentity) + sizeof(ProcessId)) + (1 + kReportBytes);
/// A CHALLENGE alone.
inline constexpr std::size_t kChallengeBytes = KeyEpoch::kControlOverhead + 9;

/// Seals one CONTROL packet with these frames, padded to `at_least` bytes, at the end of the arena and
/// returns its size; the caller says where it goes. The frames are short and few: 1,176 bytes together.
/// Errors as KeyEpoch::seal_control.
tl::expected<std::size_t, Drop> seal_control_packet(KeyEpoch& epoch, const std::vector<Frame>& frames,
                                                    std::size_t at_least, Output& out, TimePoint now);

/// Seals one MTU_PROBE of `size` bytes in all, which is at least kLeastMtu, at the end of the arena. Errors
/// as KeyEpoch::seal_control.
tl::expected<std::size_t, Drop> seal_mtu_probe(KeyEpoch& epoch, PathId path, std::size_t size, Output& out,
                                               TimePoint now);

/// Opens a CONTROL packet in place and returns its frames, all of which can be read. Errors as
/// KeyEpoch::open_control and check_frames(). For packets under a key that is no session's yet; any other is
/// Receiver's.
tl::expected<ConstBytes, Drop> open_first_control(KeyEpoch& epoch, const PacketHeader& header, Bytes packet,
                                                  TimePoint now);

}  // namespace mptunnel
