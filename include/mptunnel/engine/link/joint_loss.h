// What is lost by all paths of a session together, and by each, as the peer reports it: what RepairControl is
// told. What it is not: the measure for the status; that is StreamHistory and PathHistory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/path/overrun_watch.h"
#include "mptunnel/path/path_traffic.h"
#include "mptunnel/repair/repair_control.h"
#include "mptunnel/wire/repair_frame.h"

namespace mptunnel {

/// Of the DATA packets under one key, and of what became of them.
struct DataCounts {
  std::uint32_t of = 0;    ///< sealed when the report that this echoes left
  std::uint32_t lost = 0;  ///< of these, what no copy had brought
  std::uint32_t runs = 0;  ///< of neighbours among them, as far as is known
};

/// The paths that a report is about.
struct ReportedPaths {
  PathSet carrying;          ///< they carry data
  PathSet queued;            ///< packets wait on them: what they lose now says nothing of what they lose else
  const PathTable& traffic;  ///< what is counted of them
};

class JointLoss {
 public:
  /// So much is taken to be lost where each goes by one path, until enough is counted.
  static constexpr double kUnknownLoss = 0.02;

  /// Each datagram goes by one path from now on, and not by all.
  void expect_by_one() { is_by_one_ = true; }
  /// The keys changed: counts begin anew. What is known of the paths stays.
  void restart();
  /// A report came, by any path. A packet that it misses may still be on its way, by this path or a slower
  /// one: so of the last reports the one that misses least counts. Returns what is news: `sent` is 0 if
  /// nothing is, or if packets wait on all paths (on one, where each goes by one), or are lost at the sockets
  /// of one end: to repair what a full queue loses would fill it more.
  LossReport on_report(const DataCounts& counts, const ReportedPaths& paths, TimePoint now);
  /// The share of packets that this path lost lately; 0 if it is not known.
  [[nodiscard]] double of(PathId path) const { return paths_[path.value].loss(); }

 private:
  static constexpr std::size_t kReports = 8;

  /// Counts that fade.
  struct Fading {
    Arrivals last;
    double sent = 0;
    double lost = 0;
    TimePoint time{};
    void follow(const Arrivals& counts, bool is_of_path, TimePoint now);
    [[nodiscard]] double loss() const;
  };
  /// Of our own sockets.
  struct Overrun {
    OverrunWatch watch;
    std::uint64_t sent = 0;  ///< as last counted
    std::uint64_t unsent = 0;
    void follow(const PathTraffic& traffic, TimePoint now);
  };

  /// What is lost by all paths that a datagram takes, as far as it follows from what each loses by itself.
  [[nodiscard]] double expected(PathSet carrying) const;
  PathSet cut_at_home(const ReportedPaths& paths, TimePoint now);
  [[nodiscard]] static bool is_peer_overrun(const ReportedPaths& paths);

  bool is_by_one_ = false;
  std::array<DataCounts, kReports> reports_{};
  std::size_t count_ = 0;    ///< of reports so far under this key
  std::size_t overrun_ = 0;  ///< the last of them that came in an overrun, from 1; 0: none
  DataCounts told_;
  std::array<Fading, kMaxPaths> paths_{};
  std::array<Overrun, kMaxPaths> overruns_{};
};

}  // namespace mptunnel
