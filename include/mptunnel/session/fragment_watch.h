// Whether so many datagrams need fragments that the user should hear of it: each costs a packet more, and is
// lost with any of its parts.
#pragma once

#include <cstdint>
#include <optional>

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
  std::optional<double> check(TimePoint now);

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
