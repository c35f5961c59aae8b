// The frames inside DATA and CONTROL packets: what they say, not what they cause. Their layouts are in
// frame_type.h.
#pragma once

#include <array>
#include <optional>
#include <variant>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/cursor.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/wire/ack_frame.h"
#include "mptunnel/wire/close_reason.h"
#include "mptunnel/wire/epoch_counts_frame.h"
#include "mptunnel/wire/flow_limits.h"
#include "mptunnel/wire/frame_type.h"
#include "mptunnel/wire/header.h"
#include "mptunnel/wire/inner_frames.h"
#include "mptunnel/wire/path_report.h"
#include "mptunnel/wire/repair_frame.h"

namespace mptunnel {

/// A datagram of the application, or for it. DATAGRAM, DATAGRAM_LEN and NUMBERED decode to the same. A view.
struct DatagramFrame {
  FlowId flow;
  ConstBytes payload;
  std::optional<std::uint16_t> number{};  ///< NUMBERED: in its flow, one more than the one before it
};
inline constexpr std::size_t kNumberBytes = 2;

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

/// Client to server: what a path is called at the client, or, for kClientItself, the client. A view of at
/// most kMaxNameBytes bytes, whatever they are: whoever shows them cleans them first.
struct NameFrame {
  PathId path;
  ConstBytes text;
};
inline constexpr PathId kClientItself{0xff};

/// Server to client: the address that this path has at the server. Of its fields, `scope` stays behind.
struct SeenFromFrame {
  PathId path;
  Endpoint address;
};

/// A packet that has, or has not, the DSCP under test, by this path: whoever gets it says so with MARK_SEEN.
struct MarkProbeFrame {
  PathId path;
  std::uint32_t sequence = 0;
};
struct MarkSeenFrame {
  PathId path;
  std::uint32_t sequence = 0;
};

/// Client to server: how much later than those of other paths the copies of this path are to leave.
struct DelayFrame {
  PathId path;
  std::uint16_t milliseconds = 0;
};

using Frame =
    std::variant<DatagramFrame, FlowOpenFrame, FlowOpenedFrame, FlowCloseFrame, PingFrame, PongFrame,
                 ChallengeFrame, EchoFrame, CloseFrame, ClientHelloFrame, ServerHelloFrame, FragmentFrame,
                 MtuProbeFrame, MtuSeenFrame, HandshakeFrame, NameFrame, SeenFromFrame, MarkProbeFrame,
                 MarkSeenFrame, DelayFrame, RepairFrame, RepairReportFrame, EpochCountsFrame, IpFrame,
                 AddressesWantedFrame, AddressesGivenFrame, AckFrame, AckWantedFrame>;

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

/// The DATAGRAM or NUMBERED frame that fills all of `frames`, which is what nearly every DATA packet has;
/// nullopt if they start with anything else, or are malformed: FrameReader says which.
inline std::optional<DatagramFrame> whole_datagram(ConstBytes frames) {
  ByteReader reader(frames);
  const auto type = reader.u8();
  const bool is_numbered = type == static_cast<std::uint8_t>(FrameType::numbered);
  if (!is_numbered && type != static_cast<std::uint8_t>(FrameType::datagram)) return std::nullopt;
  const auto flow = reader.wide_varint();
  if (!flow || *flow > kMaxFlowId) return std::nullopt;
  const auto number = is_numbered ? reader.u16() : std::nullopt;
  if (is_numbered && !number) return std::nullopt;
  return DatagramFrame{FlowId{*flow}, reader.rest(), number};
}

/// Bytes in front of the payload of a DATAGRAM frame: 2 while the flow id is below 64, 3 below 16384, else 5.
constexpr std::size_t datagram_prefix_bytes(FlowId flow) {
  return 1 + wide_varint_bytes(flow.value);
}

/// Write all of a FRAGMENT or REPAIR frame but its bytes, which follow to the end of the packet.
void encode_fragment_prefix(const FragmentFrame& fragment, ByteWriter& out);
void encode_repair_prefix(const RepairFrame& repair, ByteWriter& out);
/// Write all of a DATAGRAM or NUMBERED frame but its payload, which follows to the end of the packet.
void encode_datagram_prefix(FlowId flow, ByteWriter& out);
void encode_numbered_prefix(FlowId flow, std::uint16_t number, ByteWriter& out);
/// Writes any other frame. A DatagramFrame is written as DATAGRAM_LEN, or, if it has a number, as NUMBERED,
/// to the end of the packet.
void encode_frame(const Frame& frame, ByteWriter& out);

}  // namespace mptunnel
