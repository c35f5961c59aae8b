#include "mptunnel/repair/repair_encoder.h"

#include <algorithm>
#include <cstring>

#include "mptunnel/base/assert.h"

namespace mptunnel {

RepairEncoder::RepairEncoder(EncoderLimits limits) : store_({limits.symbols, limits.bytes, limits.age}) {}

bool RepairEncoder::add(std::uint64_t number, ConstBytes head, ConstBytes body, TimePoint now) {
  MPT_ASSERT(number >= next_);
  const bool fits = head.size() + body.size() <= kMaxSymbolBytes;
  if (number != next_ || !fits) {
    while (store_.drop_oldest()) continue;
  }
  next_ = number + 1;
  return fits && store_.put(number, head, body, now);
}

RepairEncoder::Window RepairEncoder::newest(std::size_t most, TimePoint now) {
  store_.expire(now);
  Window window{next_, 0, 0};
  const std::size_t count = std::min({most, kMaxRepairWindow, store_.size()});
  std::size_t longest = 0;
  while (window.count < count) {
    const auto bytes = store_.find(window.first - 1);
    if (!bytes) break;
    --window.first;
    ++window.count;
    longest = std::max(longest, bytes->size());
  }
  if (window.count > 0) window.coded_bytes = kSymbolPrefixBytes + longest;
  return window;
}

std::size_t RepairEncoder::make(std::uint64_t first, std::size_t count, std::uint16_t seed, Bytes out) const {
  if (count == 0 || count > kMaxRepairWindow) return 0;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto bytes = store_.find(first + i);
    if (!bytes) return 0;
    longest = std::max(longest, bytes->size());
  }
  const std::size_t coded = kSymbolPrefixBytes + longest;
  if (coded > out.size()) return 0;
  std::memset(out.data(), 0, coded);
  for (std::uint64_t number = first; number < first + count; ++number) {
    add_coded(out.first(coded), repair_coefficient(seed, number), *store_.find(number));
  }
  return coded;
}

void RepairEncoder::restart() {
  store_.clear();
  next_ = 0;
}

}  // namespace mptunnel
