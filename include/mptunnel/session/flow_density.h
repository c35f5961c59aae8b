// Whether one flow sends more than so much, in this tenth of a second or in the one before.
#pragma once

#include <chrono>
#include <cstddef>

#include "mptunnel/base/time.h"

namespace mptunnel {

class FlowDensity {
 public:
  static constexpr Duration kSlot = std::chrono::milliseconds(100);

  /// The flow sends so many bytes; true: it is above this rate.
  bool count(std::size_t bytes, std::size_t bits_per_second, TimePoint now) {
    const std::size_t limit = bits_per_second / 8 / (std::chrono::seconds(1) / kSlot);
    if (now - slot_ >= kSlot) {
      was_dense_ = bytes_ >= limit && now - slot_ < 2 * kSlot;
      bytes_ = 0;
      slot_ = now;
    }
    last_used_ = now;
    bytes_ += bytes;
    return was_dense_ || bytes_ >= limit;
  }
  /// When this slot began.
  [[nodiscard]] TimePoint slot() const { return slot_; }
  [[nodiscard]] TimePoint last_used() const { return last_used_; }

 private:
  std::size_t bytes_ = 0;  ///< of the slot
  TimePoint slot_;
  TimePoint last_used_;
  bool was_dense_ = false;  ///< in the slot before
};

}  // namespace mptunnel
