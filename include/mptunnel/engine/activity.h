// Whether data moves at the client: probes are frequent and silence counts only while it does.
#pragma once

#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class Activity {
 public:
  void note_application(TimePoint now) { last_application_ = now; }
  void note_delivery(TimePoint now) { last_delivery_ = now; }
  /// To be called when one of the two was noted, and with each deadline.
  void update(TimePoint now) {
    is_application_sending_ = is_recent(last_application_, now);
    is_moving_ = is_application_sending_ || is_recent(last_delivery_, now);
  }
  /// A datagram came from or went to an application within kDataMovesFor.
  [[nodiscard]] bool is_moving() const { return is_moving_; }
  /// One came from an application.
  [[nodiscard]] bool is_application_sending() const { return is_application_sending_; }

 private:
  static bool is_recent(const std::optional<TimePoint>& time, TimePoint now) {
    return time && now - *time < kDataMovesFor;
  }

  std::optional<TimePoint> last_application_;
  std::optional<TimePoint> last_delivery_;
  bool is_moving_ = false;
  bool is_application_sending_ = false;
};

}  // namespace mptunnel
