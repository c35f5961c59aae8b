// Time as the ports see it: that of the program's loop, or a test's own.
#pragma once

#include <memory>

#include "mptunnel/base/time.h"
#include "mptunnel/net/loop.h"

namespace mptunnel {

/// Calls back once when a deadline has passed. Destroying it cancels.
class Alarm {
 public:
  Alarm() = default;
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;
  virtual ~Alarm() = default;

  /// Replaces the deadline; kNever cancels.
  virtual void set(TimePoint deadline) = 0;
  void cancel() { set(kNever); }
  /// kNever if none is set, or once it has fired.
  [[nodiscard]] virtual TimePoint deadline() const = 0;
};

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  [[nodiscard]] virtual TimePoint now() const = 0;
  /// The alarm must be destroyed before the clock.
  virtual std::unique_ptr<Alarm> make_alarm(LoopCallback callback) = 0;
};

/// CLOCK_MONOTONIC, and alarms that are timers of the loop.
class LoopClock final : public Clock {
 public:
  explicit LoopClock(Loop& loop) : loop_(loop) {}

  [[nodiscard]] TimePoint now() const override;
  std::unique_ptr<Alarm> make_alarm(LoopCallback callback) override;

 private:
  Loop& loop_;
};

}  // namespace mptunnel
