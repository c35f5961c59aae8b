// The types of the frames inside DATA and CONTROL packets, and their layouts. What the fields mean is in
// frame.h.
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
//     0x0e ACK            | path 1 | time 4 | packets 4 | bytes 4 | count 1 | samples 9 each, see ack_frame.h
//     | 0x0f IP             | inner packet to the end of the packet 0x10 IP_NUMBERED    | bucket 2 | number 2
//     | inner packet to the end of the packet 0x11 and 0x12       reserved: FLOW_OPEN with a target 0x13
//     REPAIR         | first number 4 | count 1 | seed 2 | symbol to the end of the packet 0x14 MTU_PROBE |
//     path 1 | size 2 | 0x15 MTU_SEEN       | path 1 | size 2 | 0x16 HANDSHAKE      | length v | HANDSHAKE 1
//     or 2, see handshake.h | 0x17 NAME           | path 1 | length 1 | text 0x18 SEEN_FROM      | path 1 |
//     family 1 (4 or 6) | address 16 | port 2 | 0x19 MARK_PROBE     | path 1 | sequence 4 | 0x1a MARK_SEEN |
//     path 1 | sequence 4 | 0x1b DELAY          | path 1 | milliseconds 2 | 0x1c REPAIR_REPORT  | of 4 |
//     recovered 4 | lost 4 | runs 4 | useless 4 | 0x1d EPOCH_COUNTS   | index 4 | sealed 4 | opened 4 |
//     recovered 4 | 0x1e NUMBERED       | flow w | number 2 | payload to the end of the packet 0x1f
//     ADDRESSES_WANTED | sequence 1 | count 1 | entries 0x20 ADDRESSES_GIVEN  | sequence 1 | count 1 |
//     entries, a verdict 1 behind each 0x21 ACK_WANTED     | interval 2 | packets 2 |
//
// An entry is: kind 1 | family 1 (4 or 6) | prefix length 1 | address 4 or 16.
// "v" is a variable-length integer of 1 or 2 bytes (RFC 9000, section 16), "w" one of 1, 2 or 4, a number its
// size in bytes.
#pragma once

#include <cstdint>

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
  ack = 0x0e,
  ip = 0x0f,
  ip_numbered = 0x10,
  repair = 0x13,
  mtu_probe = 0x14,
  mtu_seen = 0x15,
  handshake = 0x16,
  name = 0x17,
  seen_from = 0x18,
  mark_probe = 0x19,
  mark_seen = 0x1a,
  delay = 0x1b,
  repair_report = 0x1c,
  epoch_counts = 0x1d,
  numbered = 0x1e,
  addresses_wanted = 0x1f,
  addresses_given = 0x20,
  ack_wanted = 0x21,
};

constexpr std::uint64_t frame_bit(FrameType type) {
  return std::uint64_t{1} << static_cast<unsigned>(type);
}

/// The frames that this implementation understands, as the handshake announces them: bit i is frame type i.
inline constexpr std::uint64_t kKnownFrames =
    ((frame_bit(FrameType::ack_wanted) << 1U) - frame_bit(FrameType::repair)) |
    ((frame_bit(FrameType::ip_numbered) << 1U) - 1);

}  // namespace mptunnel
