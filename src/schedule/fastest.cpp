#include "mptunnel/schedule/fastest.h"

#include <chrono>

namespace mptunnel {
namespace {

/// Another path is taken once it is faster by this and by a fifth: to change takes datagrams out of their
/// order.
constexpr Duration kFasterBy = std::chrono::milliseconds(3);

}  // namespace

Decision FastestScheduler::choose(const PathViews& paths, const DatagramView& /*datagram*/,
                                  TimePoint /*now*/) {
  if (paths.empty()) return {};
  const PathSet among = paths.answering();
  const PathId fastest = paths.fastest(among);
  const Duration least = paths.of(fastest).rtt;
  // Zero before it is measured.
  const auto is_fast_enough = [&](Duration rtt) {
    return rtt != Duration::zero() && rtt <= least * 6 / 5 + kFasterBy;
  };
  const bool stays = last_ && among.contains(*last_) && is_fast_enough(paths.of(*last_).rtt);
  if (!stays) last_ = fastest;
  return {PathSet::of(*last_), {}};
}

}  // namespace mptunnel
