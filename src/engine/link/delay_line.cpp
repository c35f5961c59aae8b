#include "mptunnel/engine/link/delay_line.h"

#include <algorithm>
#include <utility>

namespace mptunnel {

void DelayLine::set(PathId path, Duration delay) {
  lines_.at(path.value).delay = delay;
  delayed_.erase(path);
  if (delay > Duration{}) delayed_.insert(path);
}

PathSet DelayLine::take(ConstBytes packet, PathSet to, std::uint8_t dscp, SessionIndex epoch, TimePoint now) {
  Duration least = Duration::max();
  for (const PathId path : to) least = std::min(least, lines_.at(path.value).delay);
  for (const PathId path : to& delayed_) {
    Line& line = lines_.at(path.value);
    if (line.delay == least) continue;
    to.erase(path);
    if (line.bytes.size() - line.begin + packet.size() > kMaxDelayedBytes) {
      ++missed_;
      continue;
    }
    const TimePoint due = now + (line.delay - least);
    line.waiting.push_back({due, packet.size(), epoch, dscp});
    line.bytes.insert(line.bytes.end(), packet.begin(), packet.end());
    first_due_ = std::min(first_due_, due);
  }
  return to;
}

void DelayLine::release(Output& out, SessionHandle session, TimePoint now) {
  if (now < first_due_) return;
  first_due_ = kNever;
  // A path that has no delay any more may have packets that wait.
  for (const PathId path : PathSet::all()) {
    if (!lines_[path.value].waiting.empty()) release_line(path, out, session, now);
  }
}

void DelayLine::release_line(PathId path, Output& out, SessionHandle session, TimePoint now) {
  Line& line = lines_[path.value];
  while (!line.waiting.empty() && line.waiting.front().due <= now) {
    const Waiting packet = line.waiting.front();
    line.waiting.pop_front();
    const ConstBytes bytes = ConstBytes(line.bytes).subspan(line.begin, packet.size);
    line.begin += packet.size;
    if (now - packet.due > kQueueLife) {
      ++missed_;
      continue;
    }
    std::copy(bytes.begin(), bytes.end(), out.make_packet(packet.size).begin());
    out.send(packet.size, PathSet::of(path), session, packet.epoch, packet.dscp, true);
  }
  // Moved rarely, so that each byte moves once or twice at most.
  if (line.begin > line.bytes.size() / 2) {
    line.bytes.erase(line.bytes.begin(), line.bytes.begin() + static_cast<std::ptrdiff_t>(line.begin));
    line.begin = 0;
  }
  if (!line.waiting.empty()) first_due_ = std::min(first_due_, line.waiting.front().due);
}

std::uint64_t DelayLine::take_missed() {
  return std::exchange(missed_, 0);
}

}  // namespace mptunnel
