// Virtual time: what happens next. Events of one instant run in the order in which they were scheduled.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "mptunnel/base/time.h"

namespace mptunnel::sim {

using namespace std::chrono_literals;

/// Where virtual time starts: far enough from zero that nothing looks like "never happened".
inline constexpr TimePoint kStart{1h};

class EventQueue {
 public:
  using Action = std::function<void()>;

  [[nodiscard]] TimePoint now() const { return now_; }
  /// Runs `action` at `when`, or now if that is past.
  void at(TimePoint when, Action action);
  void after(Duration delay, Action action) { at(now_ + delay, std::move(action)); }
  /// Runs everything up to and including `end`, and stops there.
  void run_until(TimePoint end);

 private:
  struct Entry {
    TimePoint when;
    std::uint64_t order;
    Action action;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.when != b.when ? a.when > b.when : a.order > b.order;
    }
  };

  TimePoint now_ = kStart;
  std::uint64_t next_order_ = 0;
  std::vector<Entry> heap_;
};

}  // namespace mptunnel::sim
