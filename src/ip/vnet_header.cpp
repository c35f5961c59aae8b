#include "mptunnel/ip/vnet_header.h"

#include <cstring>

namespace mptunnel {
namespace {

// linux/virtio_net.h, which does not compile as C++.
constexpr std::uint8_t kNeedsChecksum = 0x01;
constexpr std::uint8_t kGsoEcn = 0x80;

constexpr std::size_t kFlagsAt = 0;
constexpr std::size_t kGsoAt = 1;
constexpr std::size_t kHeaderBytesAt = 2;
constexpr std::size_t kGsoSizeAt = 4;
constexpr std::size_t kChecksumStartAt = 6;
constexpr std::size_t kChecksumOffsetAt = 8;

}  // namespace

VnetHeader read_vnet_header(std::span<const std::uint8_t, kVnetHeaderBytes> bytes) {
  const auto number_at = [bytes](std::size_t at) {
    std::uint16_t number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    return number;
  };
  VnetHeader header;
  header.gso = static_cast<Gso>(bytes[kGsoAt] & ~kGsoEcn);
  header.has_ecn = (bytes[kGsoAt] & kGsoEcn) != 0;
  header.needs_checksum = (bytes[kFlagsAt] & kNeedsChecksum) != 0;
  header.header_bytes = number_at(kHeaderBytesAt);
  header.gso_size = number_at(kGsoSizeAt);
  header.checksum_start = number_at(kChecksumStartAt);
  header.checksum_offset = number_at(kChecksumOffsetAt);
  return header;
}

std::array<std::uint8_t, kVnetHeaderBytes> bytes_of(const VnetHeader& header) {
  std::array<std::uint8_t, kVnetHeaderBytes> bytes{};
  const auto put = [&bytes](std::size_t at, std::uint16_t number) {
    std::memcpy(bytes.data() + at, &number, sizeof number);
  };
  bytes[kFlagsAt] = header.needs_checksum ? kNeedsChecksum : 0;
  bytes[kGsoAt] =
      static_cast<std::uint8_t>(static_cast<unsigned>(header.gso) | (header.has_ecn ? kGsoEcn : 0U));
  put(kHeaderBytesAt, header.header_bytes);
  put(kGsoSizeAt, header.gso_size);
  put(kChecksumStartAt, header.checksum_start);
  put(kChecksumOffsetAt, header.checksum_offset);
  return bytes;
}

}  // namespace mptunnel
