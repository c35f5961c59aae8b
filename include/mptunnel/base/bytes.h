// Views of bytes that somebody else owns.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace mptunnel {

using Bytes = std::span<std::uint8_t>;
using ConstBytes = std::span<const std::uint8_t>;

/// The bytes of a text, without a copy.
inline ConstBytes bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// One receive buffer that holds datagrams of equal size back to back, as UDP_GRO delivers them: each is
/// `stride` bytes, the last may be shorter. An empty `bytes` is one empty datagram. The receiver may write
/// into it.
struct DatagramBatch {
  Bytes bytes;
  std::size_t stride = 0;  ///< bytes from one datagram to the next, at least 1
};

/// How many datagrams a batch has, at least one.
constexpr std::size_t datagrams_in(const DatagramBatch& batch) {
  if (batch.bytes.empty() || batch.stride == 0) return 1;
  return (batch.bytes.size() + batch.stride - 1) / batch.stride;
}

/// Calls `visit(Bytes datagram)` for each datagram of the batch, in order of arrival.
template <typename Visit>
void for_each_datagram(DatagramBatch batch, Visit visit) {
  if (batch.bytes.empty()) {
    visit(batch.bytes);
    return;
  }
  const std::size_t stride = batch.stride == 0 ? batch.bytes.size() : batch.stride;
  for (std::size_t at = 0; at < batch.bytes.size(); at += stride) {
    visit(batch.bytes.subspan(at, std::min(stride, batch.bytes.size() - at)));
  }
}

// How much one call with UDP_SEGMENT takes: the engine makes its runs no longer, and net splits what is.
/// UDP_MAX_SEGMENTS of Linux before 6.9, which has 128.
inline constexpr std::size_t kMaxSegments = 64;
/// The segments are one IP packet on their way to the device: 65,535 bytes less the headers of either family.
inline constexpr std::size_t kMaxSegmentedBytes = 65000;

}  // namespace mptunnel
