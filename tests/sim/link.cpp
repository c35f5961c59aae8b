#include "sim/link.h"

#include <utility>

namespace mptunnel::sim {

Link::Link(const test::ImpairmentOptions& options, std::uint64_t seed, EventQueue& events, Sink sink)
    : impairments_(options, seed, events.now()), events_(events), sink_(std::move(sink)) {}

void Link::send(const Copy& copy) {
  sent_bytes_ += copy.bytes().size();
  if (tap_) tap_(copy);
  if (passes_ && !passes_(copy)) return;
  const test::Verdict verdict = impairments_.judge(copy.bytes().size(), events_.now());
  ++sent_;
  if (verdict.count == 0) ++lost_;
  const Ecn ecn = remark_ ? remark_(copy) : copy.marks.ecn;
  for (std::size_t i = 0; i < verdict.count; ++i) {
    Copy passed = copy;
    passed.marks.ecn = ecn;
    if (const auto bit = verdict.copies.at(i).flipped_bit) {
      const ConstBytes bytes = copy.bytes();
      passed.altered.emplace(bytes.begin(), bytes.end());
      (*passed.altered)[*bit / 8] ^= static_cast<std::uint8_t>(1U << *bit % 8);
    }
    events_.at(verdict.copies.at(i).release,
               [this, passed = std::move(passed)]() mutable { arrive(std::move(passed)); });
  }
}

void Link::inject(const Copy& copy, Duration delay) {
  injected_bytes_ += copy.bytes().size();
  events_.after(delay, [this, copy]() mutable { arrive(std::move(copy)); });
}

void Link::set_blackout(bool on) {
  test::ImpairmentOptions options = impairments_.options();
  options.blackout = on;
  impairments_.set_options(options);
}

void Link::arrive(Copy copy) {
  inbox_.push_back(std::move(copy));
  if (inbox_.size() > 1) return;
  // Behind everything that arrives at this instant, so that a burst is read in one batch.
  events_.at(events_.now(), [this] { sink_(std::exchange(inbox_, {})); });
}

}  // namespace mptunnel::sim
