// Keeps the deadline contract of one engine: on_deadline() at deadline(), which is read again after every
// call. And holds the engine to its side of it: it may not keep its program spinning.
#pragma once

#include <functional>
#include <memory>

#include "mptunnel/base/time.h"
#include "sim/event_queue.h"
#include "sim/journal.h"
#include "support/common/prng.h"

namespace mptunnel::sim {

class Alarm {
 public:
  struct Engine {
    std::function<TimePoint()> deadline;
    std::function<void()> on_deadline;
  };

  /// Up to `lateness` later than due, one time in four.
  Alarm(Engine engine, Duration lateness, std::uint64_t seed, EventQueue& events, Journal& journal);

  /// To be called after every call of the engine.
  void rearm();
  /// The program is not scheduled until then.
  void stall_until(TimePoint time) { stalled_until_ = time; }
  [[nodiscard]] TimePoint stalled_until() const { return stalled_until_; }
  /// What else may legitimately cause a deadline each: datagrams offered.
  void allow(std::size_t calls) { fresh_allowance_ += calls; }
  [[nodiscard]] std::uint64_t calls() const { return calls_; }

 private:
  void ring(TimePoint when);
  void count_call();

  Engine engine_;
  Duration lateness_;
  test::Prng random_;
  EventQueue& events_;
  Journal& journal_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  ///< pending events outlive the program
  TimePoint set_for_ = kNever;
  TimePoint stalled_until_{};
  TimePoint second_{};
  std::size_t in_second_ = 0;
  std::size_t allowance_ = 0;        ///< of the second before
  std::size_t fresh_allowance_ = 0;  ///< of this one
  std::uint64_t calls_ = 0;
};

}  // namespace mptunnel::sim
