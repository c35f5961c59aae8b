// What a holder of the key makes: packets with any frames, sealed under genuine keys, and reads of what it
// gets.
#pragma once

#include <optional>
#include <vector>

#include "fuzz/input.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/ip/marks.h"
#include "mptunnel/session/handshake.h"
#include "mptunnel/session/key_epoch.h"

namespace mptunnel::fuzz {

using Packet = std::vector<std::uint8_t>;

/// The settings that an input begins with: one byte.
HandshakeSettings read_settings(Input& input);

/// Frames as bytes.
Packet frame_bytes(const std::vector<Frame>& frames);
/// One frame of any type, its fields from the input; views into the input.
Frame some_frame(Input& input);
/// Any bytes as frames, or up to four frames of any type.
Packet some_frames(Input& input);

/// A packet of these frames; empty if the key seals no more. Clear DATA has one DATAGRAM frame, whatever is
/// wanted.
Packet seal_control(KeyEpoch& epoch, ConstBytes frames, TimePoint now);
Packet seal_data(KeyEpoch& epoch, ConstBytes frames, TimePoint now);
/// The frames of a CONTROL packet, as bytes; empty if it is none, or does not open.
Packet open_control(KeyEpoch& epoch, ConstBytes packet, TimePoint now);

/// With which ECN the network brings it: as good as any.
inline Ecn some_ecn(const Packet& packet) {
  return static_cast<Ecn>(packet.size() % 4);
}

/// Calls visit(packet) for each packet of a run.
template <typename Visit>
void for_each_packet(const Output& out, const PacketRun& run, Visit visit) {
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const std::size_t size = i + 1 == run.count ? run.tail : run.stride;
    visit(ConstBytes(out.arena).subspan(run.offset + i * run.stride, size));
  }
}

/// Ends the process if the keys of a session, or what they have received, exceed their limits.
void check_link(const SessionLink& link, std::size_t most_epochs);
/// The sum of all bytes, so that a sanitizer sees each that is delivered.
std::size_t read_all(const Output& out);

}  // namespace mptunnel::fuzz
