// Each datagram by the path that takes least time now; the others are probed, and the next fastest takes over
// as soon as that one goes, or fails to answer.
#pragma once

#include <optional>

#include "mptunnel/schedule/scheduler.h"

namespace mptunnel {

class FastestScheduler final : public Scheduler {
 public:
  Decision choose(const PathViews& paths, const DatagramView& datagram, TimePoint now) override;

 private:
  std::optional<PathId> last_;
};

}  // namespace mptunnel
