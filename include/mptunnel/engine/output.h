// What an engine wants done: packets to send, payloads to deliver, events to report. Values only; the program
// that drives the engine carries them out, reports back with on_sent(), and clears the object before it is
// used again.
//
// Who owns the bytes:
//   packets     the arena: written by the engine, valid until clear()
//   deliveries  what is delivered at once is a view into the batch that was given in: the program carries the
//               output out before the batch goes. What was held back (put together from fragments, reordered,
//               repaired) has bytes of its own, which move into the output and are valid until clear().
//               Whoever holds a datagram back past the call that it came in with copies it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "mptunnel/base/byte_arena.h"
#include "mptunnel/base/bytes.h"
#include "mptunnel/base/drop.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/engine/event.h"
#include "mptunnel/ip/marks.h"
#include "mptunnel/wire/header.h"

namespace mptunnel {

/// Packets that lie back to back in the arena, each `stride` bytes, the last `tail` bytes. The very same
/// bytes go to each path of `paths`. A run is at most kMaxSegments packets and kMaxSegmentedBytes (see
/// base/bytes.h), or one packet.
struct PacketRun {
  std::size_t offset = 0;
  std::size_t stride = 0;
  std::size_t tail = 0;
  std::uint32_t count = 0;
  PathSet paths;
  Marks marks;                 ///< of the datagrams inside, to be carried by the packets
  bool has_datagrams = false;  ///< whole or in fragments; what has none keeps the tunnel up, and goes first
  SessionHandle session;       ///< server only
  /// Our index of the key epoch that the packets are of, for on_sent(); kNoEpoch for handshakes.
  SessionIndex epoch;
  PathSet unmarked{};    ///< of `paths`: where their DSCP vanishes, and is left out
  PacketHeader first{};  ///< of its first packet
  bool is_row = true;    ///< all are of one type, with consecutive numbers

  [[nodiscard]] std::size_t bytes() const { return stride * (count - 1) + tail; }
  /// What its copies on this path carry.
  [[nodiscard]] Marks marks_on(PathId path) const {
    return unmarked.contains(path) ? Marks{0, marks.ecn} : marks;
  }
  /// The size of its first `packets` packets.
  [[nodiscard]] std::size_t bytes_of_first(std::uint32_t packets) const {
    return packets == count ? bytes() : packets * stride;
  }
};
inline constexpr SessionIndex kNoEpoch{0xffffffff};

/// One packet to an address that is no path (yet): server only.
struct DirectPacket {
  std::size_t offset = 0;
  std::size_t size = 0;
  Route route;
};

/// Datagrams for one flow, in order: pieces[first] to pieces[first + count - 1].
struct Delivery {
  FlowHandle flow;
  std::size_t first = 0;
  std::size_t count = 0;
};

/// The program forgets what it has for a flow that ended. At the server it opens a socket to the target for a
/// new one; the client's flows begin with the program. Openings come before the deliveries of the same
/// output, endings after them.
struct FlowChange {
  FlowHandle flow;
  std::uint64_t hash = 0;  ///< server: of the application: the source port to try is derived from it
  bool opened = false;     ///< false: ended
};

struct Output {
  ByteArena arena;
  std::vector<PacketRun> runs;
  std::vector<DirectPacket> direct;
  std::vector<Delivery> deliveries;
  std::vector<ConstBytes> pieces;  ///< of the deliveries
  std::vector<FlowChange> flow_changes;
  std::vector<Event> events;

  /// Empties everything and keeps the memory.
  void clear();
  [[nodiscard]] bool empty() const;

  /// Room for one packet of `size` bytes at the end of the arena, not initialized; valid until the next call.
  Bytes make_packet(std::size_t size);
  /// Takes back what make_packet() gave last.
  void discard_packet(std::size_t size);
  /// The last make_packet() of `size` bytes is complete and goes to these paths.
  void send(std::size_t size, PathSet paths, SessionHandle session, SessionIndex epoch, Marks marks = {},
            bool has_datagrams = false);
  /// The same, to one address.
  void send_direct(std::size_t size, const Route& route);
  /// Delivers a view: into the batch, or into what keep() returned.
  void deliver(FlowHandle flow, ConstBytes payload);
  /// Takes bytes that were held back, so that they, or a part of them, can be delivered.
  Bytes keep(std::vector<std::uint8_t> bytes);
  /// Makes one delivery for each flow; the order within a flow stays.
  void group_deliveries();

  [[nodiscard]] ConstBytes bytes_of(const PacketRun& run) const {
    return ConstBytes(arena).subspan(run.offset, run.bytes());
  }
  [[nodiscard]] ConstBytes bytes_of(const DirectPacket& packet) const {
    return ConstBytes(arena).subspan(packet.offset, packet.size);
  }
  [[nodiscard]] std::span<const ConstBytes> pieces_of(const Delivery& delivery) const {
    return std::span(pieces).subspan(delivery.first, delivery.count);
  }

 private:
  std::vector<ConstBytes> grouped_;
  std::vector<std::vector<std::uint8_t>> kept_;
};

}  // namespace mptunnel
