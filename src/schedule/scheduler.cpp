#include "mptunnel/schedule/scheduler.h"

#include "mptunnel/schedule/copies.h"
#include "mptunnel/schedule/fastest.h"

namespace mptunnel {

MakeScheduler maker_of(SchedulerMode mode) {
  if (mode == SchedulerMode::fastest) return [] { return std::make_unique<FastestScheduler>(); };
  return [] { return std::make_unique<CopiesScheduler>(); };
}

}  // namespace mptunnel
