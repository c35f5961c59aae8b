#include "mptunnel/engine/link/mark_watch.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mptunnel {
namespace {

/// How improbable it is that of so many marked probes no more than `marked` are answered, if they are as
/// likely to be as the plain ones: the negative logarithm of a bound (Chernoff). `marked` is less than
/// `plain`.
double evidence_of(unsigned marked, unsigned plain, unsigned pairs) {
  const double share = static_cast<double>(marked) / pairs;
  // As if two more plain ones had been lost: what was never seen to be lost may be, all the same.
  const double expected = static_cast<double>(plain) / (pairs + 2);
  if (share >= expected) return 0;
  const double none = (1 - share) * std::log((1 - share) / (1 - expected));
  return pairs * (marked == 0 ? none : none + share * std::log(share / expected));
}

}  // namespace

std::uint64_t MarkWatch::vanishing_on(PathId path) const {
  std::uint64_t result = 0;
  for (const Mark& mark : marks_) {
    if (mark.path == path && mark.vanishes) result |= bit_of(mark.dscp);
  }
  return result;
}

PathSet MarkWatch::find_vanishing(std::uint8_t dscp) const {
  PathSet result;
  for (const Mark& mark : marks_) {
    if (mark.dscp == dscp && mark.vanishes) result.insert(mark.path);
  }
  return result;
}

Duration MarkWatch::patience_of(const PathView& path, Duration slowest) {
  // Answers to what may pass out alone come by any other. The peer has its say in what an RTT is.
  const Duration rtt = path.state == PathState::up ? path.rtt : std::max(path.rtt, slowest);
  return std::clamp<Duration>(rtt * 3 / 2, kMarkPatience, kMarkPatienceMost);
}

MarkWatch::Work MarkWatch::run(const PathViews& paths, Duration slowest, TimePoint now) {
  Work work;
  const bool is_round = now >= next_round_;
  std::uint64_t used = 0;
  if (is_round && (used_ & kMarks) != 0) {
    watch_used();
    used = used_ & watched_;
    used_ = 0;
    next_round_ = now + kMarkProbeEach;
    for (std::uint64_t rest = used; rest != 0; rest &= rest - 1) {
      const auto dscp = static_cast<std::uint8_t>(std::countr_zero(rest));
      for (const PathId path : paths.paths()) mark_of(path, dscp);
    }
  }
  for (Mark& mark : marks_) {
    if (!paths.paths().contains(mark.path)) {
      // It is down, or at rest: what is missing says nothing.
      mark.pairs.clear();
      mark.is_on_trial = false;
      continue;
    }
    mark.patience = patience_of(paths.of(mark.path), slowest);
    step(mark, (used & bit_of(mark.dscp)) != 0, work, now);
  }
  due_ = find_due(now);
  return work;
}

void MarkWatch::watch_used() {
  for (std::uint64_t fresh = used_ & kMarks & ~watched_; fresh != 0; fresh &= fresh - 1) {
    if (std::popcount(watched_) < kMarksWatched) {
      watched_ |= fresh & (~fresh + 1);
      continue;
    }
    // One that is not in use and vanishes nowhere gives its place up.
    const std::uint64_t idle = watched_ & ~used_ & ~vanishing_;
    if (idle == 0) return;
    const auto gone = static_cast<std::uint8_t>(std::countr_zero(idle));
    std::erase_if(marks_, [gone](const Mark& mark) { return mark.dscp == gone; });
    watched_ = (watched_ & ~bit_of(gone)) | (fresh & (~fresh + 1));
  }
}

MarkWatch::Mark& MarkWatch::mark_of(PathId path, std::uint8_t dscp) {
  const auto found = std::find_if(marks_.begin(), marks_.end(),
                                  [&](const Mark& mark) { return mark.path == path && mark.dscp == dscp; });
  if (found != marks_.end()) return *found;
  Mark& mark = marks_.emplace_back();
  mark.path = path;
  mark.dscp = dscp;
  return mark;
}

void MarkWatch::step(Mark& mark, bool is_used, Work& work, TimePoint now) {
  if (mark.is_on_trial) {
    judge_trial(mark, work, now);
  } else {
    judge_pairs(mark, now);
    if (mark.vanishes && is_used && now >= mark.next) {
      mark.is_on_trial = true;
      mark.pairs.clear();
      mark.next = now;
    } else if (!mark.vanishes && !mark.is_on_trial && is_used) {
      send_pair(mark, work, now);
    }
  }
  if (!mark.is_on_trial || now < mark.next || mark.pairs.size() >= kMarkTrialPairs) return;
  send_pair(mark, work, now);
  mark.next = now + kMarkTrialProbe;
}

void MarkWatch::send_pair(Mark& mark, Work& work, TimePoint now) {
  mark.pairs.push_back({next_sequence_, now});
  work.probes.push_back({mark.path, mark.dscp, next_sequence_});
  work.probes.push_back({mark.path, 0, next_sequence_ + 1});
  next_sequence_ += 2;
}

void MarkWatch::judge_pairs(Mark& mark, TimePoint now) {
  bool is_suspicious = false;
  std::erase_if(mark.pairs, [&](const Pair& pair) {
    const bool is_late = now - pair.sent >= mark.patience;
    is_suspicious = is_suspicious || (is_late && pair.plain_seen && !pair.marked_seen);
    return is_late || pair.marked_seen;
  });
  if (!is_suspicious) return;
  mark.is_on_trial = true;
  mark.pairs.clear();
  mark.next = now;
}

void MarkWatch::judge_trial(Mark& mark, Work& work, TimePoint now) {
  unsigned marked = 0;
  unsigned plain = 0;
  unsigned pairs = 0;
  bool is_settled = mark.pairs.size() >= kMarkTrialPairs;
  for (const Pair& pair : mark.pairs) {
    if (now - pair.sent < mark.patience) {
      is_settled = false;
      break;
    }
    ++pairs;
    marked += pair.marked_seen ? 1 : 0;
    plain += pair.plain_seen ? 1 : 0;
  }
  const bool is_much_rarer = marked * kMarkRarer < plain;
  if (is_much_rarer && evidence_of(marked, plain, pairs) > kMarkEvidence) {
    if (!mark.vanishes) work.news.push_back({mark.path, mark.dscp, false});
    mark.vanishes = true;
    vanishing_ |= bit_of(mark.dscp);
    end_trial(mark, now);
  } else if (marked >= kMarkPasses && !is_much_rarer) {
    if (mark.vanishes) work.news.push_back({mark.path, mark.dscp, true});
    mark.vanishes = false;
    if (find_vanishing(mark.dscp).empty()) vanishing_ &= ~bit_of(mark.dscp);
    end_trial(mark, now);
  } else if (is_settled) {
    end_trial(mark, now);
  }
}

void MarkWatch::end_trial(Mark& mark, TimePoint now) {
  mark.is_on_trial = false;
  mark.pairs.clear();
  mark.next = now + kMarkRetryAfter;
}

void MarkWatch::on_seen(PathId path, std::uint32_t sequence) {
  for (Mark& mark : marks_) {
    if (mark.path != path) continue;
    for (Pair& pair : mark.pairs) {
      if (sequence == pair.sequence) pair.marked_seen = true;
      if (sequence == pair.sequence + 1) pair.plain_seen = true;
    }
  }
}

void MarkWatch::forget(PathId path) {
  std::erase_if(marks_, [path](const Mark& mark) { return mark.path == path; });
  vanishing_ = 0;
  for (const Mark& mark : marks_) {
    if (mark.vanishes) vanishing_ |= bit_of(mark.dscp);
  }
}

void MarkWatch::pause(TimePoint now) {
  used_ = 0;
  next_round_ = now + kMarkProbeEach;
  for (Mark& mark : marks_) {
    mark.pairs.clear();
    mark.is_on_trial = false;
  }
  due_ = kNever;
}

TimePoint MarkWatch::find_due(TimePoint now) const {
  TimePoint first = kNever;
  for (const Mark& mark : marks_) {
    if (mark.is_on_trial && mark.pairs.size() < kMarkTrialPairs) first = std::min(first, mark.next);
    // What is settled is waited for no more.
    for (const Pair& pair : mark.pairs) {
      if (pair.sent + mark.patience <= now) continue;
      first = std::min(first, pair.sent + mark.patience);
      break;
    }
  }
  return first;
}

}  // namespace mptunnel
