#include "mptunnel/path/loss_watch.h"

#include <algorithm>

namespace mptunnel {
namespace {

/// What was under way when the path came up, or a PONG late, is in the first two samples.
constexpr std::size_t kSamplesOfAnOutage = 2;

std::optional<double> share_lost(const Arrivals& before, const Arrivals& after) {
  if (after.sent < before.sent + kLossLeastPackets || after.received < before.received) return std::nullopt;
  return Arrivals{after.sent - before.sent, after.received - before.received}.loss();
}

}  // namespace

std::optional<LossWatch::News> LossWatch::judge(bool& is_lossy, std::optional<double> loss) {
  const bool is_news = loss && (is_lossy ? *loss < kLossOver : *loss > kLossSaid);
  if (!is_news) return std::nullopt;
  is_lossy = !is_lossy;
  return News{*loss, !is_lossy};
}

LossWatch::Verdicts LossWatch::update(bool is_up, const PathTraffic& traffic, TimePoint now) {
  if (!is_up) {
    *this = LossWatch{};
    return {};
  }
  if (count_ > 0 && now - samples_[(count_ - 1) % kSamples].time < kStep * 9 / 10) return {};
  samples_[count_ % kSamples] = {now, traffic.out, traffic.in, traffic.voided};
  ++count_;
  if (count_ < kSamples + kSamplesOfAnOutage) return {};
  const Sample& newest = samples_[(count_ - 1) % kSamples];
  const Sample& oldest = samples_[count_ % kSamples];
  bool is_void = false;
  for (std::size_t i = 1; i < kSamples; ++i) is_void = is_void || samples_[(count_ + i) % kSamples].is_void;
  return {judge(is_lossy_[0], share_lost(oldest.out, newest.out)),
          is_void ? std::nullopt : judge(is_lossy_[1], share_lost(oldest.in, newest.in))};
}

}  // namespace mptunnel
