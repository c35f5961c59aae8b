// The times in which mpclient has a session, or had one, and no path that answers: when they are said, and
// when they are over. It judges no path, and is told what happens.
//
//     SessionLost           at once, and again after 30 s, 60 s, ... while it lasts
//     TrafficResumed        a moment after a path is up again under a session
#pragma once

#include <algorithm>
#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/engine/client_event.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class OutageWatch {
 public:
  /// Nothing has answered since then. Returns whether that is a new outage; one that was about to be over
  /// goes on. `is_explained`: it is known why, and is not to be said again.
  bool begin(TimePoint since, TimePoint now, bool is_explained = false) {
    mended_.reset();
    if (began_) return false;
    began_ = since;
    patience_ = kOutageRepeat;
    next_ = is_explained ? kNever : now + patience_;
    return true;
  }
  /// Something came. A path that is down is probed once a second: it may be up only that much later.
  void note_heard(TimePoint now) {
    if (began_ && !mended_ && (!heard_ || now - *heard_ > 2 * kProbeWhileDown)) heard_ = now;
  }
  /// There is a session, and a path is up.
  void mend(TimePoint now) {
    if (!began_ || mended_) return;
    const bool is_from_then = heard_ && now - *heard_ <= 2 * kProbeWhileDown;
    mended_ = is_from_then ? *heard_ : now;
    settled_ = now + kOutageSettles;
  }
  /// To be called about once a second. An outage is over when data could flow for kOutageSettles.
  std::optional<TrafficResumed> over(std::size_t paths_up, TimePoint now) {
    if (!mended_ || now < settled_) return std::nullopt;
    const TrafficResumed resumed{*mended_ - *began_, paths_up};
    *this = OutageWatch{};
    return resumed;
  }
  /// As over(): whether it is time to say again that it lasts.
  std::optional<SessionLost> lasts(TimePoint now) {
    if (!began_ || mended_ || now < next_) return std::nullopt;
    patience_ = std::min<Duration>(2 * patience_, kOutageRepeatMost);
    next_ = now + patience_;
    return SessionLost{now - *began_};
  }

 private:
  std::optional<TimePoint> began_;
  std::optional<TimePoint> mended_;  ///< since then data can flow
  std::optional<TimePoint> heard_;   ///< the first sign of life before that
  TimePoint settled_{};              ///< when it counts as over
  TimePoint next_ = kNever;
  Duration patience_{};
};

}  // namespace mptunnel
