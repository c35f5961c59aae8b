// The frames inside DATA and CONTROL packets: their layouts, not what they cause.
//
//     0x00 PADDING        |
//     0x01 DATAGRAM       | flow w | payload to the end of the packet
//     0x02 DATAGRAM_LEN   | flow w | length v | payload
//     0x03 FLOW_OPEN      | flow w | hash 8 |
//     0x04 FLOW_OPENED    | flow w |
//     0x05 FLOW_CLOSE     | flow w |
//     0x06 PING           | report 58, see path_report.h |
//     0x07 PONG           | report 58 |
//     0x08 CHALLENGE      | token 8 |
//     0x09 ECHO           | token 8 |
//     0x0a CLOSE          | reason 1 |
//     0x0b CLIENT_HELLO   | identity 16 | process 8 |
//     0x0c SERVER_HELLO   | resumed 1 |
//     0x0d FRAGMENT       | type 1 | packet number 4 | total 4 | offset 4 | bytes to the end of the packet
//     0x0e to 0x13        reserved: ACK, IP, FLOW_OPEN with a target, REPAIR
//     0x14 MTU_PROBE      | path 1 | size 2 |
//     0x15 MTU_SEEN       | path 1 | size 2 |
//     0x16 HANDSHAKE      | length v | HANDSHAKE 1 or 2, see handshake.h |
//
// "v" is a variable-length integer of 1 or 2 bytes (RFC 9000, section 16), "w" one of 1, 2 or 4, a number its
// size in bytes.
#pragma once

#include <array>
#include <optional>
#include <variant>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/cursor.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/wire/close_reason.h"
#include "mptunnel/wire/flow_limits.h"
#include "mptunnel/wire/header.h"
#include "mptunnel/wire/path_report.h"

namespace mptunnel {

enum class FrameType : std::uint8_t {
  padding = 0x00,
  datagram = 0x01,
  datagram_len = 0x02,
  flow_open = 0x03,
  flow_opened = 0x04,
  flow_close = 0x05,
  ping = 0x06,
  pong = 0x07,
  challenge = 0x08,
  echo = 0x09,
  close = 0x0a,
  client_hello = 0x0b,
  server_hello = 0x0c,
  fragment = 0x0d,
  mtu_probe = 0x14,
  mtu_seen = 0x15,
  handshake = 0x16,
};

constexpr std::uint64_t frame_bit(FrameType type) {
  return std::uint64_t{1} << static_cast<unsigned>(type);
}

/// The frames that this implementation understands, as the handshake announces them: bit i is frame type i.
inline constexpr std::uint64_t kKnownFrames =
    ((frame_bit(FrameType::handshake) << 1U) - frame_bit(FrameType::mtu_probe)) |
    ((frame_bit(FrameType::fragment) << 1U) - 1);

/// A datagram of the application, or for it. DATAGRAM and DATAGRAM_LEN decode to the same. A view.
struct DatagramFrame {
  FlowId flow;
  ConstBytes payload;
};

/// Client to server: this flow id is that of this application. The hash is of the application's address,
/// keyed by the client's identity; the server knows the flow by it.
struct FlowOpenFrame {
  FlowId flow;
  std::uint64_t hash = 0;
};

/// Server to client: FLOW_OPEN need not ride along any more.
struct FlowOpenedFrame {
  FlowId flow;
};

/// Either way: the flow is gone here. To the client it says: open it again before you use it.
struct FlowCloseFrame {
  FlowId flow;
};

/// Client to server: a PONG is wanted.
struct PingFrame {
  PathReport report;
};
struct PongFrame {
  PathReport report;
};

/// Whoever can read this at the address under test sends the same token back in an ECHO.
struct ChallengeFrame {
  std::uint64_t token = 0;
};
struct EchoFrame {
  std::uint64_t token = 0;
};

/// The sender ends the session; the receiver forgets its keys.
struct CloseFrame {
  CloseReason reason{};
};

using ClientIdentity = std::array<std::uint8_t, 16>;
using ProcessId = std::uint64_t;

/// The client's identity: first in its CONTROL packets under a new key, until SERVER_HELLO comes.
struct ClientHelloFrame {
  ClientIdentity identity{};
  ProcessId process = 0;  ///< random for each process: tells a rekey from a restart
};

/// The server's answer to it: the key is confirmed.
struct ServerHelloFrame {
  bool resumed = false;  ///< the session's flows are still known
};

/// A part of a packet that is too large for a path. Its header is left out: it follows from the key epoch of
/// the packet that carries the fragment, and from `type` and `number`.
struct FragmentFrame {
  PacketType type{};  ///< data or control
  PacketNumber number;
  std::uint32_t total = 0;   ///< bytes behind the header
  std::uint32_t offset = 0;  ///< of `bytes` among them
  ConstBytes bytes;          ///< at least one
};
inline constexpr std::size_t kFragmentPrefixBytes = 14;

/// A packet of `size` bytes, by this path: whoever gets it says so with MTU_SEEN (RFC 8899).
struct MtuProbeFrame {
  PathId path;
  std::uint16_t size = 0;
};
struct MtuSeenFrame {
  PathId path;
  std::uint16_t size = 0;
};

/// A handshake for the next keys of the session that carries it. A view into the packet.
struct HandshakeFrame {
  ConstBytes packet;
};

using Frame = std::variant<DatagramFrame, FlowOpenFrame, FlowOpenedFrame, FlowCloseFrame, PingFrame,
                           PongFrame, ChallengeFrame, EchoFrame, CloseFrame, ClientHelloFrame,
                           ServerHelloFrame, FragmentFrame, MtuProbeFrame, MtuSeenFrame, HandshakeFrame>;

enum class FrameError : std::uint8_t { none, truncated, unknown, invalid };

/// Walks the frames of an opened packet. Padding is skipped.
class FrameReader {
 public:
  explicit FrameReader(ConstBytes frames) : reader_(frames) {}

  /// The next frame; nullopt at the end of the packet, and at the first frame that can't be read: then
  /// error() says why, and the whole packet counts as unread.
  std::optional<Frame> next();
  [[nodiscard]] FrameError error() const { return error_; }

 private:
  ByteReader reader_;
  FrameError error_ = FrameError::none;
};

/// The DATAGRAM frame that fills all of `frames`, which is what nearly every DATA packet has; nullopt if
/// they start with anything else, or are malformed: FrameReader says which.
inline std::optional<DatagramFrame> whole_datagram(ConstBytes frames) {
  ByteReader reader(frames);
  if (reader.u8() != static_cast<std::uint8_t>(FrameType::datagram)) return std::nullopt;
  const auto flow = reader.wide_varint();
  if (!flow || *flow > kMaxFlowId) return std::nullopt;
  return DatagramFrame{FlowId{*flow}, reader.rest()};
}

/// Bytes in front of the payload of a DATAGRAM frame: 2 while the flow id is below 64, 3 below 16384, else 5.
constexpr std::size_t datagram_prefix_bytes(FlowId flow) {
  return 1 + wide_varint_bytes(flow.value);
}

/// Writes all of a FRAGMENT frame but its bytes, which follow to the end of the packet.
void encode_fragment_prefix(const FragmentFrame& fragment, ByteWriter& out);
/// Writes type and flow of a DATAGRAM frame; the payload follows, to the end of the packet.
void encode_datagram_prefix(FlowId flow, ByteWriter& out);
/// Writes any other frame. A DatagramFrame is written as DATAGRAM_LEN.
void encode_frame(const Frame& frame, ByteWriter& out);

}  // namespace mptunnel
