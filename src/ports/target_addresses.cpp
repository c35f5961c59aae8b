#include "mptunnel/ports/target_addresses.h"

#include <algorithm>
#include <utility>

#include "mptunnel/ports/candidate_list.h"

namespace mptunnel {

std::optional<TargetAddresses::Move> TargetAddresses::assign(const std::vector<Endpoint>& addresses,
                                                             TimePoint now) {
  std::vector<Candidate> candidates;
  bool is_other = addresses.size() != candidates_.size();
  for (const Endpoint& address : interleave_families(addresses)) {
    const Candidate* known = find(address);
    is_other = is_other || known == nullptr;
    candidates.push_back(known != nullptr ? *known : Candidate{address, std::nullopt, kTargetRefusedRest});
  }
  candidates_ = std::move(candidates);
  if (is_other) {
    silent_moves_ = 0;
    gave_up_.reset();
  }
  if (answered_ && find(*answered_) == nullptr) answered_.reset();
  if (find(current_) != nullptr) return std::nullopt;
  const auto free = std::find_if(candidates_.begin(), candidates_.end(), [&](const Candidate& candidate) {
    return !candidate.rests_until || *candidate.rests_until <= now;
  });
  return move_to(free != candidates_.end() ? free->address : candidates_.front().address, Why::resolved);
}

void TargetAddresses::note_answer() {
  silent_since_.reset();
  refused_since_.reset();
  if (silent_moves_ == 0 && answered_ == current_) return;
  answered_ = current_;
  silent_moves_ = 0;
  gave_up_.reset();
  for (Candidate& candidate : candidates_) candidate.rest = kTargetRefusedRest;
}

void TargetAddresses::note_refused(TimePoint now) {
  if (refused_since_) return;
  refused_since_ = now;
  if (Candidate* candidate = find(current_)) {
    candidate->rests_until = now + candidate->rest;
    candidate->rest = std::min<Duration>(2 * candidate->rest, kTargetRefusedRestMax);
  }
}

void TargetAddresses::note_flow(TimePoint now) {
  if (answered_ || !gave_up_ || now - *gave_up_ < kTargetRoundsAgainUnanswered) return;
  silent_moves_ = 0;
  gave_up_.reset();
}

bool TargetAddresses::take_lookup(TimePoint now) {
  if (now < lookup_due()) return false;
  looked_up_ = now;
  return true;
}

std::optional<TargetAddresses::Move> TargetAddresses::take_move(TimePoint now) {
  if (now < move_due()) return std::nullopt;
  if (refused_since_) return move_to(next()->address, Why::refused);
  if (gave_up_) {
    gave_up_.reset();
    silent_moves_ = 0;
  }
  if (++silent_moves_ < kTargetRounds * candidates_.size()) return move_to(next()->address, Why::silent);
  gave_up_ = now;
  const Endpoint stays = home();
  if (stays == current_) return std::nullopt;
  return move_to(stays, Why::silent);
}

TimePoint TargetAddresses::lookup_due() const {
  if (!is_waiting()) return kNever;
  TimePoint due = kNever;
  if (silent_since_) due = *silent_since_ + kTargetSilentFor;
  if (refused_since_) due = std::min(due, *refused_since_ + kTargetRefusedFor);
  return looked_up_ ? std::max(due, *looked_up_ + kTargetLookupEach) : due;
}

TimePoint TargetAddresses::move_due() const {
  const Candidate* candidate = next();
  if (candidate == nullptr || !is_waiting()) return kNever;
  const bool was_right = answered_ == current_;
  if (refused_since_) {
    const TimePoint due = was_right ? *refused_since_ + kTargetRefusedFor : *refused_since_;
    return std::max(due, free_from(*candidate));
  }
  const TimePoint due = *silent_since_ + (was_right ? kTargetLostAfter : kTargetSilentFor);
  if (gave_up_) return answered_ ? std::max(due, *gave_up_ + kTargetRoundsAgain) : kNever;
  return std::max(due, free_from(*candidate));
}

const TargetAddresses::Candidate* TargetAddresses::next() const {
  const auto at = std::find_if(candidates_.begin(), candidates_.end(),
                               [&](const Candidate& candidate) { return candidate.address == current_; });
  const auto start = static_cast<std::size_t>(at - candidates_.begin());
  const Candidate* best = nullptr;
  for (std::size_t i = 1; i < candidates_.size(); ++i) {
    const Candidate& candidate = candidates_[(start + i) % candidates_.size()];
    if (best == nullptr || free_from(candidate) < free_from(*best)) best = &candidate;
  }
  return best;
}

TimePoint TargetAddresses::free_from(const Candidate& candidate) const {
  if (refused_since_ && answered_ == candidate.address) return {};
  return candidate.rests_until.value_or(TimePoint{});
}

TargetAddresses::Candidate* TargetAddresses::find(const Endpoint& address) {
  const auto found = std::find_if(candidates_.begin(), candidates_.end(),
                                  [&](const Candidate& candidate) { return candidate.address == address; });
  return found == candidates_.end() ? nullptr : &*found;
}

Endpoint TargetAddresses::home() const {
  if (answered_) return *answered_;
  const auto open = std::find_if(candidates_.begin(), candidates_.end(),
                                 [](const Candidate& candidate) { return !candidate.rests_until; });
  return open != candidates_.end() ? open->address : current_;
}

TargetAddresses::Move TargetAddresses::move_to(const Endpoint& address, Why why) {
  const Move move{current_, address, why};
  current_ = address;
  silent_since_.reset();
  refused_since_.reset();
  return move;
}

}  // namespace mptunnel
