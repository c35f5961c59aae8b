// The client's paths: which there are, which carry data, and which of them rest. It sends nothing.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/path_set.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/introduction.h"
#include "mptunnel/engine/link/joint_loss.h"
#include "mptunnel/engine/tunnel_proof.h"
#include "mptunnel/path/loss_watch.h"
#include "mptunnel/path/mtu_search.h"
#include "mptunnel/path/path_history.h"
#include "mptunnel/path/probed_path.h"
#include "mptunnel/path/queue_watch.h"
#include "mptunnel/schedule/scheduler.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// One path, with all that is known of it. Plain state.
struct ClientPath {
  ProbedPath probed;
  MtuSearch mtu;  ///< of what is sent to the server
  PathHistory history;
  TunnelProof proof;  ///< of a path that leads over a tunnel
  LossWatch losses;
  QueueWatch queue;
  std::uint64_t first_seen = 0;            ///< PathTraffic::first, when it was last looked at
  bool is_told_down = false;               ///< it was said that it is down, and nothing else since
  TimePoint next_help = TimePoint::min();  ///< when the other paths may be asked to help its PINGs again
  unsigned gone_to_tell = 0;               ///< how often the server is still to be told that it has no socket
  bool was_delayed = false;                ///< the server may have been told of a delay that is no more
  std::string name;                        ///< what the server is told that it is called; empty: nothing
  Introduction introduction;

  /// It is up, and may carry data if it is wanted.
  [[nodiscard]] bool is_of_use() const { return probed.is_up() && !proof.is_held(); }
  /// Copies may go to it, at least outwards, or it has been held for less than kProofIsQuietFor.
  [[nodiscard]] bool counts_as_carrying(TimePoint now) const {
    return probed.carries_data() && (!proof.is_held() || now - proof.since() < kProofIsQuietFor);
  }
  /// Since when it neither answers nor may carry data; nullopt if it does.
  [[nodiscard]] std::optional<TimePoint> useless_since() const {
    const auto silent = probed.silent_since();
    if (!proof.is_held()) return silent;
    return silent ? std::min(*silent, proof.since()) : proof.since();
  }
  /// When the next PING is due; `sent` as ProbedPath::next_probe().
  [[nodiscard]] TimePoint next_probe(bool moving, std::optional<TimePoint> sent) const {
    const TimePoint usual = probed.next_probe(moving, sent);
    return probed.is_up() ? std::min(usual, proof.next_probe()) : usual;
  }
  /// Whether it is in a state for MTU probes: what one that is not carries can't be confirmed.
  [[nodiscard]] bool is_mtu_probed() const { return is_of_use() && !probed.is_spared(); }
  /// When the next MTU probe is due; kNever if there is none.
  [[nodiscard]] TimePoint next_mtu_probe(bool moving) const {
    return is_mtu_probed() ? mtu.next_probe(moving) : kNever;
  }
};

/// Which of the paths that are kept in reserve carry data: as many as make up `min_paths` together with those
/// that are up, backups before metered ones. A path that took over rests again only once the others have
/// been up for kRestAfter without a break.
class StandbyPolicy {
 public:
  explicit StandbyPolicy(std::size_t min_paths) : min_paths_(min_paths) {}

  /// Decides for all paths, and sets their standby. Returns the paths that changed, in the order of the
  /// decisions.
  std::vector<PathId> update(std::span<ClientPath> paths, TimePoint now);
  /// When update() could let a path rest by time alone; kNever if none waits for it.
  [[nodiscard]] TimePoint next_rest(std::span<const ClientPath> paths) const;
  /// Forgets that the path took over.
  void reset(PathId path) { reserves_[path.value] = {}; }

 private:
  struct Reserve {
    bool took_over = false;                 ///< from others, which must prove themselves before it rests
    std::optional<TimePoint> enough_since;  ///< when it stopped being needed
  };

  std::size_t min_paths_;
  std::array<Reserve, kMaxPaths> reserves_{};
};

class ClientPaths {
 public:
  /// `count` paths at first, at most kMaxPaths; see set_traits().
  ClientPaths(std::size_t count, std::size_t min_paths);

  /// Makes the path if there is none with this id yet.
  void set_traits(PathId path, const PathTraits& traits);
  /// False if the path is so already.
  bool set_available(PathId path, bool available);
  [[nodiscard]] bool contains(PathId path) const { return path.value < paths_.size(); }
  /// The path exists.
  ClientPath& operator[](PathId path) { return paths_[path.value]; }
  const ClientPath& operator[](PathId path) const { return paths_[path.value]; }
  [[nodiscard]] PathSet all() const { return PathSet::first(paths_.size()); }
  [[nodiscard]] PathSet available() const;
  /// Those that lead over a tunnel and have not proved that it is not ours: nothing but PINGs goes there.
  [[nodiscard]] PathSet held() const;
  /// Those that datagrams go to: neither down nor at rest nor held. If all are down, all for
  /// kAllDownCopiesFor.
  [[nodiscard]] PathSet carrying(TimePoint now) const;
  /// What a report of the peer is seen beside; `traffic` is what is counted of the paths.
  [[nodiscard]] ReportedPaths reported(const PathTable& traffic, TimePoint now) const;
  [[nodiscard]] PathViews views(TimePoint now) const;
  /// How many are up, and may carry data.
  [[nodiscard]] std::size_t up() const;
  /// How many answer, but are held.
  [[nodiscard]] std::size_t held_back() const;
  /// Whether a path answers, held or not, as far as is known.
  [[nodiscard]] bool answer() const;
  /// Whether data passes both ways: by a path that is up, or by one that passes out and another that passes
  /// in. What is held does not count.
  [[nodiscard]] bool pass_both_ways() const;
  /// Since when no path is of use: when the last of them fell silent, or was held; nullopt if one is neither,
  /// or there is none.
  [[nodiscard]] std::optional<TimePoint> useless_since() const;
  /// Of the available paths; nullopt before the first answer.
  [[nodiscard]] std::optional<Duration> fastest_rtt() const;
  /// Of those that are not down.
  [[nodiscard]] Duration slowest_rtt() const;

  /// Backups begin or stop to carry data, as the states of all paths demand. Returns those that changed.
  std::vector<PathId> update_standby(TimePoint now) { return standby_.update(paths_, now); }
  [[nodiscard]] TimePoint next_rest() const { return standby_.next_rest(paths_); }
  /// To be called when a path's state or the session has changed. Returns whether a session has no path that
  /// carries data, or is about to.
  bool update_outage(bool has_session, TimePoint now);
  void end_outage() { all_down_since_.reset(); }
  /// A packet larger than kBaseMtu went to these.
  void note_large(PathSet paths, TimePoint now);

 private:
  std::vector<ClientPath> paths_;
  StandbyPolicy standby_;
  std::optional<TimePoint> all_down_since_;
};

}  // namespace mptunnel
