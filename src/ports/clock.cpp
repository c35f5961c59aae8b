#include "mptunnel/ports/clock.h"

#include <utility>

#include "mptunnel/net/loop.h"

namespace mptunnel {
namespace {

class LoopAlarm final : public Alarm {
 public:
  LoopAlarm(Loop& loop, LoopCallback callback) : timer_(loop, std::move(callback)) {}

  void set(TimePoint deadline) override { timer_.set(deadline); }
  [[nodiscard]] TimePoint deadline() const override { return timer_.deadline(); }

 private:
  Timer timer_;
};

}  // namespace

TimePoint LoopClock::now() const {
  return monotonic_now();
}

std::unique_ptr<Alarm> LoopClock::make_alarm(LoopCallback callback) {
  return std::make_unique<LoopAlarm>(loop_, std::move(callback));
}

}  // namespace mptunnel
