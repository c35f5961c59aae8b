#include "mptunnel/schedule/copies.h"

namespace mptunnel {

Decision CopiesScheduler::choose(const PathViews& paths, const DatagramView& /*datagram*/,
                                 TimePoint /*now*/) {
  return {paths.paths(), {}};
}

std::unique_ptr<Scheduler> make_copies() {
  return std::make_unique<CopiesScheduler>();
}

}  // namespace mptunnel
