#include "mptunnel/engine/outage_watch.h"

namespace mptunnel {

bool OutageWatch::begin(TimePoint since, TimePoint now, bool is_explained) {
  mended_.reset();
  if (began_) return false;
  began_ = since;
  reminder_ = {};
  if (!is_explained) reminder_.start(now);
  return true;
}

void OutageWatch::note_heard(TimePoint now) {
  if (began_ && !mended_ && (!heard_ || now - *heard_ > 2 * kProbeWhileDown)) heard_ = now;
}

void OutageWatch::mend(TimePoint now) {
  if (!began_ || mended_) return;
  const bool is_from_then = heard_ && now - *heard_ <= 2 * kProbeWhileDown;
  mended_ = is_from_then ? *heard_ : now;
  settled_ = now + kOutageSettles;
}

std::optional<TrafficResumed> OutageWatch::over(std::size_t paths_up, TimePoint now) {
  if (!mended_ || now < settled_) return std::nullopt;
  const TrafficResumed resumed{*mended_ - *began_, paths_up};
  *this = OutageWatch{};
  return resumed;
}

std::optional<Duration> OutageWatch::lasts(TimePoint now) const {
  if (!began_ || mended_) return std::nullopt;
  return now - *began_;
}

bool OutageWatch::is_due(TimePoint now) {
  return began_ && !mended_ && reminder_.take(now);
}

}  // namespace mptunnel
