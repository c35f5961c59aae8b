// Rates that a peer may not exceed.
#pragma once

#include <algorithm>
#include <cstdint>

#include "mptunnel/base/time.h"

namespace mptunnel {

/// Allows `burst` events at once and `per_second` in the long run. Starts full.
class TokenBucket {
 public:
  TokenBucket(double per_second, double burst) : per_second_(per_second), burst_(burst), tokens_(burst) {}

  /// Whether one more event is allowed at `now`; if so it is charged.
  bool take(TimePoint now) {
    if (now > filled_) {
      tokens_ =
          std::min(burst_, tokens_ + per_second_ * std::chrono::duration<double>(now - filled_).count());
      filled_ = now;
    }
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }

 private:
  double per_second_;
  double burst_;
  double tokens_;
  TimePoint filled_{};
};

}  // namespace mptunnel
