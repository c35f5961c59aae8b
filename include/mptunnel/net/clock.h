// The one place that reads a clock. It is not for the core: that is given the time as an argument.
#pragma once

#include "mptunnel/base/time.h"

namespace mptunnel {

/// CLOCK_MONOTONIC. Programs read it once a wake-up and pass it on.
TimePoint monotonic_now();

}  // namespace mptunnel
