// The times in which mpclient has a session, or had one, and no path that carries data: when they are said,
// and when they are over. It judges no path, and is told what happens.
//
//     SessionLost           at once, and again after 30 s, 60 s, ... while it lasts
//     TrafficResumed        a moment after data can pass both ways again under a session
#pragma once

#include <algorithm>
#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/engine/client_event.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// When something that lasts is said again: after kOutageRepeat, then after twice as long each time.
class Reminder {
 public:
  void start(TimePoint now) {
    patience_ = kOutageRepeat;
    next_ = now + patience_;
  }
  [[nodiscard]] bool is_running() const { return next_ != kNever; }
  /// Whether it is time; if so the next time is set.
  bool take(TimePoint now) {
    if (now < next_) return false;
    patience_ = std::min<Duration>(2 * patience_, kOutageRepeatMost);
    next_ = now + patience_;
    return true;
  }

 private:
  TimePoint next_ = kNever;
  Duration patience_{};
};

class OutageWatch {
 public:
  /// No path has carried data since then. Returns whether that is a new outage; one that was about to be over
  /// goes on. `is_explained`: it is known why, and is not to be said again.
  bool begin(TimePoint since, TimePoint now, bool is_explained = false);
  /// Whether there is an outage that is said again while it lasts.
  [[nodiscard]] bool is_said_again() const { return began_ && reminder_.is_running(); }
  /// Something came. A path that is down is probed once a second: it may be up only that much later.
  void note_heard(TimePoint now);
  /// There is a session, and data passes both ways.
  void mend(TimePoint now);
  /// To be called about once a second. An outage is over when data could flow for kOutageSettles.
  std::optional<TrafficResumed> over(std::size_t paths_up, TimePoint now);
  /// For how long there has been an outage; nullopt if there is none, or it is about to be over.
  [[nodiscard]] std::optional<Duration> lasts(TimePoint now) const;
  /// To be called as over(): whether it is time to say again that it lasts.
  bool is_due(TimePoint now);

 private:
  std::optional<TimePoint> began_;
  std::optional<TimePoint> mended_;  ///< since then data can flow
  std::optional<TimePoint> heard_;   ///< the first sign of life before that
  TimePoint settled_{};              ///< when it counts as over
  Reminder reminder_;
};

}  // namespace mptunnel
