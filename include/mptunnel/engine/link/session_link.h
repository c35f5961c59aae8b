// The keys of one session and what is counted of it, the same at both ends.
//
//     propose --> next --- confirm ---> current --- a later confirm, or retire_current ---> old: opens only
//                  '------ retire_next ----------------------------------------------------> old
//                  '------ discard_next: forgotten
//
// mpserver proposes and confirms in one step: it learns of an epoch by the client's first packet under it.
// What it is not: a decision when a key has to change; that is the engines'.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/link/link_epoch.h"

namespace mptunnel {

class SessionLink {
 public:
  /// Keeps at most `max_old` replaced epochs.
  explicit SessionLink(std::size_t max_old) : max_old_(max_old) {}

  /// The epoch that seals; null while there is no session.
  [[nodiscard]] LinkEpoch* current() { return current_.get(); }
  [[nodiscard]] const LinkEpoch* current() const { return current_.get(); }
  /// The epoch that the peer has not confirmed; null if there is none.
  [[nodiscard]] LinkEpoch* next() { return next_.get(); }
  [[nodiscard]] const LinkEpoch* next() const { return next_.get(); }
  /// The epoch that the peer names by this index, of any kind; null if there is none.
  [[nodiscard]] LinkEpoch* find(SessionIndex index) {
    if (current_ && current_->index() == index) return current_.get();
    return find_other(index);
  }
  /// The same, kept alive by the caller: what a packet says may end the epoch that it came under.
  [[nodiscard]] std::shared_ptr<LinkEpoch> hold(SessionIndex index) const;
  [[nodiscard]] bool can_seal(TimePoint now) const { return current_ && current_->keys().is_usable(now); }

  /// There is no next() yet.
  void propose(std::unique_ptr<KeyEpoch> keys);
  /// next() seals from now on, and the former current() opens for kOldKeyOpensFor. `resumed`: it belongs to
  /// the session so far; otherwise a new session begins with it. Returns the index of an old epoch that had
  /// to go for it.
  std::optional<SessionIndex> confirm(bool resumed, TimePoint now);
  void discard_next() { next_.reset(); }
  /// These only open from now on; nothing happens if there is none. Return as confirm().
  std::optional<SessionIndex> retire_next(TimePoint now);
  std::optional<SessionIndex> retire_current(TimePoint now);
  /// Forgets old epochs whose time is over; returns their indices.
  std::vector<SessionIndex> expire(TimePoint now);

  /// When the session began, or the last one did; nullopt before the first.
  [[nodiscard]] std::optional<TimePoint> since() const { return since_; }
  /// What is counted of a path in the session, or was in the last one; null before the first.
  [[nodiscard]] PathTraffic* traffic(PathId id) { return paths_ ? &(*paths_)[id.value] : nullptr; }
  [[nodiscard]] const PathTraffic* traffic(PathId id) const {
    return paths_ ? &(*paths_)[id.value] : nullptr;
  }
  /// DATA packets of the session, as far as both ends know: what is missing is the residual loss.
  [[nodiscard]] Arrivals data_in() const;
  [[nodiscard]] Arrivals data_out() const;
  /// How often a received set had to close a block early, for lack of room: what was missing in it then
  /// passes for a copy.
  [[nodiscard]] std::uint64_t forced_closings() const;
  /// Every index that the session opens under.
  [[nodiscard]] std::vector<SessionIndex> indices() const;

 private:
  struct OldEpoch {
    std::shared_ptr<LinkEpoch> epoch;
    TimePoint until;
  };

  [[nodiscard]] LinkEpoch* find_other(SessionIndex index) const;
  std::optional<SessionIndex> retire(std::shared_ptr<LinkEpoch>& epoch, TimePoint now);
  SessionIndex forget(const LinkEpoch& epoch);

  std::shared_ptr<LinkEpoch> current_;
  std::shared_ptr<LinkEpoch> next_;
  std::size_t max_old_;
  std::vector<OldEpoch> old_;  ///< by age
  std::uint32_t next_order_ = 0;
  std::shared_ptr<PathTable> paths_;
  std::optional<TimePoint> since_;
  Arrivals retired_in_;  ///< DATA under the session's epochs before the current one
  Arrivals retired_out_;
  std::uint64_t forgotten_closings_ = 0;  ///< of epochs that are gone
};

}  // namespace mptunnel
