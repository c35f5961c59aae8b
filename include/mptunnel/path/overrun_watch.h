// Whether packets are lost in one of the two machines because it can't keep up: at their sockets, not on a
// path. To repair such losses would be more work for whoever has too much. What it is not: a measure for the
// user; the sockets count what they lose.
#pragma once

#include <cstdint>

#include "mptunnel/base/time.h"
#include "mptunnel/wire/path_limits.h"

namespace mptunnel {

class OverrunWatch {
 public:
  /// So many packets passed the sockets, or batches of them: as what is lost is counted. (The kernel takes
  /// what it joined for one.)
  void on_passed(std::uint64_t packets, TimePoint now) {
    roll(now);
    passed_ += packets;
  }
  /// So many were lost there.
  void on_lost(std::uint64_t packets, TimePoint now) {
    roll(now);
    lost_ += packets;
    if (packets > 0 && lost_ >= kOverrunLost && lost_ * kOverrunOf >= passed_) until_ = now + kOverrunHold;
  }
  /// So many were lost lately that what the peer misses may be these.
  [[nodiscard]] bool is_on(TimePoint now) const { return now < until_; }

 private:
  void roll(TimePoint now) {
    if (now - since_ < kOverrunWindow) return;
    since_ = now;
    passed_ = lost_ = 0;
  }

  TimePoint since_{};
  TimePoint until_{};
  std::uint64_t passed_ = 0;  ///< since then
  std::uint64_t lost_ = 0;
};

}  // namespace mptunnel
