// Whether so many datagrams need fragments that the user should hear of it: each costs a packet more, and is
// lost with any of its parts.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "mptunnel/base/time.h"

namespace mptunnel {

class FragmentWatch {
 public:
  /// One datagram was sent; `fragmented`: some path in use could only carry it in fragments.
  void count(bool fragmented) {
    ++datagrams_;
    if (fragmented) ++fragmented_;
  }
  /// Datagrams that were fragmented so far.
  [[nodiscard]] std::uint64_t fragmented() const { return fragmented_; }
  /// Their share of the last window.
  [[nodiscard]] double recent_share() const { return recent_share_; }
  /// To be called about once a second. Returns the share of fragmented datagrams if it was kShare or more in
  /// two windows of kWindow in a row, at most once in kQuiet; else nullopt.
  std::optional<double> check(TimePoint now) {
    if (window_ && now - *window_ < kWindow) return std::nullopt;
    const std::uint64_t datagrams = datagrams_ - std::exchange(datagrams_then_, datagrams_);
    const std::uint64_t fragmented = fragmented_ - std::exchange(fragmented_then_, fragmented_);
    recent_share_ = datagrams == 0 ? 0 : static_cast<double>(fragmented) / static_cast<double>(datagrams);
    const bool is_steady = window_ && datagrams >= kLeast && recent_share_ >= kShare;
    window_ = now;
    const bool tell =
        std::exchange(was_steady_, is_steady) && is_steady && (!said_ || now - *said_ >= kQuiet);
    if (!tell) return std::nullopt;
    said_ = now;
    return recent_share_;
  }

  static constexpr Duration kWindow = std::chrono::seconds(5);
  static constexpr Duration kQuiet = std::chrono::hours(1);
  static constexpr double kShare = 0.1;
  /// Fewer datagrams in a window say nothing.
  static constexpr std::uint64_t kLeast = 20;

 private:
  std::uint64_t datagrams_ = 0;
  std::uint64_t fragmented_ = 0;
  std::uint64_t datagrams_then_ = 0;
  std::uint64_t fragmented_then_ = 0;
  std::optional<TimePoint> window_;
  double recent_share_ = 0;
  bool was_steady_ = false;
  std::optional<TimePoint> said_;
};

}  // namespace mptunnel
