// Which DSCPs get through on which paths, in one direction of one session: some networks drop EF or AF41 and
// pass the rest. It sends nothing and sees no datagram; Sender asks it.
//
//     a mark is in use -> with each kMarkProbeEach of use a pair of probes, one marked, one not
//     of a pair the plain one alone was answered -> a trial: pairs each kMarkTrialProbe
//     a trial: marked ones are answered far more seldom than plain ones -> the mark vanishes on this path
//     it vanishes -> copies leave there without it; after kMarkRetryAfter of use another trial
//
// What is lost whatever its mark is lost from both of a pair alike, so a lossy path decides nothing.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/schedule/scheduler.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class MarkWatch {
 public:
  /// A packet with this DSCP (0 to 63) leaves: all that a packet costs.
  void note(std::uint8_t dscp) { used_ |= bit_of(dscp); }
  /// The paths on which it vanishes.
  [[nodiscard]] PathSet vanishing(std::uint8_t dscp) const {
    return (vanishing_ & bit_of(dscp)) == 0 ? PathSet{} : find_vanishing(dscp);
  }
  /// The DSCPs that vanish on this path, as bits.
  [[nodiscard]] std::uint64_t vanishing_on(PathId path) const;

  /// A MARK_PROBE to send.
  struct Probe {
    PathId path;
    std::uint8_t dscp = 0;  ///< of its packet; 0: none
    std::uint32_t sequence = 0;
  };
  struct News {
    PathId path;
    std::uint8_t dscp = 0;
    bool passes = false;  ///< again
  };
  struct Work {
    std::vector<Probe> probes;
    std::vector<News> news;
  };
  /// To be called at deadline(), or later. `paths`: those that carry data. `slowest`: the round trip time of
  /// the slowest path that answers may come by.
  Work run(const PathViews& paths, Duration slowest, TimePoint now);
  /// MARK_SEEN came.
  void on_seen(PathId path, std::uint32_t sequence);
  /// The path leads another way now: nothing is known of it.
  void forget(PathId path);
  /// Nothing can be probed now: there is no session, or its peer does not answer such probes.
  void pause(TimePoint now);
  /// kNever if no mark is in use.
  [[nodiscard]] TimePoint deadline() const {
    return (used_ & kMarks) == 0 ? due_ : std::min(due_, next_round_);
  }

 private:
  struct Pair {
    std::uint32_t sequence = 0;  ///< of the marked one; the plain one has the next
    TimePoint sent;
    bool marked_seen = false;
    bool plain_seen = false;
  };
  /// One DSCP on one path.
  struct Mark {
    PathId path;
    std::uint8_t dscp = 0;
    bool vanishes = false;
    bool is_on_trial = false;
    std::vector<Pair> pairs;  ///< that wait for answers; of a trial all
    TimePoint next{};         ///< of a trial: the next pair; of one that vanishes: the next trial
    Duration patience{};      ///< see patience_of()
  };

  static constexpr std::uint64_t kMarks = ~std::uint64_t{1};  ///< all but 0, which is no mark
  static constexpr std::uint64_t bit_of(std::uint8_t dscp) { return std::uint64_t{1} << dscp; }

  /// When the next pair is due, or settled.
  [[nodiscard]] TimePoint find_due(TimePoint now) const;
  [[nodiscard]] PathSet find_vanishing(std::uint8_t dscp) const;
  /// How long answers to probes of this path are waited for.
  [[nodiscard]] static Duration patience_of(const PathView& path, Duration slowest);
  /// Takes DSCPs that are in use into watched_, as many as there is room for.
  void watch_used();
  Mark& mark_of(PathId path, std::uint8_t dscp);
  void step(Mark& mark, bool is_used, Work& work, TimePoint now);
  void send_pair(Mark& mark, Work& work, TimePoint now);
  /// Begins a trial if a pair shows that it is worth one, and forgets pairs that are settled.
  static void judge_pairs(Mark& mark, TimePoint now);
  void judge_trial(Mark& mark, Work& work, TimePoint now);
  static void end_trial(Mark& mark, TimePoint now);

  std::uint64_t used_ = 0;       ///< since the last round
  std::uint64_t watched_ = 0;    ///< at most kMarksWatched
  std::uint64_t vanishing_ = 0;  ///< on some path
  std::vector<Mark> marks_;
  std::uint32_t next_sequence_ = 0;
  TimePoint next_round_{};
  TimePoint due_ = kNever;  ///< of what is under way
};

}  // namespace mptunnel
