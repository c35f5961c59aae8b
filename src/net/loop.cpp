#include "mptunnel/net/loop.h"

#include <ev.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <type_traits>
#include <utility>

#include "mptunnel/base/assert.h"

namespace mptunnel {
namespace {

// A deadline further off is approached in steps, so that none is too large for libev's arithmetic.
constexpr Duration kLongestDelay = std::chrono::hours(1);

}  // namespace

TimePoint monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return TimePoint(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

bool wait_until_readable(int fd, TimePoint deadline) {
  while (true) {
    const TimePoint now = monotonic_now();
    if (now >= deadline) return false;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count();
    pollfd entry{fd, POLLIN, 0};
    const int count = poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (count > 0) return true;
    if (count < 0 && errno != EINTR) return false;
  }
}

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

template <typename Event>
struct Watcher<Event>::Impl : std::enable_shared_from_this<typename Watcher<Event>::Impl> {
  Impl(Loop& its_loop, LoopCallback its_callback) : loop(its_loop), callback(std::move(its_callback)) {
    ev_init(&event, fired);
    event.data = this;
  }

  // NOLINTNEXTLINE(bugprone-exception-escape): that ends the process, as the header says
  static void fired(struct ev_loop* /*loop*/, Event* event, int /*events*/) noexcept {
    const auto self = static_cast<Impl*>(event->data)->shared_from_this();
    self->callback();
  }

  Loop& loop;
  LoopCallback callback;
  Event event{};
};

template <typename Event>
Watcher<Event>::Watcher(Loop& loop, LoopCallback callback)
    : impl_(std::make_shared<Impl>(loop, std::move(callback))) {
  loop.count_watcher(1);
}

template <typename Event>
Watcher<Event>::~Watcher() {
  if constexpr (std::is_same_v<Event, ev_io>) ev_io_stop(impl_->loop.handle(), &impl_->event);
  if constexpr (std::is_same_v<Event, ev_signal>) ev_signal_stop(impl_->loop.handle(), &impl_->event);
  if constexpr (std::is_same_v<Event, ev_async>) ev_async_stop(impl_->loop.handle(), &impl_->event);
  impl_->loop.count_watcher(-1);
}

template class Watcher<ev_io>;
template class Watcher<ev_signal>;
template class Watcher<ev_async>;

ReadWatcher::ReadWatcher(Loop& loop, int fd, LoopCallback callback) : Watcher(loop, std::move(callback)) {
  ev_io_set(&impl_->event, fd, EV_READ);
  resume();
}

void ReadWatcher::pause() {
  ev_io_stop(impl_->loop.handle(), &impl_->event);
}

void ReadWatcher::resume() {
  ev_io_start(impl_->loop.handle(), &impl_->event);
}

WriteWatcher::WriteWatcher(Loop& loop, int fd, LoopCallback callback) : Watcher(loop, std::move(callback)) {
  ev_io_set(&impl_->event, fd, EV_WRITE);
  ev_io_start(loop.handle(), &impl_->event);
}

SignalWatcher::SignalWatcher(Loop& loop, int signal, LoopCallback callback)
    : Watcher(loop, std::move(callback)) {
  ev_signal_set(&impl_->event, signal);
  ev_signal_start(loop.handle(), &impl_->event);
}

Wakeup::Wakeup(Loop& loop, LoopCallback callback) : Watcher(loop, std::move(callback)) {
  ev_async_start(loop.handle(), &impl_->event);
}

void Wakeup::notify() {
  ev_async_send(impl_->loop.handle(), &impl_->event);
}

}  // namespace mptunnel
