#include "mptunnel/control/status.h"

namespace mptunnel {

const char* name_of(SessionState state) {
  switch (state) {
    case SessionState::connecting:
      return "connecting";
    case SessionState::established:
      return "established";
    case SessionState::dormant:
      return "dormant";
  }
  return "unknown";
}

DropCounters sum_of(const DropCounters& one, const DropCounters& other) {
  DropCounters sum = one;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    sum.add(reason, other[reason]);
  }
  return sum;
}

}  // namespace mptunnel
