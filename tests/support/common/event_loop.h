// One thread's loop over descriptors, signals and one deadline (epoll, signalfd, timerfd), precise to some
// microseconds. It knows nothing of datagrams, and it sleeps when nothing happens.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <unordered_map>

#include "mptunnel/base/time.h"
#include "support/common/sockets.h"

namespace mptunnel::test {

/// CLOCK_MONOTONIC.
TimePoint monotonic_now();

/// `seconds` as a span; beyond some hundred years it is as good as for ever.
Duration from_seconds(double seconds);

class EventLoop {
 public:
  using Action = std::function<void(TimePoint now)>;

  /// Fails if the system lacks descriptors.
  static tl::expected<std::unique_ptr<EventLoop>, std::string> create();

  /// Calls `action` whenever `fd` is readable or has an error. The descriptor stays the caller's.
  void watch(int fd, Action action);
  /// To be called before the descriptor is closed; also from within its own action.
  void forget(int fd);
  /// Takes the signal away from its default action.
  void on_signal(int signal, Action action);

  /// Runs until stop(): descriptors first, then `on_time`, after every wake-up. `next_deadline` says when it
  /// must run again at the latest; kNever is allowed.
  void run(const std::function<TimePoint()>& next_deadline, const Action& on_time);
  void stop() { stopped_ = true; }

 private:
  EventLoop(Fd poll, Fd timer) : poll_(std::move(poll)), timer_(std::move(timer)) {}
  void arm(TimePoint deadline, TimePoint now);
  void dispatch(TimePoint deadline, TimePoint now);
  void take_signals(TimePoint now);

  Fd poll_;
  Fd timer_;
  Fd signals_;
  sigset_t signal_set_{};
  TimePoint armed_ = kNever;
  bool stopped_ = false;
  std::uint64_t next_id_ = 1;
  std::unordered_map<int, std::uint64_t> ids_;
  /// By id, not by descriptor: an event of a closed descriptor must not reach the one that took its number.
  std::unordered_map<std::uint64_t, std::shared_ptr<Action>> actions_;
  std::unordered_map<int, Action> signal_actions_;
};

}  // namespace mptunnel::test
