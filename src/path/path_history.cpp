#include "mptunnel/path/path_history.h"

#include <algorithm>

namespace mptunnel {
namespace {

/// A share of losses of fewer packets means nothing.
constexpr std::uint64_t kLeastPackets = 20;

}  // namespace

void PathHistory::sample(PathTraffic& traffic, TimePoint now) {
  if (count_ > 0 && now - samples_[(count_ - 1) % kSamples].time < kStep * 9 / 10) return;
  samples_[count_ % kSamples] = {
      now, traffic.out, traffic.in, traffic.sent_bytes, traffic.received_bytes, traffic.voided};
  ++count_;
  traffic.voided = false;
}

PathHistory::Recent PathHistory::recent(const PathTraffic& traffic, TimePoint now) const {
  Recent recent;
  if (count_ == 0) return recent;
  const std::size_t kept = std::min(count_, kSamples);
  const Sample& oldest = samples_[(count_ - kept) % kSamples];
  const auto loss = [](const Arrivals& before, const Arrivals& after) -> std::optional<double> {
    if (after.sent < before.sent + kLeastPackets || after.received < before.received) return std::nullopt;
    return Arrivals{after.sent - before.sent, after.received - before.received}.loss();
  };
  recent.loss_out = loss(oldest.out, traffic.out);
  // The first sample's mark is of the time before it.
  bool voided = traffic.voided;
  for (std::size_t i = count_ - kept + 1; i < count_; ++i) voided = voided || samples_[i % kSamples].voided;
  if (!voided) recent.loss_in = loss(oldest.in, traffic.in);
  const double seconds = std::chrono::duration<double>(now - oldest.time).count();
  const bool restarted =
      traffic.sent_bytes < oldest.sent_bytes || traffic.received_bytes < oldest.received_bytes;
  if (seconds > 0 && !restarted) {
    recent.bytes_out = static_cast<double>(traffic.sent_bytes - oldest.sent_bytes) / seconds;
    recent.bytes_in = static_cast<double>(traffic.received_bytes - oldest.received_bytes) / seconds;
  }
  return recent;
}

}  // namespace mptunnel
