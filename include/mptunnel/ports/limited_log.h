// Log lines about one thing that the network can make happen without end: what is too frequent is left out
// and counted, by the budget that EventLimiter uses for events.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "mptunnel/base/log_level.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/news_budget.h"
#include "mptunnel/net/loop.h"

namespace mptunnel {

class LimitedLog {
 public:
  /// `clock` says the time.
  explicit LimitedLog(std::function<TimePoint()> clock = monotonic_now) : clock_(std::move(clock)) {}

  /// Logs the line, with the count of those that were left out before, or counts it.
  void say(LogLevel level, std::string text);

 private:
  std::function<TimePoint()> clock_;
  NewsBudget budget_;
  std::uint64_t held_back_ = 0;
};

}  // namespace mptunnel
