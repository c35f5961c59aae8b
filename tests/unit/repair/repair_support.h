// What tests of the repair code share.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "mptunnel/base/time.h"
#include "mptunnel/repair/repair_encoder.h"

namespace mptunnel::test {

using namespace std::chrono_literals;

using ByteRow = std::vector<std::uint8_t>;

inline constexpr TimePoint kRepairStart{1000s};

/// `size` bytes that depend on the seed.
inline ByteRow some_bytes(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  ByteRow bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(engine());
  return bytes;
}

/// A repair symbol that owns its bytes.
struct OwnedRepair {
  std::uint64_t first = 0;
  std::size_t count = 0;
  std::uint16_t seed = 0;
  ByteRow coded;

  [[nodiscard]] RepairSymbol view() const { return {first, count, seed, coded}; }
  [[nodiscard]] bool covers(std::uint64_t number) const { return number >= first && number - first < count; }
};

inline OwnedRepair make_repair(const RepairEncoder& encoder, std::uint64_t first, std::size_t count,
                               std::uint16_t seed) {
  OwnedRepair repair{first, count, seed, ByteRow(kMaxCodedBytes)};
  repair.coded.resize(encoder.make(first, count, seed, repair.coded));
  return repair;
}

}  // namespace mptunnel::test
