#include "mptunnel/engine/link/reorder_buffer.h"

#include <algorithm>
#include <utility>

#include "mptunnel/wire/order_limits.h"

namespace mptunnel {
namespace {

/// What one that waits counts: its bytes, and about what its record takes.
std::size_t cost_of(std::size_t bytes) {
  return bytes + 64;
}

/// How far `number` is from `from`; neither is far from the other.
int distance(std::uint16_t from, std::uint16_t number) {
  return static_cast<std::int16_t>(number - from);
}

std::uint16_t plus(std::uint16_t number, int more) {
  return static_cast<std::uint16_t>(number + more);
}

/// An outage is one gap, and one time to wait for: what it says is not worth as much as its numbers.
constexpr std::size_t kMostOfAGap = 16;

/// What was needed once keeps its memory no longer.
template <typename Entry>
void shrink(std::vector<Entry>& entries) {
  constexpr std::size_t kKept = 16;
  if (entries.empty() && entries.capacity() > kKept) entries = std::vector<Entry>();
}

}  // namespace

void ReorderBuffer::on_datagram(const Numbered& datagram, Output& out, TimePoint now) {
  const auto known = is_on_ ? flows_.find(datagram.flow) : flows_.end();
  if (known == flows_.end()) {
    if (is_on_ && flows_.size() < kOrderedFlows) {
      Flow& flow = flows_[datagram.flow];
      flow.next = plus(datagram.number, 1);
      flow.last_used = flow.in_turn = now;
    }
    out.deliver(datagram.flow, datagram.payload);
    return;
  }
  Flow& flow = known->second;
  if (note(flow, datagram.flow, datagram.number, datagram.is_recovered, out, now) == Place::odd) {
    out.deliver(datagram.flow, datagram.payload);
    return;
  }
  const auto must_wait = [&] {
    const Missing* first = awaited(flow, now);
    return first != nullptr && distance(first->first, datagram.number) > 0;
  };
  if (must_wait() && !has_room(datagram.payload.size())) {
    std::erase_if(flow.missing, [&](const Missing& missing) {
      if (missing.until > now) counts_.overflow += missing.count;
      return missing.until > now;
    });
  }
  if (must_wait()) {
    // What waited for numbers that have just been forgotten.
    release_ready(flow, datagram.flow, out, now);
    hold(flow, datagram);
    deadline_ = std::min(deadline_, awaited(flow, now)->until);
    return;
  }
  release(flow, datagram.flow, datagram.number, out);
  out.deliver(datagram.flow, datagram.payload);
  release_ready(flow, datagram.flow, out, now);
}

void ReorderBuffer::skip(FlowHandle handle, std::uint16_t number, Output& out, TimePoint now) {
  const auto known = flows_.find(handle);
  if (known == flows_.end()) return;
  Flow& flow = known->second;
  if (note(flow, handle, number, false, out, now) != Place::odd) release_ready(flow, handle, out, now);
}

ReorderBuffer::Place ReorderBuffer::note(Flow& flow, FlowHandle handle, std::uint16_t number,
                                         bool is_recovered, Output& out, TimePoint now) {
  flow.last_used = now;
  const int ahead = distance(flow.next, number);
  if (ahead < 0 ? !fill(flow, number, is_recovered, now) : ahead > kMostAhead)
    return note_odd(flow, handle, number, out, now);
  flow.odd = 0;
  flow.in_turn = now;
  if (ahead >= 0) advance(flow, number, now);
  return Place::in_turn;
}

ReorderBuffer::Place ReorderBuffer::note_odd(Flow& flow, FlowHandle handle, std::uint16_t number, Output& out,
                                             TimePoint now) {
  const int step = distance(flow.odd_number, number);
  flow.odd = flow.odd > 0 && step > 0 && step <= kMostAhead ? flow.odd + 1 : 1;
  flow.odd_number = number;
  // One alone came very late; several in a row, and nothing else, are how the flow goes on.
  if (flow.odd < kOddUntilAnew) return Place::odd;
  // What is behind may be many that came very late, beside those that come in turn.
  if (distance(flow.next, number) < 0 && now - flow.in_turn < kMissingFor) return Place::odd;
  begin_anew(flow, handle, out);
  flow.in_turn = now;
  flow.next = plus(number, 1);
  return Place::in_turn;
}

bool ReorderBuffer::fill(Flow& flow, std::uint16_t number, bool is_recovered, TimePoint now) {
  const auto has = [&](const Missing& missing) {
    const int offset = distance(missing.first, number);
    return offset >= 0 && offset < missing.count;
  };
  const auto found = std::find_if(flow.missing.begin(), flow.missing.end(), has);
  if (found == flow.missing.end()) return false;
  time_.came(now - found->since);
  if (found->until <= now) {
    ++counts_.late;
  } else {
    ++(is_recovered ? counts_.repaired : counts_.filled);
  }
  const int below = distance(found->first, number);
  const Missing above{plus(number, 1), static_cast<std::uint16_t>(found->count - below - 1), found->since,
                      found->until};
  found->count = static_cast<std::uint16_t>(below);
  const auto next = below > 0 ? std::next(found) : flow.missing.erase(found);
  if (above.count > 0) flow.missing.insert(next, above);
  if (flow.missing.size() > kMostMissing) give_up_oldest(flow, now);
  shrink(flow.missing);
  return true;
}

void ReorderBuffer::advance(Flow& flow, std::uint16_t number, TimePoint now) {
  if (const int count = distance(flow.next, number); count > 0) {
    const TimePoint until = now + time_.get();
    if (flow.missing.size() >= kMostMissing) give_up_oldest(flow, now);
    flow.missing.push_back({flow.next, static_cast<std::uint16_t>(count), now, until});
  }
  flow.next = plus(number, 1);
  // The numbers come round again.
  while (!flow.missing.empty() && std::uint16_t(flow.next - flow.missing.front().first) > kFarBehind)
    give_up_oldest(flow, now);
}

void ReorderBuffer::give_up_oldest(Flow& flow, TimePoint now) {
  const Missing& oldest = flow.missing.front();
  counts_.lost += oldest.count;
  // What might still come in time says nothing.
  if (now - oldest.since > most_) time_.never_came(std::min<std::size_t>(oldest.count, kMostOfAGap));
  flow.missing.erase(flow.missing.begin());
}

void ReorderBuffer::begin_anew(Flow& flow, FlowHandle handle, Output& out) {
  release_first(flow, handle, flow.held.size(), out);
  for (const Missing& missing : flow.missing) counts_.lost += missing.count;
  flow.missing.clear();
  flow.odd = 0;
}

void ReorderBuffer::give_up_waiting(FlowHandle handle, Output& out, TimePoint now) {
  const auto known = flows_.find(handle);
  if (known == flows_.end()) return;
  Flow& flow = known->second;
  for (Missing& missing : flow.missing) missing.until = std::min(missing.until, now);
  release_first(flow, handle, flow.held.size(), out);
}

const ReorderBuffer::Missing* ReorderBuffer::awaited(const Flow& flow, TimePoint now) {
  for (const Missing& missing : flow.missing) {
    if (missing.until > now) return &missing;
  }
  return nullptr;
}

bool ReorderBuffer::has_room(std::size_t bytes) const {
  const std::size_t wanted = cost_of(bytes);
  return held_ < kMostHeld && this->bytes() + wanted <= kHeldBytes && fits(wanted);
}

void ReorderBuffer::hold(Flow& flow, const Numbered& datagram) {
  const auto place = std::partition_point(flow.held.begin(), flow.held.end(), [&](const Held& held) {
    return distance(datagram.number, held.number) < 0;
  });
  flow.held.insert(place, {datagram.number, {datagram.payload.begin(), datagram.payload.end()}});
  take(cost_of(datagram.payload.size()));
  ++held_;
  ++counts_.held;
}

void ReorderBuffer::release(Flow& flow, FlowHandle handle, std::uint16_t below, Output& out) {
  if (flow.held.empty()) return;
  const auto end = std::partition_point(flow.held.begin(), flow.held.end(),
                                        [&](const Held& held) { return distance(below, held.number) < 0; });
  release_first(flow, handle, static_cast<std::size_t>(end - flow.held.begin()), out);
}

void ReorderBuffer::release_first(Flow& flow, FlowHandle handle, std::size_t count, Output& out) {
  const auto end = flow.held.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto held = flow.held.begin(); held != end; ++held) {
    give_back(cost_of(held->payload.size()));
    --held_;
    out.deliver(handle, out.keep(std::move(held->payload)));
  }
  flow.held.erase(flow.held.begin(), end);
  shrink(flow.held);
}

void ReorderBuffer::release_ready(Flow& flow, FlowHandle handle, Output& out, TimePoint now) {
  const Missing* first = awaited(flow, now);
  release(flow, handle, first != nullptr ? first->first : flow.next, out);
  // It may be sooner than that of those before it: the hold time changes.
  if (first != nullptr && !flow.held.empty()) deadline_ = std::min(deadline_, first->until);
}

void ReorderBuffer::release_due(Output& out, TimePoint now) {
  if (now < deadline_) return;
  deadline_ = kNever;
  for (auto& [handle, flow] : flows_) {
    if (!flow.held.empty()) release_ready(flow, handle, out, now);
  }
}

void ReorderBuffer::restart(Output& out) {
  for (auto& [handle, flow] : flows_) begin_anew(flow, handle, out);
  flows_.clear();
  deadline_ = kNever;
}

void ReorderBuffer::close(FlowHandle handle, Output& out) {
  const auto found = flows_.find(handle);
  if (found == flows_.end()) return;
  begin_anew(found->second, handle, out);
  flows_.erase(found);
}

void ReorderBuffer::expire(TimePoint now) {
  for (auto& [handle, flow] : flows_) {
    while (!flow.missing.empty() && now - flow.missing.front().since >= kMissingFor)
      give_up_oldest(flow, now);
    shrink(flow.missing);
  }
  std::erase_if(flows_, [&](const auto& entry) {
    const Flow& flow = entry.second;
    return flow.held.empty() && flow.missing.empty() && now - flow.last_used >= kOrderForgottenAfter;
  });
}

}  // namespace mptunnel
