// How one session sends each datagram by one path, so that it has the sum of them: what waits, how fast each
// path is, and which one is next.
//
//     FairQueue --> EarliestArrival::choose() --> the path's own short queue --> its pacer --> seal
//     ACK --> DeliveryMeter --> RateControl ------^-------------------------------^
//
// Datagrams are sealed as they leave, so that their numbers are in the order of sending. What it is not: for
// copies; these wait for no path.
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "mptunnel/base/drop.h"
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

  /// These paths may carry data now.
  void follow(const PathViews& paths, TimePoint now);
  /// The path that a packet of so many bytes leaves by at once, which it is charged for; nullopt: it is to
  /// wait. What waits goes first.
  std::optional<PathId> take_path(std::size_t bytes, TimePoint now);
  /// Copies `payload`.
  void push(FlowHandle flow, ConstBytes payload, Marks marks, TimePoint now) {
    waiting_.push(flow, payload, marks, now);
  }
  /// Sends what may leave now: `send(item, path)` seals it, or drops it, and may change it. `overhead`: what
  /// a packet has besides the payload, about.
  using Send = std::function<void(FairQueue::Item&, PathId)>;
  void pump(std::size_t overhead, const Send& send, TimePoint now);
  [[nodiscard]] bool has_waiting() const { return !waiting_.empty() || chosen_ > 0; }
  /// When pump() is to be called; kNever if nothing waits, or there is no path.
  [[nodiscard]] TimePoint resume_at() const { return resume_; }
  /// Nothing may leave before the paths or the key change.
  void pause() { resume_ = kNever; }
  /// When something expires.
  [[nodiscard]] TimePoint deadline() const { return waiting_.deadline(); }
  /// Drops what has waited for too long, or all of it with kNever; returns all that went since the last call.
  FairQueue::Losses expire(TimePoint now);

  /// `accepted` packets of the run were taken by the kernel for this path, which has not counted them yet.
  /// The epoch is one of the present session.
  void on_sent(const LinkEpoch& epoch, PathId path, const PacketRun& run, std::uint32_t accepted,
               TimePoint now);
  void on_ack(const LinkEpoch& epoch, const AckFrame& ack, TimePoint now);
  /// What the peer is to be asked for, if it is time to.
  std::optional<AckWantedFrame> ask(const PathViews& paths, TimePoint now);

  /// What is known of the path; null if nothing is.
  [[nodiscard]] const RateControl* rate_of(PathId path) const {
    return paths_.at(path.value) ? &paths_.at(path.value)->rate : nullptr;
  }

 private:
  struct Path {
    DeliveryMeter meter;
    RateControl rate;
    bool is_limited = false;  ///< since the last report
    std::deque<FairQueue::Item> queue;
  };
  [[nodiscard]] Path& own(PathId path);
  [[nodiscard]] Duration delay_of(PathId path, const PathViews& paths) const;
  void choose_anew(PathId path, TimePoint now);
  void send_chosen(std::size_t overhead, const Send& send, TimePoint now);
  /// The first datagram of the path's own queue, which has one.
  FairQueue::Item take_chosen(PathId path);

  FairQueue waiting_;
  EarliestArrival arrivals_;
  std::array<std::unique_ptr<Path>, kMaxPaths> paths_;
  std::size_t chosen_ = 0;  ///< datagrams in the queues of paths
  std::size_t chosen_bytes_ = 0;
  std::shared_ptr<PathTable> session_;  ///< whose counts the meters have seen
  TimePoint resume_ = kNever;
  TimePoint followed_{};
  TimePoint asked_{};
};

}  // namespace mptunnel
