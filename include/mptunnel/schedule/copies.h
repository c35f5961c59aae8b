// The scheduler that gives the tunnel its name: each datagram goes down every path at once.
#pragma once

#include "mptunnel/schedule/scheduler.h"

namespace mptunnel {

class CopiesScheduler final : public Scheduler {
 public:
  Decision choose(const PathViews& paths, const DatagramView& datagram, TimePoint now) override;
};

}  // namespace mptunnel
