// Limits of what a person is told: how often, and when again. Included by limits.h.
#pragma once

#include <cstddef>

#include "mptunnel/base/time.h"

namespace mptunnel {

using namespace std::chrono_literals;

// What the network, peers and strangers may cause a person to read: see EventLimiter, NewsBudget.

inline constexpr std::size_t kEventSources = 256;  ///< source networks that have a budget of their own
/// After the first event that was left out: when their count is told. Twice as long each time, while more are
/// left out.
inline constexpr Duration kLeftOutAfter = 60s;
inline constexpr Duration kLeftOutAfterMost = 1h;
/// What keeps changing at mpclient: a few lines at once, then one in this time, and if that goes on one an
/// hour, until it was quiet for a while.
inline constexpr Duration kNewsEach = 30s;
inline constexpr double kNewsBurst = 6;
inline constexpr double kNewsBeforeHourly = 20;
inline constexpr Duration kNewsForgotten = 10min;
/// The same of what this host's own user asks for, if it is other than the last time: keys that are read
/// again.
inline constexpr Duration kOtherNewsEach = 10s;
inline constexpr double kOtherNewsBurst = 60;
inline constexpr double kOtherNewsBeforeHourly = 200;

// An outage: mpclient has no path that answers.

/// How long data can flow before the outage counts as over.
inline constexpr Duration kOutageSettles = 1s;
/// When it is said again while it lasts: then after twice as long each time.
inline constexpr Duration kOutageRepeat = 30s;
inline constexpr Duration kOutageRepeatMost = 1h;

}  // namespace mptunnel
