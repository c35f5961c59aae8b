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
#include "mptunnel/engine/link/ended_epoch.h"
#include "mptunnel/path/path_traffic.h"
#include "mptunnel/session/key_epoch.h"
#include "mptunnel/wire/path_report.h"
#include "mptunnel/wire/repair_frame.h"

namespace mptunnel {

/// One key epoch of a session, with what is counted under it. The bytes are KeyEpoch's; that packets were
/// counted for this session, path and key is this class's.
class LinkEpoch {
 public:
  /// `order` grows with each epoch of a session. `paths` counts for all epochs of it; an epoch that is not
  /// confirmed yet counts for itself.
  LinkEpoch(std::unique_ptr<KeyEpoch> keys, std::uint32_t order, std::shared_ptr<PathTable> paths)
      : keys_(std::move(keys)),
        index_(keys_ ? keys_->local_index() : SessionIndex{}),
        order_(order),
        paths_(std::move(paths)) {}

  [[nodiscard]] KeyEpoch& keys() { return *keys_; }
  [[nodiscard]] const KeyEpoch& keys() const { return *keys_; }
  [[nodiscard]] SessionIndex index() const { return index_; }
  [[nodiscard]] std::uint32_t order() const { return order_; }

  [[nodiscard]] PathTraffic& path(PathId id) { return (*paths_)[id.value]; }
  [[nodiscard]] const PathTraffic& path(PathId id) const { return (*paths_)[id.value]; }
  [[nodiscard]] const std::shared_ptr<PathTable>& paths() const { return paths_; }
  /// The epoch turns out to belong to a session: `session` counts for it from now on, and what it has counted
  /// so far is added to that.
  void join(std::shared_ptr<PathTable> session);

  /// How many of the peer's DATA packets under this key came, when the peer last reported how many it made.
  [[nodiscard]] const Arrivals& data_in() const { return data_in_; }
  /// How many of ours the peer reports to have got.
  [[nodiscard]] const Arrivals& data_out() const { return data_out_; }
  /// The same of what had been made some time before: what was on its way then has come by now.
  [[nodiscard]] const Arrivals& settled_in() const { return settled_in_; }
  /// One of the peer's DATA packets was recovered; or came after all, which makes one less.
  void count_recovered() { ++recovered_in_; }
  void withdraw_recovered() { --recovered_in_; }
  [[nodiscard]] std::uint64_t recovered_in() const { return recovered_in_; }

  /// What this end says of a path in a PING or PONG; the caller adds what only it knows.
  [[nodiscard]] PathReport make_report(PathId path, std::uint32_t sequence, TimePoint now) const;
  /// Whether REPAIR may go either way under this key. What travels in the clear is authenticated in part:
  /// repaired, one forged payload would alter others.
  [[nodiscard]] bool can_repair() const { return !keys_->is_clear() && keys_->peer_knows(FrameType::repair); }
  /// Whether datagrams may have numbers. In the clear they are not worth it: anybody may give them others.
  [[nodiscard]] bool can_number(FrameType numbered) const {
    return !keys_->is_clear() && keys_->peer_knows(numbered);
  }
  /// Whether inner packets may go either way. In the clear they may not: whoever can change a packet would
  /// speak for every address of the client.
  [[nodiscard]] bool can_carry_inner() const {
    return !keys_->is_clear() && keys_->peer_knows(FrameType::ip);
  }

  /// The peer's report, whose path id is below kMaxPaths. Reports may overtake each other: the counts of the
  /// furthest one stay. Returns the round-trip time that it shows, nullopt if it echoes none of our reports.
  std::optional<Duration> on_report(const PathReport& report, TimePoint now);
  /// The same of a report that came by another path than the one that it is about.
  void on_report_elsewhere(const PathReport& report);
  /// The same of what the peer recovered.
  void on_repair_report(const RepairReportFrame& report) { data_out_.recovered = report.recovered; }

 private:
  void count_data(const PathReport& report);
  void settle(TimePoint now);

  std::unique_ptr<KeyEpoch> keys_;
  SessionIndex index_;  ///< that of keys_: each packet is compared with it
  std::uint32_t order_;
  std::shared_ptr<PathTable> paths_;
  Arrivals data_in_;
  Arrivals settled_in_;
  std::uint64_t unsettled_ = 0;  ///< settled_in().sent when it is counted anew
  TimePoint unsettled_since_{};
  Arrivals data_out_;
  std::uint64_t recovered_in_ = 0;
};

class SessionLink {
 public:
  /// Keeps at most `max_old` replaced epochs. Their received sets, and that of the others, share `received`,
  /// which outlives the link; null: each has its quota alone.
  explicit SessionLink(std::size_t max_old, ReceivedBudget* received = nullptr)
      : max_old_(max_old), received_(received) {}

  /// The epoch that seals; null while there is no session.
  [[nodiscard]] LinkEpoch* current() { return current_.get(); }
  [[nodiscard]] const LinkEpoch* current() const { return current_.get(); }
  /// The epoch that the peer has not confirmed; null if there is none.
  [[nodiscard]] LinkEpoch* next() { return next_.get(); }
  [[nodiscard]] const LinkEpoch* next() const { return next_.get(); }
  /// The epoch that the peer names by this index, of any kind; null if there is none.
  [[nodiscard]] LinkEpoch* find(SessionIndex index) {
    return current_ && current_->index() == index ? current_.get() : hold(index).get();
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
  /// Client: what the peer is to be told now of keys that seal no more, so that it says the same. To be
  /// called about once a second while that can be sent.
  std::vector<EpochCountsFrame> take_counts_to_tell(TimePoint now);
  /// The peer's counts of a key that seals no more. Returns this end's; nullopt if there is no such key.
  std::optional<EpochCountsFrame> on_counts(const EpochCountsFrame& counts);
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

  std::optional<SessionIndex> retire(std::shared_ptr<LinkEpoch>& epoch, TimePoint now);
  SessionIndex forget(const LinkEpoch& epoch);
  /// What is known of it now; its key may still be there, and open.
  [[nodiscard]] EndedEpoch present(const EndedEpoch& ended) const;

  std::shared_ptr<LinkEpoch> current_;
  std::shared_ptr<LinkEpoch> next_;
  std::size_t max_old_;
  ReceivedBudget* received_;
  std::vector<OldEpoch> old_;  ///< by age
  std::uint32_t next_order_ = 0;
  std::shared_ptr<PathTable> paths_;
  std::optional<TimePoint> since_;
  std::vector<EndedEpoch> ended_;  ///< of this session, by age; at most kEndedEpochs
  Arrivals earlier_in_;            ///< DATA under the session's epochs before those
  Arrivals earlier_out_;
  std::uint64_t forgotten_closings_ = 0;  ///< of epochs that are gone
};

}  // namespace mptunnel
