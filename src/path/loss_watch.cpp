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
  // What a moment cost that is over, as when a NAT forgets a mapping, is no news.
  const auto lasts = [&](const Arrivals Sample::*way) {
    return samples_.count_steps([&](const Sample& earlier, const Sample& later) {
      return loss_between(earlier.*way, later.*way, 1).value_or(0) > kLossSaid;
    }) >= kLossLeastSteps;
  };
  std::optional<double> out = loss_between(oldest.out, newest.out, kLossLeastPackets);
  std::optional<double> in = loss_between(oldest.in, newest.in, kLossLeastPackets);
  if (!is_lossy_[0] && !lasts(&Sample::out)) out.reset();
  if (is_void || (!is_lossy_[1] && !lasts(&Sample::in))) in.reset();
  return {judge(is_lossy_[0], out), judge(is_lossy_[1], in)};
}

}  // namespace mptunnel
