#include "mptunnel/path/queue_watch.h"

namespace mptunnel {

QueueWatch::Overload QueueWatch::measure() const {
  const Sample& newest = samples_.newest();
  const Sample& oldest = *samples_.oldest();
  const auto held_back = static_cast<double>(newest.held_back - oldest.held_back);
  const auto sent = static_cast<double>(newest.sent - oldest.sent);
  const double bits = static_cast<double>(newest.sent_bytes - oldest.sent_bytes) * 8;
  return {held_back > 0 ? held_back / (held_back + sent) : 0,
          static_cast<std::uint64_t>(bits / seconds_of(newest.time - oldest.time))};
}

std::optional<QueueWatch::News> QueueWatch::update(bool is_up, const PathTraffic& traffic, TimePoint now) {
  if (!is_up) {
    *this = QueueWatch{};
    return std::nullopt;
  }
  const bool is_first = samples_.taken() == 0;
  const bool is_another = !is_first && (traffic.sent < samples_.newest().sent ||
                                        traffic.sent_bytes < samples_.newest().sent_bytes ||
                                        traffic.held_back < samples_.newest().held_back);
  // The counts are of another session.
  if (is_another) samples_ = {};
  const bool is_full = !is_first && !is_another && traffic.held_back > samples_.newest().held_back;
  if (!samples_.add({now, traffic.sent, traffic.sent_bytes, traffic.held_back, is_full})) return std::nullopt;
  if (samples_.taken() < kSamples) return std::nullopt;
  const Overload what = measure();
  const bool was_overloaded = overload_.has_value();
  const bool is_always_full = !samples_.any_later([](const Sample& later) { return !later.is_full; });
  if (was_overloaded ? what.share < kOverloadOver : !is_always_full || what.share < kOverloadSaid) {
    overload_.reset();
  } else {
    overload_ = what;
  }
  if (overload_.has_value() == was_overloaded) return std::nullopt;
  return News{what, was_overloaded};
}

}  // namespace mptunnel
