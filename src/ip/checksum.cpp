#include "mptunnel/ip/checksum.h"

#include <array>
#include <bit>
#include <cstring>

#include "mptunnel/base/assert.h"

namespace mptunnel {
namespace {

constexpr std::size_t kMostSummedBytes = std::size_t{1} << 16U;

std::uint64_t fold_sum(std::uint64_t sum) {
  while (sum > 0xffff) sum = (sum >> 16U) + (sum & 0xffffU);
  return sum;
}

}  // namespace

void InternetSum::add(ConstBytes bytes) {
  MPT_ASSERT(bytes.size() <= kMostSummedBytes);
  // The sum does not depend on the order of bytes in a word (RFC 1071, section 2(B)): words of this machine
  // are added, and their sum is swapped once. Four sums, so that the compiler may add four words at a time.
  std::array<std::uint64_t, 4> sums{};
  std::array<std::uint32_t, 4> words{};
  while (bytes.size() >= sizeof words) {
    std::memcpy(words.data(), bytes.data(), sizeof words);
    for (std::size_t i = 0; i < words.size(); ++i) sums[i] += words[i];
    bytes = bytes.subspan(sizeof words);
  }
  words = {};
  if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < words.size(); ++i) sum += sums[i] + words[i];
  sum = fold_sum(sum);
  if constexpr (std::endian::native == std::endian::little) sum = (sum >> 8U) | (sum & 0xffU) << 8U;
  sum_ += sum;
}

void InternetSum::add_pseudo_header(ConstBytes source, ConstBytes destination, std::uint8_t protocol,
                                    std::uint32_t length) {
  add(source);
  add(destination);
  add_u32(length);
  add_u16(protocol);
}

std::uint16_t InternetSum::folded() const {
  return static_cast<std::uint16_t>(fold_sum(sum_));
}

std::uint16_t updated_checksum(std::uint16_t checksum, std::uint16_t before, std::uint16_t after) {
  const std::uint64_t sum =
      std::uint64_t{0xffffU} - checksum + (std::uint64_t{0xffffU} - before) + std::uint64_t{after};
  return static_cast<std::uint16_t>(~fold_sum(sum));
}

}  // namespace mptunnel
