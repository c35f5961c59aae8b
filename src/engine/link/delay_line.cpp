#include "mptunnel/engine/link/delay_line.h"

#include <algorithm>

namespace mptunnel {

void DelayLine::set(PathId path, Duration delay) {
  std::unique_ptr<Line>& line = lines_.at(path.value);
  const bool is_delayed = delay > Duration{};
  if (line == nullptr && !is_delayed) return;
  if (line == nullptr) line = std::make_unique<Line>();
  line->delay = delay;
  delayed_.erase(path);
  if (is_delayed) delayed_.insert(path);
}

Duration DelayLine::least_of(PathSet paths) const {
  Duration least = Duration::max();
  for (const PathId path : paths) least = std::min(least, delay_of(path));
  return least;
}

PathSet DelayLine::take(ConstBytes packet, PathSet to, Duration least, Marks marks, SessionIndex epoch,
                        TimePoint now) {
  for (const PathId path : to& delayed_) {
    Line& line = *lines_[path.value];
    if (line.delay == least) continue;
    to.erase(path);
    if (line.bytes + packet.size() > kMaxDelayedBytes) {
      ++missed_;
      continue;
    }
    SealedPacket copy{now + (line.delay - least), epoch, marks, {packet.begin(), packet.end()}};
    make_room(copy.cost());
    BudgetHolder::take(copy.cost());
    first_due_ = std::min(first_due_, copy.time);
    line.bytes += packet.size();
    line.waiting.push_back(std::move(copy));
  }
  return to;
}

void DelayLine::release(PathSet may, Output& out, SessionHandle session, TimePoint now) {
  if (now < first_due_) return;
  first_due_ = kNever;
  // A path that has no delay any more may have packets that wait.
  for (const PathId path : PathSet::all()) {
    if (lines_[path.value]) release_line(path, may.contains(path), out, session, now);
  }
}

void DelayLine::release_line(PathId path, bool may, Output& out, SessionHandle session, TimePoint now) {
  Line& line = *lines_[path.value];
  while (!line.waiting.empty() && line.waiting.front().time <= now) {
    const SealedPacket& packet = line.waiting.front();
    if (may && now - packet.time <= kQueueLife) {
      packet.send(path, out, session);
    } else {
      ++missed_;
    }
    drop_first(line);
  }
  if (!line.waiting.empty()) first_due_ = std::min(first_due_, line.waiting.front().time);
}

void DelayLine::drop_first(Line& line) {
  line.bytes -= line.waiting.front().bytes.size();
  give_back(line.waiting.front().cost());
  line.waiting.pop_front();
}

bool DelayLine::yield() {
  Line* largest = nullptr;
  for (const auto& line : lines_) {
    if (line && !line->waiting.empty() && (largest == nullptr || line->bytes > largest->bytes))
      largest = line.get();
  }
  if (largest == nullptr) return false;
  drop_first(*largest);
  ++missed_;
  return true;
}

}  // namespace mptunnel
