// How one session sends each datagram by one path, so that it has the sum of them: what waits, how fast each
// path is, and which one is next.
//
//     FairQueue --> EarliestArrival::choose() --> the path's own short queue --> its pacer --> seal
//     ACK --> DeliveryMeter --> RateControl ------^-------------------------------^
//
// Datagrams are sealed as they leave, so that their packets' numbers are in the order of sending. Copies that
// others send only count for the pacers.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/engine/link/path_share.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/path/delivery_meter.h"
#include "mptunnel/path/rate_control.h"
#include "mptunnel/schedule/earliest_arrival.h"
#include "mptunnel/schedule/scheduler.h"
#include "mptunnel/session/fair_queue.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

class Aggregation {
 public:
  /// `budget` outlives the object.
  explicit Aggregation(QueueBudget& budget) : waiting_(budget) {}

  /// These paths may carry data now. False if that is known: it is done once in a call of the engine.
  bool follow(const PathViews& paths, TimePoint now);
  /// The path that a packet of so many bytes leaves by at once, which it is charged for; nullopt: it is to
  /// wait. What waits goes first.
  std::optional<PathId> take_path(std::size_t bytes, TimePoint now);
  /// A packet of so many bytes left by each of these paths, chosen by somebody else.
  void charge(PathSet paths, std::size_t bytes, TimePoint now) {
    for (const PathId path : paths) arrivals_.charge(path, bytes, now);
  }
  /// A packet that was charged does not leave.
  void refund(PathSet paths, std::size_t bytes) {
    for (const PathId path : paths) arrivals_.refund(path, bytes);
  }
  /// Copies `payload`.
  void push(FlowHandle flow, ConstBytes payload, Marks marks, TimePoint now) {
    waiting_.push(flow, payload, marks, now);
  }
  /// What its owner does with a datagram: gives it its number as it leaves the queue, in the order of its
  /// flow; and, later, seals it for these paths, or drops it.
  struct Steps {
    std::function<std::optional<std::uint16_t>(const FairQueue::Item&)> number;
    std::function<void(FairQueue::Item&, std::optional<std::uint16_t>, PathSet)> send;
  };
  /// Sends what may leave now. `overhead`: what a packet has besides the payload, about.
  void pump(std::size_t overhead, const Steps& steps, TimePoint now);
  [[nodiscard]] bool has_waiting() const { return !waiting_.empty() || chosen_ > 0; }
  /// When pump() is to be called; kNever if nothing waits, or there is no path.
  [[nodiscard]] TimePoint resume_at() const { return resume_; }
  /// Nothing may leave before the paths or the key change.
  void pause() { resume_ = kNever; }
  /// When something expires.
  [[nodiscard]] TimePoint deadline() const { return std::min(waiting_.deadline(), chosen_deadline()); }
  /// Drops what has waited for too long, or all of it with kNever; returns all that went since the last call.
  FairQueue::Losses expire(TimePoint now);

  /// `accepted` packets of the run were taken by the kernel for this path, which has not counted them yet.
  /// The epoch is one of the present session.
  void on_sent(const LinkEpoch& epoch, PathId path, const PacketRun& run, std::uint32_t accepted,
               TimePoint now);
  void on_ack(const LinkEpoch& epoch, const AckFrame& ack, TimePoint now);
  /// What the peer is to be asked for, if it is time to.
  std::optional<AckWantedFrame> ask(const PathViews& paths, TimePoint now);

  /// The path leads another way from now on: nothing is known of it.
  void forget(PathId path);
  /// The paths that lose what their queue has no room for, or did a moment ago.
  [[nodiscard]] PathSet crowded(TimePoint now) const;
  /// nullopt if the path had nothing to carry yet.
  [[nodiscard]] std::optional<PathShare> share_of(PathId path) const;
  /// What is known of the path; null if nothing is.
  [[nodiscard]] const RateControl* rate_of(PathId path) const {
    return paths_.at(path.value) ? &paths_.at(path.value)->rate : nullptr;
  }

 private:
  struct Chosen {
    FairQueue::Item item;
    std::optional<std::uint16_t> number;
    std::uint64_t turn = 0;
  };
  struct Path {
    DeliveryMeter meter;
    RateControl rate;
    bool is_limited = false;  ///< since the last report
    TimePoint unheard{};      ///< when the first of what is not acknowledged left
    std::uint32_t unheard_packets = 0;
    TimePoint crowded{};  ///< until then its losses may be those of a full queue
    std::deque<Chosen> queue;
    EarliestArrival::Path chosen_with;  ///< what was known when the queue was last chosen anew
  };
  [[nodiscard]] Path& own(PathId path);
  using Delays = std::array<Duration, kMaxPaths>;
  [[nodiscard]] Duration delay_of(PathId path, const PathViews& paths, TimePoint now);
  /// Those of `paths` that acknowledge what they are sent; all, if none does.
  [[nodiscard]] PathSet heard(const PathViews& paths, TimePoint now);
  [[nodiscard]] Duration queue_target(Duration slowest) const;
  /// Of these, the paths that make the whole better; those of `before` were used until now.
  [[nodiscard]] PathSet worthwhile(PathSet paths, PathSet before, const Delays& delays);
  /// Whether what waits for paths was chosen with other rates or delays.
  [[nodiscard]] bool is_choice_old() const;
  /// Gives what waits for paths to those that are used now, in its turn.
  void choose_anew(TimePoint now);
  [[nodiscard]] TimePoint chosen_deadline() const;
  /// What waits for paths, in its turn.
  std::vector<Chosen> take_all_chosen();
  void enqueue(PathId path, Chosen&& chosen);
  /// The paths besides `path` that carry a copy of such a packet, and are charged for it.
  PathSet copies_of(PathId path, std::size_t bytes, TimePoint now);
  void send_chosen(std::size_t overhead, const Steps& steps, TimePoint now);
  /// The first datagram of the path's own queue, which has one.
  Chosen take_chosen(PathId path);

  FairQueue waiting_;
  EarliestArrival arrivals_;
  std::array<std::unique_ptr<Path>, kMaxPaths> paths_;
  PathSet known_;           ///< that may carry data
  PathSet heard_;           ///< of these, those that acknowledge
  PathSet looked_for_;      ///< paths whose rate is not known yet
  std::size_t chosen_ = 0;  ///< datagrams in the queues of paths
  std::size_t chosen_bytes_ = 0;
  std::uint64_t turns_ = 0;             ///< datagrams that were ever chosen for a path that was busy
  std::shared_ptr<PathTable> session_;  ///< whose counts the meters have seen
  TimePoint resume_ = kNever;
  TimePoint followed_{};
  TimePoint asked_{};
  bool is_answered_ = false;  ///< there was an ACK since
};

}  // namespace mptunnel
