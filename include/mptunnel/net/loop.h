// The event loop and what it watches: deadlines, sockets, signals, calls from other threads. A thin cover
// over libev. What it is not: a place for protocol. It reads no socket. The clock of its deadlines is here
// too.
//
// Rules for all watchers:
// - They belong to the thread that runs the loop, and go before their loop does. Only Wakeup::notify() may be
//   called from elsewhere.
// - They watch from construction on. Destroying one ends it at once, even from inside its own callback.
// - Callbacks must not throw: an exception ends the process. They do a bounded amount of work and return; a
//   socket that still has datagrams is reported again in the next turn, after all others had theirs.
#pragma once

#include <functional>
#include <memory>

#include "mptunnel/base/time.h"

struct ev_async;
struct ev_io;
struct ev_loop;
struct ev_signal;

namespace mptunnel {

/// CLOCK_MONOTONIC, read in this one place. Programs read it once a wake-up and pass it on; the core is given
/// the time as an argument.
TimePoint monotonic_now();

/// Blocks until `fd` has something to read or an error to report; false if that takes longer than until
/// `deadline`. For what goes on without a loop.
bool wait_until_readable(int fd, TimePoint deadline);

using LoopCallback = std::function<void()>;

/// One libev loop. Make it after a fork, not before: its kernel objects would be shared.
class Loop {
 public:
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  /// All watchers must be gone.
  ~Loop();

  /// Calls back until stop() is called or no watcher is left that could fire.
  void run();
  /// Makes run() return after the callbacks of this turn. From the loop's thread only.
  void stop();

  /// For the watchers in this layer.
  [[nodiscard]] struct ev_loop* handle() const { return handle_; }
  void count_watcher(int change) { watchers_ += change; }

 private:
  struct ev_loop* handle_;
  int watchers_ = 0;
};

/// Calls back once when a deadline has passed. Destroying it cancels. It is a Timer, or follows a test's own
/// clock.
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

/// Never calls back before the deadline; the delay is up to a millisecond (epoll's grain). One in the past
/// fires in the next turn. A later deadline than the one set costs next to nothing, so that it may be moved
/// with every batch.
class Timer final : public Alarm {
 public:
  Timer(Loop& loop, LoopCallback callback);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() override;

  void set(TimePoint deadline) override;
  [[nodiscard]] TimePoint deadline() const override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// What watchers of one kind of libev's events have in common.
template <typename Event>
class Watcher {
 public:
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

 protected:
  Watcher(Loop& loop, LoopCallback callback);
  ~Watcher();

  struct Impl;
  std::shared_ptr<Impl> impl_;
};

/// Calls back in each turn in which `fd` has something to read or an error to report (level-triggered). The
/// descriptor stays the caller's, and must stay open for as long as this watches.
class ReadWatcher : public Watcher<ev_io> {
 public:
  ReadWatcher(Loop& loop, int fd, LoopCallback callback);

  /// Stops and starts the reports; nothing is lost in between but what the kernel's buffer can't hold.
  void pause();
  void resume();
};

/// Calls back in each turn in which `fd` takes something to write or has an error to report. A stream socket
/// nearly always does: watch only while there is something to write. Else as ReadWatcher.
class WriteWatcher : public Watcher<ev_io> {
 public:
  WriteWatcher(Loop& loop, int fd, LoopCallback callback);
};

/// Calls back on the loop when the process gets `signal`. One watcher per signal and process.
class SignalWatcher : public Watcher<ev_signal> {
 public:
  SignalWatcher(Loop& loop, int signal, LoopCallback callback);
};

/// Lets another thread have a callback run on the loop. Several notifications before it runs become one call.
class Wakeup : public Watcher<ev_async> {
 public:
  Wakeup(Loop& loop, LoopCallback callback);

  /// From any thread, as long as this object lives.
  void notify();
};

}  // namespace mptunnel
