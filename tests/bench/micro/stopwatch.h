// Processor time of the part of an iteration that counts, for benchmarks with UseManualTime(): what is
// prepared between the parts is left out. The clock is a system call, 400 ns on the machine that
// this was written on (2026-11): a part is to be many items.
#pragma once

#include <benchmark/benchmark.h>

#include <ctime>

namespace mptunnel::bench {

class Stopwatch {
 public:
  void start() { started_ = now(); }
  /// Ends the iteration as well.
  void stop(benchmark::State& state) { state.SetIterationTime(now() - started_); }

 private:
  /// Seconds. Not the time of day: others may have the processor in between.
  static double now() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
  }

  double started_ = 0;
};

}  // namespace mptunnel::bench
