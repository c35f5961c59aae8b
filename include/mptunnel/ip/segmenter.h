// Cuts a super-packet, as a TUN device with offloads hands it out, into the IP packets that it stands for.
// Payload is never copied: a segment is a head of its own and a view.
//
//     headers | payload             ->  headers 1 | payload, gso_size bytes
//                                       headers 2 | the next gso_size
//                                       headers 3 | the rest
//
// In all segments: lengths and checksums of their own. IPv4: an id, each one higher than the one before. TCP:
// the sequence number of its first byte; CWR in the first alone, FIN and PSH in the last (RFC 3168, section
// 6.1.2; what Linux does where it cuts).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <tl/expected.hpp>

#include "mptunnel/base/bytes.h"
#include "mptunnel/ip/ip_packet.h"
#include "mptunnel/ip/limits.h"
#include "mptunnel/ip/vnet_header.h"

namespace mptunnel {

/// Why a packet and what the device says of it do not fit together. None of it comes from a device that
/// works.
enum class SegmentError : std::uint8_t {
  bad_packet,            ///< no IP packet, see parse_ip_packet()
  bad_header_bytes,      ///< header_bytes are more than the packet
  bad_checksum_place,    ///< not in the packet, in its IP header, or not that of TCP or UDP where it is cut
  no_checksum,           ///< to be cut, and its checksum not to be computed (virtio 1.2, section 5.1.6.2)
  unknown_gso,           ///< none of those above; among them UFO, which makes fragments
  wrong_family,          ///< TSO for the other IP version
  wrong_protocol,        ///< TSO for what is not TCP, USO for what is not UDP
  fragment,              ///< a fragment can't be cut
  bad_transport_header,  ///< TCP or UDP is shorter than its header, or UDP says another length
  bad_flags,             ///< TCP with SYN or RST, which no two segments have
  no_gso_size,           ///< to be cut into segments of nothing
  too_many_segments,     ///< more than kMaxCutSegments
  header_too_long        ///< more than kMaxSegmentHeadBytes
};
/// The error's own name, as it stands in the enum.
const char* name_of(SegmentError error);

/// One IP packet in two pieces, without copies.
struct Segment {
  ConstBytes head;  ///< its headers; the whole packet if it was not cut
  ConstBytes payload;
  [[nodiscard]] std::size_t size() const { return head.size() + payload.size(); }
};

class Segmenter {
 public:
  /// `packet` has at most kMaxIpPacketBytes and outlives the segmenter. If it is not to be cut, its checksum
  /// is completed in place; else it stays as it is.
  static tl::expected<Segmenter, SegmentError> make(const VnetHeader& header, Bytes packet);

  /// How many segments there are in all, at least one.
  [[nodiscard]] std::size_t count() const { return count_; }
  /// Bytes of the largest segment, the first.
  [[nodiscard]] std::size_t largest() const;
  /// The next one; nullopt behind the last. Its head is valid until the next call, or until the segmenter
  /// moves.
  std::optional<Segment> next();

 private:
  Segmenter() = default;
  /// Sets count_ and so on. Some error if the packet can't be cut as the header says.
  std::optional<SegmentError> prepare(const VnetHeader& header, const IpPacket& packet);
  void write_head(ConstBytes payload, bool is_first, bool is_last);
  void complete_transport(ConstBytes payload);

  ConstBytes packet_;
  std::array<std::uint8_t, kMaxSegmentHeadBytes> head_{};
  std::size_t head_bytes_ = 0;  ///< 0: not to be cut
  std::size_t transport_at_ = 0;
  std::size_t gso_size_ = 0;
  std::size_t count_ = 1;
  std::size_t given_ = 0;  ///< segments that next() gave
  bool is_ipv4_ = false;
  bool is_tcp_ = false;
};

/// Computes a checksum that a sender left to its device: adds all from `checksum_start` to the end to what
/// stands in its place. False, and nothing changed, if that does not lie behind `headers` bytes in the
/// packet.
bool complete_checksum(const VnetHeader& header, std::size_t headers, Bytes packet);

}  // namespace mptunnel
