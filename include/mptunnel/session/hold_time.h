// How long a datagram is worth holding for an earlier one of its flow: for as long as one in four of those
// that are still missing by then comes soon. It learns from all that were missing, held for or not.
#pragma once

#include <array>
#include <cstddef>

#include "mptunnel/base/time.h"

namespace mptunnel {

class HoldTime {
 public:
  /// Never longer than `most`.
  explicit HoldTime(Duration most) : most_(most), hold_(most) {}

  /// What was missing came so long after that was seen.
  void came(Duration after);
  /// So many did not come, or far too late.
  void never_came(std::size_t missing = 1) { count(kSteps, static_cast<double>(missing)); }
  [[nodiscard]] Duration get() const { return hold_; }

 private:
  static constexpr std::size_t kSteps = 20;
  /// It begins with `most`, and learns once it has seen so many.
  static constexpr double kFewest = 16;
  /// Once it has seen so many each counts half, so that what was long ago is forgotten. Many, because what is
  /// repaired is rare beside what a slower copy fills at once.
  static constexpr double kMany = 8192;
  /// What is left of one that was long ago.
  static constexpr double kFaded = 0.5;
  /// To hold for fewer of those that are missing delays too many in vain.
  static constexpr double kWorthwhile = 0.25;

  void count(std::size_t step, double times = 1);
  void learn();

  Duration most_;
  Duration hold_;
  std::array<double, kSteps + 1> counts_{};  ///< by twentieths of `most`; the last: later, or never
  double total_ = 0;
};

}  // namespace mptunnel
