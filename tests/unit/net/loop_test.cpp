#include "mptunnel/net/loop.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <optional>
#include <thread>

#include "net_support.h"

namespace mptunnel {
namespace {

using std::chrono::milliseconds;
using test::PatientLoop;

// A pipe with one byte in it: it stays readable for as long as nobody reads.
class FullPipe {
 public:
  FullPipe() {
    EXPECT_EQ(pipe(ends_), 0);
    EXPECT_EQ(write(ends_[1], "x", 1), 1);
  }
  FullPipe(const FullPipe&) = delete;
  FullPipe& operator=(const FullPipe&) = delete;
  ~FullPipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  [[nodiscard]] int fd() const { return ends_[0]; }

 private:
  int ends_[2] = {-1, -1};
};

TEST(MonotonicNow, NeverRunsBackwards) {
  TimePoint last = monotonic_now();
  for (int i = 0; i < 1000; ++i) {
    const TimePoint now = monotonic_now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(Timer, FiresInOrderOfDeadlines) {
  PatientLoop loop;
  std::string order;
  const TimePoint start = monotonic_now();
  Timer third(loop, [&] {
    order += 'c';
    loop.stop();
  });
  Timer first(loop, [&] { order += 'a'; });
  Timer second(loop, [&] { order += 'b'; });
  third.set(start + milliseconds(30));
  first.set(start + milliseconds(5));
  second.set(start + milliseconds(15));
  loop.run();
  EXPECT_EQ(order, "abc");
}

TEST(Timer, NeverFiresBeforeItsDeadline) {
  PatientLoop loop;
  const TimePoint deadline = monotonic_now() + milliseconds(12);
  TimePoint fired{};
  Timer timer(loop, [&] {
    fired = monotonic_now();
    loop.stop();
  });
  timer.set(deadline);
  loop.run();
  EXPECT_GE(fired, deadline);
  EXPECT_EQ(timer.deadline(), kNever);
}

TEST(Timer, DelayInACallbackDoesNotMakeItEarly) {
  PatientLoop loop;
  TimePoint deadline{};
  TimePoint fired{};
  Timer timer(loop, [&] {
    fired = monotonic_now();
    loop.stop();
  });
  Timer busy(loop, [&] {
    // libev's own clock stands still meanwhile.
    for (const TimePoint end = monotonic_now() + milliseconds(20); monotonic_now() < end;) continue;
    deadline = monotonic_now() + milliseconds(10);
    timer.set(deadline);
  });
  busy.set(monotonic_now());
  loop.run();
  EXPECT_GE(fired, deadline);
}

TEST(Timer, PastDeadlineFiresInTheNextTurn) {
  PatientLoop loop;
  int fired = 0;
  std::optional<Timer> timer;
  timer.emplace(loop, [&] {
    if (++fired == 3) {
      loop.stop();
    } else {
      timer->set(monotonic_now() - std::chrono::hours(1));
    }
  });
  timer->set(TimePoint{});
  loop.run();
  EXPECT_EQ(fired, 3);
}

TEST(Timer, CancelledOneStaysSilent) {
  PatientLoop loop;
  bool fired = false;
  Timer cancelled(loop, [&] { fired = true; });
  Timer end(loop, [&] { loop.stop(); });
  cancelled.set(monotonic_now() + milliseconds(1));
  cancelled.cancel();
  EXPECT_EQ(cancelled.deadline(), kNever);
  end.set(monotonic_now() + milliseconds(10));
  loop.run();
  EXPECT_FALSE(fired);
}

TEST(Timer, DeadlineMovesLaterAndEarlier) {
  PatientLoop loop;
  std::string order;
  const TimePoint start = monotonic_now();
  Timer later(loop, [&] {
    order += 'l';
    loop.stop();
  });
  Timer middle(loop, [&] { order += 'm'; });
  Timer earlier(loop, [&] { order += 'e'; });
  later.set(start + milliseconds(1));
  later.set(start + milliseconds(30));
  middle.set(start + milliseconds(15));
  earlier.set(start + std::chrono::hours(1000));
  earlier.set(start + milliseconds(5));
  loop.run();
  EXPECT_EQ(order, "eml");
  EXPECT_GE(monotonic_now(), start + milliseconds(30));
}

TEST(Timer, MayDestroyItselfInItsCallback) {
  PatientLoop loop;
  std::optional<Timer> timer;
  const auto alive = std::make_shared<int>(1);
  timer.emplace(loop, [&timer, &loop, alive] {
    timer.reset();
    EXPECT_EQ(*alive, 1);
    loop.stop();
  });
  timer->set(monotonic_now());
  loop.run();
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(ReadWatcher, UnreadDescriptorIsReportedAgainWithoutStarvingOthers) {
  PatientLoop loop;
  const FullPipe greedy_pipe;
  const FullPipe modest_pipe;
  int greedy = 0;
  int modest = 0;
  const auto done = [&] {
    if (greedy >= 100 && modest >= 100) loop.stop();
  };
  ReadWatcher first(loop, greedy_pipe.fd(), [&] {
    ++greedy;
    done();
  });
  ReadWatcher second(loop, modest_pipe.fd(), [&] {
    ++modest;
    done();
  });
  loop.run();
  EXPECT_LE(std::abs(greedy - modest), 1);
}

TEST(ReadWatcher, PausedOneStaysSilentUntilResumed) {
  PatientLoop loop;
  const FullPipe pipe;
  bool resumed = false;
  ReadWatcher watcher(loop, pipe.fd(), [&] {
    EXPECT_TRUE(resumed);
    loop.stop();
  });
  watcher.pause();
  Timer later(loop, [&] {
    resumed = true;
    watcher.resume();
  });
  later.set(monotonic_now() + milliseconds(5));
  loop.run();
  EXPECT_TRUE(resumed);
}

TEST(WriteWatcher, ReportsWhileThereIsRoom) {
  PatientLoop loop;
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  const std::string piece(4096, 'x');
  std::size_t written = 0;
  int reports_when_full = 0;
  bool is_full = false;
  WriteWatcher watcher(loop, ends[1], [&] {
    if (is_full) ++reports_when_full;
    ssize_t count = 0;
    while ((count = write(ends[1], piece.data(), piece.size())) > 0)
      written += static_cast<std::size_t>(count);
    is_full = true;
  });
  std::size_t read_back = 0;
  Timer drain(loop, [&] {
    EXPECT_GT(written, 0U);
    EXPECT_EQ(reports_when_full, 0);
    std::string sink(written, ' ');
    read_back = static_cast<std::size_t>(read(ends[0], sink.data(), sink.size()));
  });
  drain.set(monotonic_now() + milliseconds(20));
  Timer end(loop, [&] { loop.stop(); });
  end.set(monotonic_now() + milliseconds(60));
  loop.run();
  EXPECT_GE(reports_when_full, 1);
  EXPECT_EQ(written, 2 * read_back);
  close(ends[0]);
  close(ends[1]);
}

TEST(WriteWatcher, MayDestroyItselfInItsCallback) {
  PatientLoop loop;
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  int calls = 0;
  std::optional<WriteWatcher> watcher;
  watcher.emplace(loop, ends[1], [&] {
    ++calls;
    watcher.reset();
  });
  Timer end(loop, [&] { loop.stop(); });
  end.set(monotonic_now() + milliseconds(20));
  loop.run();
  EXPECT_EQ(calls, 1);
  close(ends[0]);
  close(ends[1]);
}

TEST(ReadWatcher, MayDestroyItselfAndOthersInItsCallback) {
  PatientLoop loop;
  const FullPipe pipe;
  std::optional<ReadWatcher> one;
  std::optional<ReadWatcher> other;
  int calls = 0;
  const auto both_go = [&] {
    ++calls;
    one.reset();
    other.reset();
  };
  one.emplace(loop, pipe.fd(), both_go);
  other.emplace(loop, pipe.fd(), both_go);
  Timer end(loop, [&] { loop.stop(); });
  end.set(monotonic_now() + milliseconds(10));
  loop.run();
  EXPECT_EQ(calls, 1);
}

TEST(SignalWatcher, CallsBackOnTheLoop) {
  PatientLoop loop;
  int usr1 = 0;
  int usr2 = 0;
  SignalWatcher first(loop, SIGUSR1, [&] {
    ++usr1;
    raise(SIGUSR2);
  });
  SignalWatcher second(loop, SIGUSR2, [&] {
    ++usr2;
    loop.stop();
  });
  raise(SIGUSR1);
  EXPECT_EQ(usr1, 0);
  loop.run();
  EXPECT_EQ(usr1, 1);
  EXPECT_EQ(usr2, 1);
}

TEST(Wakeup, BringsACallFromAnotherThreadOntoTheLoop) {
  PatientLoop loop;
  const auto loop_thread = std::this_thread::get_id();
  std::thread::id called_on;
  int calls = 0;
  Wakeup wakeup(loop, [&] {
    ++calls;
    called_on = std::this_thread::get_id();
    loop.stop();
  });
  std::thread other([&] {
    for (int i = 0; i < 100; ++i) wakeup.notify();
  });
  loop.run();
  other.join();
  EXPECT_GE(calls, 1);
  EXPECT_EQ(called_on, loop_thread);
}

TEST(Wakeup, NotificationsBeforeTheTurnAreOneCall) {
  PatientLoop loop;
  int calls = 0;
  Wakeup wakeup(loop, [&] { ++calls; });
  for (int i = 0; i < 10; ++i) wakeup.notify();
  Timer end(loop, [&] { loop.stop(); });
  end.set(monotonic_now() + milliseconds(5));
  loop.run();
  EXPECT_EQ(calls, 1);
}

TEST(Loop, RunReturnsWhenNothingIsLeftToWatch) {
  Loop loop;
  int fired = 0;
  Timer timer(loop, [&] { ++fired; });
  timer.set(monotonic_now());
  loop.run();
  EXPECT_EQ(fired, 1);
}

TEST(LoopDeathTest, WatcherThatOutlivesItsLoopIsABug) {
  EXPECT_DEATH(
      {
        std::optional<Loop> loop(std::in_place);
        Timer timer(*loop, [] {});
        loop.reset();
      },
      "watchers_ == 0");
}

}  // namespace
}  // namespace mptunnel
