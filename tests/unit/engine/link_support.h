// What tests of engine/link share: keys as values, the packets of an output, and what the far end makes of
// them.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/fragment_assembler.h"
#include "unit/session/epoch_support.h"

namespace mptunnel::test {

/// One end of a key that its peer calls by `local`.
inline std::unique_ptr<KeyEpoch> make_epoch(SessionIndex local, SessionIndex remote, Role role,
                                            Cipher cipher = Cipher::chacha20_poly1305,
                                            std::uint64_t peer_frames = kKnownFrames,
                                            TimePoint created = kEpochStart) {
  return std::make_unique<KeyEpoch>(local, remote, make_keys(cipher, role), peer_frames, created);
}

/// Both ends of a key, each with what it counts.
struct LinkEpochPair {
  explicit LinkEpochPair(Cipher cipher = Cipher::chacha20_poly1305)
      : client(make_epoch(kClientIndex, kServerIndex, Role::client, cipher), 0,
               std::make_shared<PathTable>()),
        server(make_epoch(kServerIndex, kClientIndex, Role::server, cipher), 0,
               std::make_shared<PathTable>()) {}
  LinkEpoch client;
  LinkEpoch server;
};

/// The packets of a run.
inline std::vector<Packet> packets_of(const Output& out, const PacketRun& run) {
  std::vector<Packet> packets;
  ConstBytes rest = out.bytes_of(run);
  for (std::uint32_t i = 0; i < run.count; ++i) {
    const ConstBytes packet = rest.first(i + 1 == run.count ? run.tail : run.stride);
    rest = rest.subspan(packet.size());
    packets.emplace_back(packet.begin(), packet.end());
  }
  return packets;
}
/// The packets of all runs that go to this path.
inline std::vector<Packet> packets_to(const Output& out, PathId path) {
  std::vector<Packet> packets;
  for (const PacketRun& run : out.runs) {
    if (!run.paths.contains(path)) continue;
    for (Packet& packet : packets_of(out, run)) packets.push_back(std::move(packet));
  }
  return packets;
}

/// What the far end makes of packets with a FRAGMENT each: the packet as it would have come in one piece;
/// nullopt if that is not what they are.
inline std::optional<Packet> assemble(KeyEpoch& far, std::vector<Packet> packets) {
  FragmentBudget budget;
  FragmentAssembler assembler(budget);
  std::optional<Packet> whole;
  for (Packet& packet : packets) {
    const auto frames = far.open_control(*decode_header(packet), packet, kEpochStart);
    if (!frames) return std::nullopt;
    FrameReader reader(*frames);
    const auto frame = reader.next();
    if (!frame || reader.next() || whole || !std::holds_alternative<FragmentFrame>(*frame))
      return std::nullopt;
    auto added = assembler.add(far.local_index(), std::get<FragmentFrame>(*frame), {}, kEpochStart);
    if (!added) return std::nullopt;
    if (*added) whole = std::move((*added)->packet);
  }
  return whole;
}

}  // namespace mptunnel::test
