// What stands before each packet of a TUN device with IFF_VNET_HDR, struct virtio_net_hdr of Linux, as a
// value: how it is to be cut, and which checksum is still to be computed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mptunnel {

/// VIRTIO_NET_HDR_GSO_* of linux/virtio_net.h, without the flag for ECN. A device may say others.
enum class Gso : std::uint8_t {
  none = 0,
  tcp4 = 1,  ///< TSO: TCP over IPv4
  tcp6 = 4,
  udp = 5  ///< USO, "UDP_L4": datagrams of equal size, over either family
};

/// The numbers count from the beginning of the IP packet.
struct VnetHeader {
  Gso gso = Gso::none;
  /// VIRTIO_NET_HDR_GSO_ECN: the first segment has CWR, those after it must not.
  bool has_ecn = false;
  /// VIRTIO_NET_HDR_F_NEEDS_CSUM: the place of the checksum has the sum of the pseudo header, and what begins
  /// at `checksum_start` is to be added.
  bool needs_checksum = false;
  /// Of all headers. Linux may say more, up to the whole packet (of one that it forwards), and others
  /// nothing: a hint, no number to cut by.
  std::uint16_t header_bytes = 0;
  std::uint16_t gso_size = 0;         ///< payload of each segment but the last, which may have less
  std::uint16_t checksum_start = 0;   ///< where summing begins: at the transport header
  std::uint16_t checksum_offset = 0;  ///< from there to the checksum

  friend bool operator==(const VnetHeader&, const VnetHeader&) = default;
};

/// flags 1 | gso 1 | header bytes 2 | gso size 2 | checksum start 2 | checksum offset 2, in the byte order of
/// the host (TUNSETVNETLE is for others).
inline constexpr std::size_t kVnetHeaderBytes = 10;

/// Whatever the bytes are. That a checksum is known to be right (VIRTIO_NET_HDR_F_DATA_VALID) is not kept.
VnetHeader read_vnet_header(std::span<const std::uint8_t, kVnetHeaderBytes> bytes);
std::array<std::uint8_t, kVnetHeaderBytes> bytes_of(const VnetHeader& header);

}  // namespace mptunnel
