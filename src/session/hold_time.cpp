#include "mptunnel/session/hold_time.h"

#include <algorithm>
#include <numeric>

namespace mptunnel {

void HoldTime::came(Duration after) {
  const auto step = static_cast<std::size_t>(std::max(after, Duration{}) * kSteps / most_);
  count(std::min(step, kSteps));
}

void HoldTime::count(std::size_t step, double times) {
  counts_.at(step) += times;
  total_ += times;
  while (total_ >= kMany) {
    for (double& count : counts_) count /= 2;
    total_ = std::accumulate(counts_.begin(), counts_.end(), 0.0);
  }
  if (total_ >= kFewest) learn();
}

void HoldTime::learn() {
  std::size_t hold = 0;
  double missing = total_;
  double came = 0;
  for (std::size_t step = 0; step < kSteps; ++step) {
    came += counts_.at(step);
    if (came < kFaded || came < kWorthwhile * missing) continue;
    missing -= came;
    came = 0;
    hold = step + 1;
  }
  // One step more than was seen: nothing is known of where it lies in its own.
  const auto steps = static_cast<Duration::rep>(hold == 0 ? 0 : std::min(hold + 1, kSteps));
  hold_ = most_ * steps / static_cast<Duration::rep>(kSteps);
}

}  // namespace mptunnel
