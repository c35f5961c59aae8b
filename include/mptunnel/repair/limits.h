// The limits of the repair code: what both ends hold each other to, and what one end keeps.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mptunnel/base/time.h"

namespace mptunnel {

using namespace std::chrono_literals;

/// A source symbol: its length must fit the prefix of a coded one.
inline constexpr std::size_t kMaxSymbolBytes = 65535;
inline constexpr std::size_t kSymbolPrefixBytes = 2;
inline constexpr std::size_t kMaxCodedBytes = kSymbolPrefixBytes + kMaxSymbolBytes;
/// Source symbols that one repair symbol covers: its count is one byte.
inline constexpr std::size_t kMaxRepairWindow = 255;

/// What an encoder keeps. A window is never longer, and what is older than this is of no use to a receiver.
struct EncoderLimits {
  std::size_t symbols = 256;
  std::size_t bytes = std::size_t{512} << 10U;
  Duration age = 500ms;
};

/// What a decoder keeps. Symbols stay for longer than at the encoder, because repair symbols may come late.
struct DecoderLimits {
  std::size_t symbols = 2048;
  std::size_t bytes = std::size_t{4} << 20U;
  Duration age = 1s;
  /// Missing symbols that repair symbols speak of, and repair symbols that are not used up: what they cost a
  /// call is this many region multiplications at most.
  std::size_t unknowns = 256;
  std::size_t equations = 64;
  /// Of all equations together.
  std::size_t equation_bytes = std::size_t{1} << 20U;
};

}  // namespace mptunnel
