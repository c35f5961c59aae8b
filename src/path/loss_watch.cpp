#include "mptunnel/path/loss_watch.h"

#include "mptunnel/path/path_history.h"

namespace mptunnel {
namespace {

/// What was under way when the path came up, or a PONG late, is in the first two samples.
constexpr std::size_t kSamplesOfAnOutage = 2;

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
  if (!samples_.add({now, traffic.out, traffic.in, traffic.voided})) return {};
  if (samples_.taken() < kSamples + kSamplesOfAnOutage) return {};
  const Sample& newest = samples_.newest();
  const Sample& oldest = *samples_.oldest();
  const bool is_void = samples_.any_later([](const Sample& later) { return later.is_void; });
  return {
      judge(is_lossy_[0], loss_between(oldest.out, newest.out, kLossLeastPackets)),
      is_void ? std::nullopt : judge(is_lossy_[1], loss_between(oldest.in, newest.in, kLossLeastPackets))};
}

}  // namespace mptunnel
