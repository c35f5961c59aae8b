// What one session sends, the same at both ends: datagrams by the paths that the scheduler picks, sealed
// once, whole or in fragments, or waiting in the queue; and, as ControlSender, CONTROL packets.
//
// Once all datagrams of one call of the engine are sent, finish() makes REPAIR and the fragments, so that
// whole packets lie side by side in the arena and leave in one run.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/engine/link/aggregation.h"
#include "mptunnel/engine/link/control_sender.h"
#include "mptunnel/engine/link/delay_line.h"
#include "mptunnel/engine/link/kept_packets.h"
#include "mptunnel/engine/link/large_packet.h"
#include "mptunnel/engine/link/link_context.h"
#include "mptunnel/engine/link/mark_watch.h"
#include "mptunnel/engine/link/outgoing_flow.h"
#include "mptunnel/engine/link/repair_sender.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/bulk_flows.h"
#include "mptunnel/session/datagram_queue.h"
#include "mptunnel/session/flow_numbers.h"
#include "mptunnel/session/fragment_watch.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

class Sender : public ControlSender {
 public:
  /// `link` and `context` outlive the sender. `session` is what the engine's runs are marked with.
  Sender(SessionHandle session, SessionLink& link, LinkContext& context)
      : ControlSender(session, link, context),
        scheduler_(context.make_scheduler()),
        queue_(context.waiting),
        aggregation_(has_sum(context.mode) ? std::make_unique<Aggregation>(context.waiting) : nullptr),
        kept_(context.waiting),
        delayed_(context.waiting),
        repair_(context.repair, context.repaired) {}

  /// Sends a datagram of the flow, or queues a copy of it. What goes no further is counted.
  void send(const OutgoingFlow& flow, ConstBytes payload, Marks marks, const PathViews& paths, Output& out,
            TimePoint now);
  /// To be called after all send() of one call. Returns the paths that a packet larger than kBaseMtu went to:
  /// their MTU is worth confirming.
  PathSet finish(const PathViews& paths, Output& out, TimePoint now);
  /// The flow with this handle; nullopt if it has ended.
  using FindFlow = std::function<std::optional<OutgoingFlow>(FlowHandle)>;
  /// Sends what waits and may leave now; the rest goes on waiting. Returns as finish().
  PathSet flush(const PathViews& paths, const FindFlow& find, Output& out, TimePoint now);
  [[nodiscard]] bool has_waiting() const {
    return !queue_.empty() || (aggregation_ && aggregation_->has_waiting());
  }
  /// Drops what has waited for kQueueLife.
  void expire(TimePoint now) {
    lose(Drop::queue_expired, queue_.expire(now));
    if (aggregation_) lose_waiting(now);
    kept_.expire(now);
  }
  /// Drops all that waits.
  void drop_waiting() {
    lose(Drop::queue_expired, queue_.expire(kNever));
    if (aggregation_) lose_waiting(kNever);
  }
  /// Datagrams of this session that found no path, key or room in time.
  [[nodiscard]] std::uint64_t untaken() const { return untaken_; }
  /// More of them, which did not come to this sender and are counted as dropped already.
  void note_untaken(std::uint64_t datagrams) { untaken_ += datagrams; }
  /// When the first datagram expires, the scheduler wants flush() called, or a copy leaves later; kNever if
  /// nothing waits.
  [[nodiscard]] TimePoint deadline() const {
    const TimePoint queued = queue_.empty() ? kNever : std::min(queue_.deadline(), resume_);
    return std::min({queued, marks_.deadline(), next_later()});
  }
  /// The path leads another way from now on.
  void forget(PathId path);
  /// See RepairSender.
  void on_report(const LinkEpoch& epoch, const ReportedPaths& paths, TimePoint now);
  void on_report(const LinkEpoch& epoch, const RepairReportFrame& report, const ReportedPaths& paths,
                 TimePoint now);
  /// Which DSCPs get through on which paths.
  [[nodiscard]] MarkWatch& marks() { return marks_; }
  [[nodiscard]] const MarkWatch& marks() const { return marks_; }
  /// Sends what finds that out, if it is due, and returns what was found.
  std::vector<MarkWatch::News> check_marks(const PathViews& paths, Duration slowest, Output& out,
                                           TimePoint now);
  [[nodiscard]] RepairSender& repair() { return repair_; }
  [[nodiscard]] const RepairSender& repair() const { return repair_; }
  /// Sends the REPAIR whose time has come. Returns as finish().
  PathSet send_due_repairs(const PathViews& paths, Output& out, TimePoint now);
  /// Copies for this path leave so much later than those for others.
  void set_delay(PathId path, Duration delay) { delayed_.set(path, delay); }
  void keep_sent() { kept_.start(); }
  [[nodiscard]] bool has_kept() const { return !kept_.empty(); }
  /// The path has moved: what was sent meanwhile goes there as well.
  void resend_kept(PathId path, Output& out, TimePoint now);
  /// Sends the copies whose time has come, by those of these paths alone.
  void release_delayed(PathSet paths, Output& out, TimePoint now);
  /// When the first of them leaves; kNever if none waits. next_later(): or REPAIR does, or what goes by one
  /// path.
  [[nodiscard]] TimePoint next_delayed() const { return delayed_.deadline(); }
  [[nodiscard]] TimePoint next_later() const {
    return std::min({delayed_.deadline(), repair_.deadline(), next_of_one_path()});
  }
  /// When a caller that does not follow deadline() should look again, after something had to wait.
  [[nodiscard]] TimePoint wake_by(TimePoint now) const { return std::min(now + kQueueTick, resume_); }
  /// Whether the scheduler wants flush() called now.
  [[nodiscard]] bool is_due(TimePoint now) const {
    return (!queue_.empty() && now >= resume_) || now >= next_of_one_path();
  }
  /// The kernel took packets of a run that the path has not counted yet.
  void on_sent(const LinkEpoch& epoch, PathId path, const PacketRun& run, std::uint32_t accepted,
               TimePoint now);
  /// False if none was asked for.
  bool on_ack(const LinkEpoch& epoch, const AckFrame& ack, TimePoint now);
  /// Null for copies.
  [[nodiscard]] const Aggregation* aggregation() const { return aggregation_.get(); }
  /// What is done now: copies, where another is wanted of a peer that can't acknowledge.
  [[nodiscard]] SchedulerMode mode() const;
  [[nodiscard]] std::optional<PathShare> share_of(PathId path) const;

  /// The largest payload that each of `paths` carries in one packet, as does what repairs it.
  [[nodiscard]] std::optional<std::size_t> largest_whole(const PathViews& paths) const;
  /// The same of inner packets.
  [[nodiscard]] std::optional<std::size_t> largest_inner(const PathViews& paths) const;
  /// To be called about once a second: the event to report if many datagrams need fragments.
  std::optional<Fragmenting> check_fragmenting(const PathViews& paths, TimePoint now);
  [[nodiscard]] const FragmentWatch& watch() const { return watch_; }

 private:
  void lose(Drop reason, std::uint64_t datagrams);
  /// What a packet has besides the datagram, about.
  static constexpr std::size_t kTypicalOverhead = 32;
  [[nodiscard]] ReportedPaths without_crowded(const ReportedPaths& paths, TimePoint now) const;
  static bool has_sum(SchedulerMode mode) {
    return mode == SchedulerMode::aggregate || mode == SchedulerMode::automatic;
  }
  /// Whether datagrams go by one path each, or those of bulk.
  [[nodiscard]] bool is_aggregating() const;
  /// Whether this one does.
  bool goes_by_one(const OutgoingFlow& flow, std::size_t payload, Marks marks, TimePoint now);
  [[nodiscard]] TimePoint next_of_one_path() const {
    return aggregation_ ? std::min(aggregation_->resume_at(), aggregation_->deadline()) : kNever;
  }
  void lose_waiting(TimePoint now);
  void follow_paths(const PathViews& paths, TimePoint now);
  void send_by_one(const OutgoingFlow& flow, ConstBytes payload, Marks marks, const PathViews& paths,
                   Output& out, TimePoint now);
  void pump(const PathViews& paths, const FindFlow& find, Output& out, TimePoint now);
  /// Asks the scheduler, and seals the datagram if it may leave now. If not, it returns false, and whoever
  /// has the datagram keeps it: resume_ says until when. There is a key and a path.
  bool leaves(const OutgoingFlow& flow, ConstBytes payload, Marks marks, const PathViews& paths, Output& out,
              TimePoint now);
  using Number = std::optional<std::uint16_t>;
  /// Of the datagram in its flow, if it is to have one.
  Number number_of(const OutgoingFlow& flow, std::size_t payload, TimePoint now);
  void seal(const OutgoingFlow& flow, Number number, ConstBytes payload, Marks marks, PathSet chosen,
            const PathViews& paths, Output& out, TimePoint now);
  /// The last `size` bytes of the arena are a sealed packet that goes to the `chosen` paths.
  bool send_sealed(std::size_t size, Marks marks, PathSet chosen, const PathViews& paths, Output& out,
                   TimePoint now);
  /// The paths that get such a packet in fragments besides: all, if it may be too large for each by now.
  [[nodiscard]] PathSet doubtful_for(std::size_t size, PathSet chosen, const PathViews& paths) const;
  /// The last `size` bytes of the arena, sealed data, leave for these paths: now, or as long after as each is
  /// to be behind.
  void leave(std::size_t size, PathSet paths, const Leaving& how, SessionIndex epoch, Output& out,
             TimePoint now);
  /// Says of the runs from `first` on where their DSCP vanishes.
  void leave_marks_out(Output& out, std::size_t first) const;
  /// Writes what stands before the payload in its packet.
  static void write_prefix(const OutgoingFlow& flow, Number number, ByteWriter& out);
  [[nodiscard]] bool is_numbering(const OutgoingFlow& flow) const;
  /// Of a packet's size, what is there besides frames, so that each of `paths` carries it whole.
  [[nodiscard]] std::optional<std::size_t> largest_frames(const PathViews& paths) const;
  void send_repairs(const PathViews& paths, Output& out, TimePoint now);
  tl::expected<void, Drop> send_fragments(const LargePacket& packet, Output& out, TimePoint now);

  std::unique_ptr<Scheduler> scheduler_;
  DatagramQueue queue_;
  std::unique_ptr<Aggregation> aggregation_;  ///< null for copies
  KeptPackets kept_;
  DelayLine delayed_;
  MarkWatch marks_;
  RepairSender repair_;
  FlowNumbers numbers_;
  BulkFlows bulk_;                  ///< of SchedulerMode::automatic
  TimePoint resume_ = kNever;       ///< the earliest Decision::when of what waits
  std::vector<LargePacket> large_;  ///< wait for finish()
  PathSet large_to_;                ///< where packets larger than kBaseMtu went since the last finish()
  FragmentWatch watch_;
  std::uint64_t untaken_ = 0;
};

}  // namespace mptunnel
