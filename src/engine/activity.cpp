#include <algorithm>

#include "mptunnel/engine/client_state.h"

namespace mptunnel {

void Activity::update(TimePoint now) {
  is_application_sending_ = is_recent(last_application_, now);
  is_moving_ = is_application_sending_ || is_recent(last_delivery_, now);
  const double drained = std::chrono::duration<double>(now - updated_).count() * kSparsePerSecond;
  level_ = std::max(0.0, level_ - drained);
  if (!is_moving_ || level_ <= 0) is_busy_ = false;
  level_ = std::min(kBusyMost, level_ + static_cast<double>(fresh_));
  if (level_ >= kBusyDatagrams) is_busy_ = true;
  fresh_ = 0;
  updated_ = now;
}

}  // namespace mptunnel
