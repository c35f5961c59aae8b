// Log lines about one thing that the network, or a signal, can make happen without end: what is too frequent
// is left out and counted, by the budget that EventLimiter uses for events.
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

  /// Logs the text, a line for each of its lines, with the count of texts that were left out before in the
  /// last one; or counts it.
  void say(LogLevel level, std::string text);
  /// The same, but a text that is other than the last is charged to a budget that is much larger, and has one
  /// of its own for when it is repeated.
  void say_other(LogLevel level, std::string text);

 private:
  void say_if(bool is_allowed, LogLevel level, std::string text);

  std::function<TimePoint()> clock_;
  NewsBudget budget_;
  NewsBudget others_{{1 / std::chrono::duration<double>(kOtherNewsEach).count(), kOtherNewsBurst},
                     {1.0 / 3600, kOtherNewsBeforeHourly}};
  std::string last_;  ///< of say_other()
  std::uint64_t held_back_ = 0;
};

}  // namespace mptunnel
