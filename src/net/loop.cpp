#include "mptunnel/net/loop.h"

#include <ev.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "mptunnel/base/assert.h"
#include "mptunnel/net/clock.h"

namespace mptunnel {
namespace {

// A deadline further off is approached in steps, so that none is too large for libev's arithmetic.
constexpr Duration kLongestDelay = std::chrono::hours(1);

}  // namespace

Loop::Loop() : handle_(ev_loop_new(EVFLAG_AUTO)) {
  MPT_ASSERT(handle_ != nullptr);
}

Loop::~Loop() {
  MPT_ASSERT(watchers_ == 0);
  ev_loop_destroy(handle_);
}

void Loop::run() {
  ev_run(handle_, 0);
}

void Loop::stop() {
  ev_break(handle_, EVBREAK_ONE);
}

// Each watcher's Impl is held by its owner, and by its own callback while that runs: the callback may destroy
// the owner. It never touches the loop after that.

struct Timer::Impl : std::enable_shared_from_this<Timer::Impl> {
  Impl(Loop& its_loop, LoopCallback its_callback) : loop(its_loop), callback(std::move(its_callback)) {
    ev_init(&watcher, fired);
    watcher.data = this;
  }

  // NOLINTNEXTLINE(bugprone-exception-escape): that ends the process, as the header says
  static void fired(struct ev_loop* /*loop*/, ev_timer* watcher, int /*events*/) noexcept {
    const auto self = static_cast<Impl*>(watcher->data)->shared_from_this();
    self->armed = kNever;
    // Early if the deadline was postponed, or because libev counts from the start of the turn that armed it.
    if (monotonic_now() < self->deadline) {
      self->arm();
      return;
    }
    self->deadline = kNever;
    self->callback();
  }

  void arm() {
    const TimePoint now = monotonic_now();
    const Duration delay = deadline <= now ? Duration::zero() : std::min(deadline - now, kLongestDelay);
    ev_timer_stop(loop.handle(), &watcher);
    ev_timer_set(&watcher, std::chrono::duration<double>(delay).count(), 0.);
    ev_timer_start(loop.handle(), &watcher);
    armed = deadline;
  }

  void stop() {
    ev_timer_stop(loop.handle(), &watcher);
    armed = kNever;
  }

  Loop& loop;
  LoopCallback callback;
  ev_timer watcher{};
  TimePoint deadline = kNever;
  TimePoint armed = kNever;  // not later than deadline while the watcher is active
};

Timer::Timer(Loop& loop, LoopCallback callback) : impl_(std::make_shared<Impl>(loop, std::move(callback))) {
  loop.count_watcher(1);
}

Timer::~Timer() {
  impl_->stop();
  impl_->loop.count_watcher(-1);
}

void Timer::set(TimePoint deadline) {
  impl_->deadline = deadline;
  if (deadline == kNever) {
    impl_->stop();
  } else if (deadline < impl_->armed) {
    impl_->arm();
  }
}

TimePoint Timer::deadline() const {
  return impl_->deadline;
}

namespace {

// What the plain watchers share: an event calls back, nothing else.
template <typename EventWatcher>
struct PlainImpl : std::enable_shared_from_this<PlainImpl<EventWatcher>> {
  PlainImpl(Loop& its_loop, LoopCallback its_callback) : loop(its_loop), callback(std::move(its_callback)) {
    ev_init(&watcher, fired);
    watcher.data = this;
  }

  // NOLINTNEXTLINE(bugprone-exception-escape): that ends the process, as the header says
  static void fired(struct ev_loop* /*loop*/, EventWatcher* watcher, int /*events*/) noexcept {
    const auto self = static_cast<PlainImpl*>(watcher->data)->shared_from_this();
    self->callback();
  }

  Loop& loop;
  LoopCallback callback;
  EventWatcher watcher{};
};

}  // namespace

struct ReadWatcher::Impl : PlainImpl<ev_io> {
  using PlainImpl::PlainImpl;
};

ReadWatcher::ReadWatcher(Loop& loop, int fd, LoopCallback callback)
    : impl_(std::make_shared<Impl>(loop, std::move(callback))) {
  loop.count_watcher(1);
  ev_io_set(&impl_->watcher, fd, EV_READ);
  resume();
}

ReadWatcher::~ReadWatcher() {
  pause();
  impl_->loop.count_watcher(-1);
}

void ReadWatcher::pause() {
  ev_io_stop(impl_->loop.handle(), &impl_->watcher);
}

void ReadWatcher::resume() {
  ev_io_start(impl_->loop.handle(), &impl_->watcher);
}

struct WriteWatcher::Impl : PlainImpl<ev_io> {
  using PlainImpl::PlainImpl;
};

WriteWatcher::WriteWatcher(Loop& loop, int fd, LoopCallback callback)
    : impl_(std::make_shared<Impl>(loop, std::move(callback))) {
  loop.count_watcher(1);
  ev_io_set(&impl_->watcher, fd, EV_WRITE);
  ev_io_start(loop.handle(), &impl_->watcher);
}

WriteWatcher::~WriteWatcher() {
  ev_io_stop(impl_->loop.handle(), &impl_->watcher);
  impl_->loop.count_watcher(-1);
}

struct SignalWatcher::Impl : PlainImpl<ev_signal> {
  using PlainImpl::PlainImpl;
};

SignalWatcher::SignalWatcher(Loop& loop, int signal, LoopCallback callback)
    : impl_(std::make_shared<Impl>(loop, std::move(callback))) {
  loop.count_watcher(1);
  ev_signal_set(&impl_->watcher, signal);
  ev_signal_start(loop.handle(), &impl_->watcher);
}

SignalWatcher::~SignalWatcher() {
  ev_signal_stop(impl_->loop.handle(), &impl_->watcher);
  impl_->loop.count_watcher(-1);
}

struct Wakeup::Impl : PlainImpl<ev_async> {
  using PlainImpl::PlainImpl;
};

Wakeup::Wakeup(Loop& loop, LoopCallback callback) : impl_(std::make_shared<Impl>(loop, std::move(callback))) {
  loop.count_watcher(1);
  ev_async_start(loop.handle(), &impl_->watcher);
}

Wakeup::~Wakeup() {
  ev_async_stop(impl_->loop.handle(), &impl_->watcher);
  impl_->loop.count_watcher(-1);
}

void Wakeup::notify() {
  ev_async_send(impl_->loop.handle(), &impl_->watcher);
}

}  // namespace mptunnel
