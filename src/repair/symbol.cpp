#include "mptunnel/repair/symbol.h"

#include "mptunnel/base/assert.h"
#include "mptunnel/repair/galois.h"

namespace mptunnel {

void add_coded(Bytes sum, std::uint8_t factor, ConstBytes symbol) {
  MPT_ASSERT(symbol.size() <= kMaxSymbolBytes && kSymbolPrefixBytes + symbol.size() <= sum.size());
  sum[0] ^= galois_product(factor, static_cast<std::uint8_t>(symbol.size() >> 8U));
  sum[1] ^= galois_product(factor, static_cast<std::uint8_t>(symbol.size()));
  multiply_add(sum.subspan(kSymbolPrefixBytes, symbol.size()), factor, symbol);
}

}  // namespace mptunnel
