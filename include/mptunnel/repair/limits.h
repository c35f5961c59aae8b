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

// The controller. How it measures losses.

inline constexpr Duration kLossHalfLife = 10s;     ///< after it, what was counted counts half
inline constexpr Duration kRecentHalfLife = 50ms;  ///< of what shows a change
/// How sure a change is: a false alarm in 700.
inline constexpr double kChangeDeviations = 3;
/// One loss, or one outage, is none.
inline constexpr double kChangeRuns = 1.5;
/// A rise that has been over for this long, and for as long as it lasted, is forgotten at once; for twice as
/// long if the one before it was forgotten less than kRiseApart ago, up to kMostPatience.
inline constexpr Duration kLeastPatience = 500ms;
inline constexpr Duration kMostPatience = 16s;
inline constexpr Duration kRiseApart = 5s;
/// The loss that is repaired is the upper bound of what was measured: it is exceeded once in 20 times.
inline constexpr double kLossDeviations = 1.64;
/// There is something to repair once the lower bound is above the target: one loss in 100,000 symbols is not.
inline constexpr double kEvidenceDeviations = 1;

// What it decides.

/// A plan takes up to 1 ms to compute: whatever a peer reports, it is computed no more often.
inline constexpr Duration kComputeEach = 20ms;
/// Of a fixed rate, which is what the user wants to spend.
inline constexpr double kUnboundBudget = 1e6;
/// A flow below this may take kSparseBudget: a share of so few packets would be none.
inline constexpr double kSparseBitsPerSecond = 100'000;
inline constexpr double kSparseBudget = 3;
/// The horizon is this at most: a longer one costs more for each repair symbol, and leaves hardly less.
inline constexpr std::size_t kMostHorizon = 128;
/// A window is no shorter than this: a repair symbol may bring what earlier ones did not, though late.
inline constexpr std::size_t kLeastWindow = 8;
/// Below this horizon repair symbols leave spread over the repair delay, not right behind a source symbol.
inline constexpr std::size_t kSpreadHorizon = 8;
/// Bytes of the budget that may be saved up, and those of the beginning, in the largest source symbols.
inline constexpr double kBudgetBurst = 16;
inline constexpr double kBudgetStart = 4;
/// A lower rate must do for this long before the rate falls, and it falls by one step in so long.
inline constexpr Duration kFallAfter = 2s;
inline constexpr Duration kFallStep = 500ms;
/// If repair can't take more than this share of the losses away, it is not worth its bytes.
inline constexpr double kLeastGain = 0.1;
/// Where the target can't be reached, a rate does that leaves no more than so many times the least.
inline constexpr double kNearLeast = 1.25;

}  // namespace mptunnel
