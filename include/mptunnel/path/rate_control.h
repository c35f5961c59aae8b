// How fast one path may be sent on: as fast as its bottleneck passes on, with a queue there that is no longer
// than it takes to keep it busy. Model-based: what a report says came, in the peer's own time, is the rate;
// what the fastest packets took longer than the fastest ever is the queue.
//
// The rate is C (1 + g (T - q) / RTT) / (1 - p): the capacity C as it was measured, a little more while the
// queue q is below its target T, less while it is above, and as much more as gets lost (p) before it comes.
// With g = 0.4 that is stable though a change is seen after two RTTs only. While nothing queues, the step
// grows, so that a path that has become faster is used within some RTTs.
//
// A loss by itself says nothing: radio loses whatever the rate. Where more is lost than used to be, less is
// sent for a moment: if less is lost then, something drops what is above its rate (a policer, a queue that is
// shorter than the target), and what came is the capacity; if not, that is what the path loses now.
//
// The queue never empties by itself, so the least delay would be forgotten: every few seconds, and where the
// queue stays though less is sent, half the rate for a moment shows it. What stays then is not ours, or the
// path is another one.
//
//     begin (up to three times the rate each RTT) --- a queue, or three RTTs without more, or a fifth lost
//     ---> steady
//
// Sources: delivery rate as in draft-cheng-iccrg-delivery-rate-estimation, by the receiver's clock, so that
// reports which come late or together change nothing; what to do with it, draft-cardwell-iccrg-bbr-
// congestion-control; delay as a target, RFC 6817 (LEDBAT).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "mptunnel/base/time.h"

namespace mptunnel {

/// What one acknowledgement says of one path. Bytes are of UDP payload.
struct DeliveryReport {
  /// The least time that packets took since the last report: by the peer's clock when they came, by ours when
  /// they left. How far the clocks are apart does not matter.
  Duration least_delay{};
  // Of the newest packet that came by this path:
  Duration arrived{};          ///< by the peer's clock
  std::uint64_t received = 0;  ///< bytes that had come by the path with it, in all
  TimePoint left;              ///< when we sent it
  std::uint64_t sent = 0;      ///< bytes that had left by the path with it, in all
  Duration rtt{};
  std::uint64_t sent_by_now = 0;  ///< bytes that have left by the path, in all
  // Since the last report:
  std::uint64_t acknowledged = 0;  ///< bytes
  std::uint64_t lost = 0;
};

class RateControl {
 public:
  /// `cap`: bytes a second that the path is never to get more than.
  explicit RateControl(std::optional<double> cap = {}) : cap_(cap) {}

  /// `is_limited`: since the last report there was more to send than the rate let through.
  void on_report(const DeliveryReport& report, bool is_limited, TimePoint now);

  /// Bytes a second. Before the first report, fourteen packets in 100 ms.
  [[nodiscard]] double rate() const;
  /// What the bottleneck passes on, in bytes a second; 0: not known.
  [[nodiscard]] double capacity() const { return capacity_; }
  /// The least time that packets take: by the peer's clock when they come, by ours when they leave. nullopt
  /// before the first report.
  [[nodiscard]] std::optional<Duration> base_delay() const {
    return least_.empty() ? std::nullopt : std::optional(from_seconds(least_.front().delay));
  }
  /// How long what is under way waits at the bottleneck.
  [[nodiscard]] Duration queue() const { return from_seconds(queue_); }
  /// How long a packet waits there that leaves now, once so many bytes have left by the path in all.
  [[nodiscard]] Duration queue_after(std::uint64_t sent, TimePoint now) const;
  [[nodiscard]] Duration target() const { return from_seconds(target_); }
  /// The share of bytes that get lost.
  [[nodiscard]] double loss() const { return loss_; }
  /// How much may be under way at most, in bytes, should reports stay out.
  [[nodiscard]] std::size_t window() const;
  [[nodiscard]] bool is_beginning() const { return is_beginning_; }

 private:
  struct Point {
    double arrived = 0;
    std::uint64_t received = 0;
    double left = 0;
    std::uint64_t sent = 0;
  };
  struct Delay {
    double at = 0;
    double delay = 0;
  };

  static Duration from_seconds(double value) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value));
  }

  /// Whether the report goes on from the last one; what does not is dropped, and after a while begins anew.
  bool is_news(const DeliveryReport& report, double now);
  void note_delay(double delay, double now);
  void look_for_base(double now);
  void note_loss(const DeliveryReport& report, bool is_limited, double now);
  void judge_loss(double now);
  [[nodiscard]] std::optional<Point> over_a_round(const DeliveryReport& report);
  void learn(double delivered, double offered, bool was_busy);
  void begin(double delivered, bool is_limited, double now);
  void steady(bool is_limited, double now);
  [[nodiscard]] double least_rtt() const;
  [[nodiscard]] double recent_span() const;
  [[nodiscard]] bool is_busy() const { return queue_ > target_ / 4; }

  std::optional<double> cap_;
  std::deque<Delay> least_;       ///< of the last kBaseLife, each less than those after it
  std::deque<Delay> recent_;      ///< of recent_span(), about half an RTT
  std::deque<Point> points_;      ///< of the last RTT
  double rtt_ = 0;                ///< smoothed, in seconds
  double base_seen_ = 0;          ///< when packets last came as fast as the base says
  double high_since_ = 0;         ///< since when the queue is above twice the target; 0: it is not
  double high_capacity_ = 0;      ///< what was known then
  double looking_from_ = 0;       ///< what comes from then on is taken for the base;
  double looking_until_ = 0;      ///< until then less is sent, so that it is without our queue
  double looking_ = 0;            ///< how long that takes
  double delay_before_ = 0;       ///< the least delay before,
  bool is_stuck_ = false;         ///< and whether it is because the queue stays
  std::optional<double> looked_;  ///< the least delay since looking_from_
  double drained_ = 0;            ///< when what was sent too fast, while the rate was looked for, is gone
  double last_queue_ = 0;         ///< as the last report says
  double idle_ = 0;               ///< when there was next to none last
  double heard_ = 0;              ///< when the last report that was news came
  double noise_ = 0;              ///< by how much the least delay of one report differs from that of the next
  double queue_ = 0;
  double target_ = 0;
  double capacity_ = 0;
  double delivered_ = 0;  ///< in the last RTT
  double rate_ = 0;
  double loss_ = 0;
  /// Bytes that came or were lost, and those that were lost, counted for one judgement.
  double settled_ = 0;
  double missing_ = 0;
  double counts_from_ = 0;      ///< when counting begins
  bool is_trying_ = false;      ///< whether less loss comes with a lower rate
  double tried_loss_ = 0;       ///< what made it try,
  double tried_delivered_ = 0;  ///< and what came then, in bytes a second
  bool is_beginning_ = true;
  double round_ = 0;  ///< when the round began
  double best_ = 0;   ///< the rate at which more came than in the round before
  int flat_ = 0;      ///< rounds without more
  bool is_round_limited_ = false;
  double round_came_ = 0;
  double round_lost_ = 0;
  double boost_ = 1;
  double boosted_ = 0;
};

}  // namespace mptunnel
