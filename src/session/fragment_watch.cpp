#include "mptunnel/session/fragment_watch.h"

namespace mptunnel {

std::optional<double> FragmentWatch::check(TimePoint now) {
  if (window_ && now - *window_ < kWindow) return std::nullopt;
  const std::uint64_t datagrams = datagrams_ - datagrams_then_;
  const std::uint64_t fragmented = fragmented_ - fragmented_then_;
  const double share = datagrams == 0 ? 0 : static_cast<double>(fragmented) / static_cast<double>(datagrams);
  const bool is_steady = window_ && datagrams >= kLeast && share >= kShare;
  window_ = now;
  recent_share_ = share;
  datagrams_then_ = datagrams_;
  fragmented_then_ = fragmented_;
  const bool tell = is_steady && was_steady_ && (!said_ || now - *said_ >= kQuiet);
  was_steady_ = is_steady;
  if (!tell) return std::nullopt;
  said_ = now;
  return share;
}

}  // namespace mptunnel
