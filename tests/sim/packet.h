// A packet as an engine made it, with what the observer read in it, and the copies of it on their way.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/ip/marks.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/header.h"

namespace mptunnel::sim {

enum class Side : std::uint8_t { client, server };

/// A program from its start to its end: each restart has a new number.
using ProcessNumber = int;

/// One key epoch as the observer knows it: both ends, the keys, and the times that decide which end must
/// still read it.
struct Epoch {
  Epoch(TrafficKeys client_keys, TrafficKeys server_keys)
      : as_client(std::move(client_keys)), as_server(std::move(server_keys)) {}

  ProcessNumber client = 0;
  ProcessNumber server = 0;
  SessionIndex client_index;
  SessionIndex server_index;
  ClientIdentity identity{};
  TrafficKeys as_client;  ///< opens what the server sealed
  TrafficKeys as_server;  ///< opens what the client sealed

  TimePoint answered;                        ///< HANDSHAKE 2 was made
  std::optional<TimePoint> adopted;          ///< the server has it in a session
  std::optional<TimePoint> server_replaced;  ///< by a newer one of the session
  int newer_at_server = 0;
  SessionHandle session;
  std::optional<TimePoint> accepted;         ///< the client sealed with it for the first time
  std::optional<TimePoint> confirmed;        ///< it became the client's current one
  std::optional<TimePoint> client_replaced;  ///< and no longer is
  int newer_at_client = 0;
  bool closed_to_client = false;  ///< a CLOSE under it arrived at the client

  /// Highest number seen of each kind: [sender][DATA or CONTROL].
  std::array<std::array<std::optional<std::uint32_t>, 2>, 2> highest{};
  /// Numbers below the highest that were not seen yet: those of packets that travel in fragments only.
  std::array<std::array<std::set<std::uint32_t>, 2>, 2> left_out{};
  bool numbers_may_jump = false;  ///< a test pretended that many were sealed

  [[nodiscard]] bool is_clear() const { return as_client.cipher == Cipher::none; }
};

/// The datagram inside a packet.
struct Content {
  FlowId flow;
  ConstBytes payload;  ///< into Packet::plain
  std::uint32_t record = 0;
  std::uint16_t application = 0;
};

struct Packet;

/// A packet that travels in fragments: how much of it each process has got.
struct Fragmented {
  std::vector<std::uint8_t> bytes;  ///< as far as they were sent
  std::vector<bool> sent;           ///< which of them, behind the header
  std::size_t missing = 0;          ///< how many were not
  std::shared_ptr<Packet> whole;    ///< once all were

  struct Arrived {
    std::vector<bool> bytes;
    std::size_t missing = 0;
    TimePoint first;
    bool is_certain = true;  ///< every fragment so far had to be read
  };
  std::map<ProcessNumber, Arrived> arrived;
};

struct Packet {
  std::vector<std::uint8_t> bytes;
  Side sender{};
  ProcessNumber process = 0;
  PacketType type{};
  std::uint32_t number = 0;
  std::shared_ptr<Epoch> epoch;  ///< none: a handshake, or something forged
  TimePoint made;
  std::vector<std::uint8_t> plain;  ///< the frames' bytes
  std::vector<Frame> frames;
  std::optional<Content> datagram;
  std::shared_ptr<Fragmented> part_of;  ///< this one carries a fragment, its last frame
  bool opens_flow = false;
  bool came = false;              ///< a copy came to where it had to be read
  bool may_have_come = false;     ///< it may have been put together from fragments, and its number be used up
  bool may_be_recovered = false;  ///< REPAIR that covers it came
  bool delivered = false;         ///< its datagram came out

  /// The bytes before a clear packet's payload, which the clear check covers.
  [[nodiscard]] std::size_t clear_head() const {
    return kHeaderBytes + kClearCheckBytes + datagram_prefix_bytes(datagram->flow);
  }
};
using PacketPtr = std::shared_ptr<Packet>;

/// One copy on its way. `from` is where the receiver sees it come from.
struct Copy {
  PacketPtr packet;  ///< what it was; null if it never was one
  std::optional<std::vector<std::uint8_t>> altered;
  Route from;
  Marks marks{};

  [[nodiscard]] ConstBytes bytes() const {
    return altered ? ConstBytes(*altered) : ConstBytes(packet->bytes);
  }
  [[nodiscard]] bool is_genuine() const { return packet && !altered; }
};

}  // namespace mptunnel::sim
