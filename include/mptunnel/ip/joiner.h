// Joins consecutive TCP segments and UDP datagrams of a flow, which came in one batch, into super-packets for
// a TUN device with IFF_VNET_HDR: what GRO does, and the reverse of Segmenter. Payload is never copied.
//
// Only what Segmenter cuts into the very same bytes is joined: equal headers, ids and sequence numbers in a
// row, right checksums, equal sizes but for the last. Anything else passes as it is, and ends what was begun
// of its flow: packets of one flow keep their order. What is unlike others is no mistake here; there are no
// errors.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/ip/ip_packet.h"
#include "mptunnel/ip/limits.h"
#include "mptunnel/ip/vnet_header.h"

namespace mptunnel {

/// One write to the device: the header, the head, and the payload in pieces.
struct JoinedPacket {
  VnetHeader header;                    ///< asks for nothing if it is one packet, as it came
  ConstBytes head;                      ///< its headers; the whole packet if it is one
  std::span<const ConstBytes> payload;  ///< in order; none if it is one packet
  std::size_t packets = 1;              ///< how many were joined
};

class Joiner {
 public:
  /// `seed`: a number that nobody else knows. `joins_udp`: whether the device takes USO (Linux 6.2).
  Joiner(std::uint64_t seed, bool joins_udp);

  /// Whether kMaxJoinBatch packets are there: then next() comes first.
  [[nodiscard]] bool is_full() const { return packets_ == kMaxJoinBatch; }
  /// Takes a packet of the batch, whatever its bytes are; they stay until next() has given it. Not between
  /// two calls of next() of which the first gave something.
  void add(ConstBytes packet);
  /// The next packet to write, valid until the next call, or until the joiner moves; nullopt once all were
  /// given: then a new batch begins.
  std::optional<JoinedPacket> next();

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;
  /// IPv6 without extension headers, and TCP with all options.
  static constexpr std::size_t kMaxHeadBytes = 40 + 60;

  /// A packet that others may be joined to, or one that passes as it is.
  struct Item {
    ConstBytes first;  ///< the whole packet
    std::uint16_t transport_at = 0;
    std::uint16_t head_bytes = 0;  ///< up to the payload; 0 if it passes as it is
    std::uint16_t packets = 1;
    std::size_t gso_size = 0;       ///< payload of the first
    std::size_t payload_bytes = 0;  ///< of all
    std::uint32_t first_part = kNone;
    std::uint32_t last_part = kNone;
    bool is_tcp = false;
    bool is_ipv4 = false;
    bool is_verified = false;     ///< its checksums are right
    std::uint8_t last_flags = 0;  ///< of TCP, PSH and FIN

    [[nodiscard]] ConstBytes transport() const { return first.subspan(transport_at); }
    [[nodiscard]] ConstBytes payload() const { return first.subspan(head_bytes); }
  };
  /// Payload of a packet that was joined.
  struct Part {
    ConstBytes bytes;
    std::uint32_t next = kNone;
  };

  /// The packet as one that may be joined; nullopt if it is odd.
  [[nodiscard]] std::optional<Item> examine(const IpPacket& packet) const;
  static bool fill_tcp(Item& item);
  static bool fill_udp(Item& item);
  /// Whether nothing may follow in the same super-packet.
  static bool is_end(const Item& item, const Item& begun);
  /// Whether `packet` is what Segmenter would make behind all that `begun` has.
  static bool is_next(const Item& begun, const Item& packet);
  static bool has_equal_headers(const Item& begun, const Item& packet);
  static bool has_right_checksums(const Item& item);
  /// False if it can't be joined.
  bool join(Item& begun, const Item& packet);
  [[nodiscard]] VnetHeader write_head(const Item& item);

  std::uint64_t seed_;
  bool joins_udp_;
  std::vector<Item> items_;  ///< in the order in which they are written
  std::vector<Part> parts_;
  std::array<std::uint32_t, kJoinSlots> slots_{};  ///< by flow hash: the item that grows, or kNone
  std::size_t packets_ = 0;
  std::size_t given_ = 0;  ///< of items_, by next()
  std::array<std::uint8_t, kMaxHeadBytes> head_{};
  std::vector<ConstBytes> pieces_;  ///< of what next() gave
};

}  // namespace mptunnel
