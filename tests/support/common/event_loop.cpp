#include "support/common/event_loop.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

namespace mptunnel::test {
namespace {

/// The id of the timer; the descriptors' begin at 1.
constexpr std::uint64_t kTimerId = 0;

}  // namespace

TimePoint monotonic_now() {
  timespec value{};
  clock_gettime(CLOCK_MONOTONIC, &value);
  return TimePoint(std::chrono::seconds(value.tv_sec) + std::chrono::nanoseconds(value.tv_nsec));
}

Duration from_seconds(double seconds) {
  constexpr double kForEver = 4e9;
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::min(seconds, kForEver)));
}

tl::expected<std::unique_ptr<EventLoop>, std::string> EventLoop::create() {
  Fd poll(epoll_create1(EPOLL_CLOEXEC));
  if (!poll.is_open()) return tl::unexpected(system_error("epoll_create1", errno));
  Fd timer(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!timer.is_open()) return tl::unexpected(system_error("timerfd_create", errno));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kTimerId;
  if (epoll_ctl(poll.get(), EPOLL_CTL_ADD, timer.get(), &event) != 0) {
    return tl::unexpected(system_error("epoll_ctl", errno));
  }
  std::unique_ptr<EventLoop> loop(new EventLoop(std::move(poll), std::move(timer)));
  sigemptyset(&loop->signal_set_);
  return loop;
}

void EventLoop::watch(int fd, Action action) {
  const std::uint64_t id = next_id_++;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = id;
  if (epoll_ctl(poll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) return;
  ids_[fd] = id;
  actions_[id] = std::make_shared<Action>(std::move(action));
}

void EventLoop::forget(int fd) {
  const auto found = ids_.find(fd);
  if (found == ids_.end()) return;
  epoll_ctl(poll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  actions_.erase(found->second);
  ids_.erase(found);
}

void EventLoop::on_signal(int signal, Action action) {
  sigaddset(&signal_set_, signal);
  sigprocmask(SIG_BLOCK, &signal_set_, nullptr);
  signal_actions_[signal] = std::move(action);
  const bool first = !signals_.is_open();
  const int fd = signalfd(signals_.get(), &signal_set_, SFD_NONBLOCK | SFD_CLOEXEC);
  if (!first || fd < 0) return;
  signals_ = Fd(fd);
  watch(fd, [this](TimePoint now) { take_signals(now); });
}

void EventLoop::take_signals(TimePoint now) {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const auto found = signal_actions_.find(static_cast<int>(info.ssi_signo));
    if (found != signal_actions_.end()) found->second(now);
  }
}

void EventLoop::arm(TimePoint deadline, TimePoint now) {
  if (deadline == armed_ || deadline <= now) return;
  armed_ = deadline;
  itimerspec when{};
  if (deadline != kNever) {
    const auto since = deadline.time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since);
    when.it_value.tv_sec = seconds.count();
    when.it_value.tv_nsec = (since - seconds).count();
  }
  timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr);
}

void EventLoop::dispatch(TimePoint deadline, TimePoint now) {
  std::array<epoll_event, 64> events{};
  const int timeout = deadline <= now ? 0 : -1;
  const int count = epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  if (count <= 0) return;
  const TimePoint woken = monotonic_now();
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    const std::uint64_t id = events[i].data.u64;
    if (id == kTimerId) {
      std::uint64_t expirations = 0;
      if (read(timer_.get(), &expirations, sizeof expirations) > 0) armed_ = kNever;
      continue;
    }
    const auto found = actions_.find(id);
    if (found == actions_.end()) continue;
    const std::shared_ptr<Action> action = found->second;
    (*action)(woken);
  }
}

void EventLoop::run(const std::function<TimePoint()>& next_deadline, const Action& on_time) {
  stopped_ = false;
  while (!stopped_) {
    const TimePoint deadline = next_deadline();
    const TimePoint now = monotonic_now();
    arm(deadline, now);
    dispatch(deadline, now);
    if (!stopped_) on_time(monotonic_now());
  }
}

}  // namespace mptunnel::test
