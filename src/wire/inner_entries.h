// The entries of ADDRESSES_WANTED and ADDRESSES_GIVEN, as frame.cpp needs to know them.
#pragma once

#include <cstddef>

#include "mptunnel/base/bytes.h"

namespace mptunnel {

/// Kind, family, length, address, verdict.
inline constexpr std::size_t kMostInnerEntryBytes = 1 + 1 + 1 + 16 + 1;

struct InnerEntriesSize {
  std::size_t bytes = 0;
  bool is_possible = true;  ///< false: one says what can't be, or they are too many
  bool is_complete = true;  ///< false: `bytes` end before they do
};
/// How long the first `count` entries in `bytes` are.
InnerEntriesSize measure_inner_entries(ConstBytes bytes, std::size_t count, bool with_verdicts);

}  // namespace mptunnel
