// Lets something happen at most once in a while: a log line that anybody on the network could cause.
#pragma once

#include <optional>

#include "mptunnel/base/time.h"

namespace mptunnel {

class Throttle {
 public:
  explicit Throttle(Duration interval = std::chrono::minutes(1)) : interval_(interval) {}
  /// Whether it may happen now; if so, not again within the interval.
  bool take(TimePoint now) {
    if (last_ && now - *last_ < interval_) return false;
    last_ = now;
    return true;
  }

 private:
  Duration interval_;
  std::optional<TimePoint> last_;
};

}  // namespace mptunnel
