// What losses were like lately: how many symbols all paths lost, in how many runs. It forgets by halves, so
// that the share is known well while nothing changes; and it forgets at once what was before if the last
// moments show that more is lost now. A rise that is over, as when a queue on the way was full for a moment,
// is forgotten as fast as it came, and what was known before it counts again.
#pragma once

#include <cstdint>
#include <optional>

#include "mptunnel/base/time.h"

namespace mptunnel {

class LossMemory {
 public:
  /// Counts of symbols since the last call. `lost` of `sent` did not come by any path, in `runs` runs of
  /// neighbours.
  void add(std::uint64_t sent, std::uint64_t lost, std::uint64_t runs, TimePoint now);

  /// Nothing is known of the time since the last call: it does not fade what is.
  void skip(TimePoint now) { last_ = now; }

  /// Bounds of the share that is lost, by the counts of runs: losses of one run say no more than one does.
  [[nodiscard]] double upper(double deviations) const { return upper_of(long_, deviations); }
  [[nodiscard]] double lower(double deviations) const { return lower_of(long_, deviations); }
  /// Symbols of a run, on average; at least 1.
  [[nodiscard]] double mean_run() const { return mean_run_of(long_); }
  /// Times that what was before was forgotten at once.
  [[nodiscard]] std::uint64_t changes() const { return changes_; }
  /// Times that a rise was forgotten, because it was over.
  [[nodiscard]] std::uint64_t recoveries() const { return recoveries_; }

 private:
  struct Counts {
    double sent = 0;
    double lost = 0;
    double runs = 0;
    void fade(double factor);
    void add(const Counts& more);
    [[nodiscard]] Counts without(const Counts& part) const;
  };
  /// More is lost than before.
  struct Rise {
    Counts before;  ///< what was known, without the losses that showed the rise
    Counts during;
    Counts since;  ///< what was counted since no more was lost than before
    TimePoint began;
    TimePoint ended;  ///< when `since` began
  };
  static double mean_run_of(const Counts& counts);
  static double upper_of(const Counts& counts, double deviations);
  static double lower_of(const Counts& counts, double deviations);

  void rise(TimePoint now);
  void follow_rise(const Counts& news, Duration span, TimePoint now);

  Counts long_;
  Counts recent_;
  std::optional<Rise> rise_;
  Duration patience_{};    ///< so long a rise must be over to be forgotten
  TimePoint recovered_{};  ///< when the last one was
  TimePoint last_;
  std::uint64_t recoveries_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace mptunnel
