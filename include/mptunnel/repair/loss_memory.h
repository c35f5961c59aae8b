// What losses were like lately: how many symbols all paths lost, in how many runs. It forgets by halves, so
// that the share is known well while nothing changes; and it forgets at once what was before if the last
// moments show that more is lost now.
#pragma once

#include <cstdint>

#include "mptunnel/base/time.h"

namespace mptunnel {

class LossMemory {
 public:
  /// Counts of symbols since the last call. `lost` of `sent` did not come by any path, in `runs` runs of
  /// neighbours.
  void add(std::uint64_t sent, std::uint64_t lost, std::uint64_t runs, TimePoint now);

  /// Bounds of the share that is lost, by the counts of runs: losses of one run say no more than one does.
  [[nodiscard]] double upper(double deviations) const { return upper_of(long_, deviations); }
  [[nodiscard]] double lower(double deviations) const { return lower_of(long_, deviations); }
  /// Symbols of a run, on average; at least 1.
  [[nodiscard]] double mean_run() const { return mean_run_of(long_); }
  /// Times that what was before was forgotten at once.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }

 private:
  struct Counts {
    double sent = 0;
    double lost = 0;
    double runs = 0;
    void fade(double factor);
    void add(double more_sent, double more_lost, double more_runs);
  };
  static double mean_run_of(const Counts& counts);
  static double upper_of(const Counts& counts, double deviations);
  static double lower_of(const Counts& counts, double deviations);

  Counts long_;
  Counts recent_;
  TimePoint last_;
  std::uint64_t changes_ = 0;
};

}  // namespace mptunnel
