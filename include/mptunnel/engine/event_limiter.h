// How often the network, peers and strangers may cause an event. At mpserver it stands between the parts of
// the engine and whoever drives it: what is too frequent is taken out of the output and counted, and the
// count is told later. At mpclient, whose driver acts on events, the driver asks it before it logs one. It
// knows nothing of the log.
#pragma once

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <utility>

#include "mptunnel/engine/news_budget.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/token_bucket.h"

namespace mptunnel {

/// Kinds of events that have a budget together; src/engine/event_limiter.cpp has their rates.
enum class EventKind : std::uint8_t {
  full_table,  ///< a source is one of the tables
  other_key,
  refused_handshake,
  quota,
  over_rate,
  session,
  clash,
  path,
  wavering_path,  ///< worth a debug line only
  lossy_path,
  overload,
  mark,
  fragmenting,
  addresses,
  // Of mpclient.
  own_session,  ///< it starts, ends, is refused
  outage,       ///< a source is its begin; its end is said if the begin was
  bridge,       ///< a source is a path
  reserve,
  count_
};

/// Each source has a budget for each kind, and all have one together: one that is loud leaves the others
/// their lines, as long as these are few. A source is a network, or a client that has a key of its own; at
/// mpclient a path.
/// Sources are remembered exactly and not by a hash bucket, so none shares a budget with another; if there
/// are more than kEventSources, the one that was quiet the longest is forgotten.
class EventLimiter {
 public:
  EventLimiter();

  /// Takes events out of `out`, from number `first` on, that are too frequent. Events that only the engine
  /// causes stay.
  void limit(Output& out, std::size_t first, TimePoint now) {
    if (out.events.size() > first) filter(out, first, now);
  }
  /// Whether this event, which happens now, is to be said. If not it is counted.
  bool allows(const Event& event, TimePoint now);
  /// When report() has something to tell; kNever if nothing was left out.
  [[nodiscard]] TimePoint due() const { return due_; }
  /// Appends what was left out since the last report, as one event. The next comes after twice as long, to
  /// kLeftOutAfterMost, unless nothing was left out for so long.
  void report(Output& out, TimePoint now);

 private:
  using SourceKey = std::pair<EventKind, std::uint64_t>;
  struct Source {
    NewsBudget budget;
    std::list<SourceKey>::iterator place;  ///< in by_age_
  };
  struct LeftOut {
    std::uint64_t count = 0;
    Endpoint last_from;
  };
  struct Subject;
  struct SubjectOf;
  static constexpr std::size_t kKinds = static_cast<std::size_t>(EventKind::count_);

  void filter(Output& out, std::size_t first, TimePoint now);
  bool ends_said_outage(const Event& event);
  NewsBudget& budget_of(EventKind kind, std::uint64_t source);

  std::vector<TokenBucket> all_;  ///< by kind
  std::map<SourceKey, Source> sources_;
  std::list<SourceKey> by_age_;  ///< the one that was quiet the longest first
  std::array<LeftOut, kKinds> left_out_;
  TimePoint since_{};                ///< when the first of `left_out_` was
  std::optional<PathId> last_path_;  ///< that one of `left_out_` was about
  TimePoint due_ = kNever;
  Duration patience_ = kLeftOutAfter;
  TimePoint reported_{};
  bool is_outage_said_ = false;
};

}  // namespace mptunnel
