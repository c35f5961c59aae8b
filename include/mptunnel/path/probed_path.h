// One path as the end that probes it (the client) sees it: its state, its round-trip time, when to PING next.
//
//     new ----- answer -----> up <---- answer ---- suspect <--.
//      |                       |                      ^       | silent for 1.5 x (RTT + 4 variations) and
//      |                       '----------------------+-------' at least 200 ms, and to 2 probes
//      | silent for max(3 RTT, 1 s), to 3 probes      |
//      v                                              | silent for max(3 RTT, 1 s), to 3 probes
//     down <------------------------------------------'
//      '----- answer -----> up
//
// A suspect path that passes in one direction alone stays suspect: its PINGs are answered by the other paths,
// and sent by them, too, so that each end knows what the other hears.
//
// Only answers that were authenticated are reported here. A suspect path is probed so often that one which
// only loses much is not taken for dead: with half of the packets lost each way, 40 probes and their answers
// all go missing once in 100,000 times. On a slow path these are spread over the longer time that it has.
//
// A queue in front of a slow link makes answers late, and those of all PINGs in it. The last answer says how
// long one takes now: the PINGs that were under way when it came may take one and a half times as long. While
// the queue fills, none is so late that the path is down, or passes in one direction alone, for seconds.
#pragma once

#include <array>
#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/path/path_state.h"
#include "mptunnel/path/rtt_estimator.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// What the user says of a path.
struct PathTraits {
  bool backup = false;                   ///< carries nothing while enough others are up
  bool metered = false;                  ///< the same, and is probed as rarely as possible
  Duration keepalive = kProbeWhileIdle;  ///< PING interval while nothing moves
  Duration delay{};                      ///< its copies leave so much later than those of other paths

  /// Either of the two: the path is kept for when others fail.
  [[nodiscard]] bool is_reserve() const { return backup || metered; }
};

class ProbedPath {
 public:
  /// Keeps everything else as it is.
  void set_traits(const PathTraits& traits) { traits_ = traits; }
  [[nodiscard]] const PathTraits& traits() const { return traits_; }
  /// Whether the path has a socket and an address. A path that becomes available starts as new.
  void set_available(bool available);
  [[nodiscard]] bool is_available() const { return available_; }
  /// It leads to another address, or from another, from now on: PINGs sent before are not answered any more.
  /// A path that was down stays down, and is probed at once; any other is new.
  void readdress();
  /// Whether it waits for others to fail.
  void set_standby(bool standby) { standby_ = standby; }
  [[nodiscard]] bool is_standby() const { return standby_; }
  /// Whether another path waits for this one to fail: it is probed more often, so that this one takes over
  /// within 300 ms.
  void set_backed(bool backed) { backed_ = backed; }
  /// It stands by, and is paid by volume: only what is necessary is sent on it.
  [[nodiscard]] bool is_spared() const { return standby_ && traits_.metered; }
  [[nodiscard]] bool is_up() const { return available_ && state_ == PathState::up; }

  [[nodiscard]] PathState state() const { return state_; }
  /// Available, not down, and not known to pass inwards alone: copies may go to it.
  [[nodiscard]] bool carries_data() const {
    return available_ && state_ != PathState::down && one_way_ != OneWay::in;
  }
  /// The direction in which alone a suspect path passes, as reports that came by other paths, or PINGs that
  /// went by them, have shown.
  enum class OneWay : std::uint8_t { no, out, in };
  [[nodiscard]] OneWay one_way() const { return one_way_; }
  /// Nothing comes back: its PINGs are to be answered by every path, and go by every other one, too.
  [[nodiscard]] bool wants_help() const {
    return available_ && (state_ == PathState::suspect || state_ == PathState::down);
  }
  [[nodiscard]] const RttEstimator& rtt() const { return rtt_; }
  [[nodiscard]] std::optional<TimePoint> last_answer() const { return last_answer_; }
  /// When the first PING left that nothing has answered since; nullopt if all are answered.
  [[nodiscard]] std::optional<TimePoint> silent_since() const { return silent_since_; }
  /// For how long.
  [[nodiscard]] Duration silence(TimePoint now) const {
    const auto& since = outage_since_ ? outage_since_ : silent_since_;
    return since ? now - *since : Duration{};
  }
  /// PINGs since then.
  [[nodiscard]] std::uint32_t unanswered() const { return unanswered_; }
  /// The share of PINGs that are answered, of the last 16 or so.
  [[nodiscard]] double answer_share() const { return answer_share_; }

  /// How far apart PINGs are while all is well; `moving` says whether much data moves.
  [[nodiscard]] Duration interval(bool moving) const;
  /// When the next PING is due. In the past if none was sent yet. A datagram that was `sent` after the last
  /// PING makes one due, kProbeWhileSparse after that or at once; kProbeWhileDown if the path is down.
  [[nodiscard]] TimePoint next_probe(bool moving, std::optional<TimePoint> sent = std::nullopt) const;
  /// Records a PING that leaves now, and that promises the peer the next one after interval(moving);
  /// returns its sequence number.
  std::uint32_t probe(bool moving, TimePoint now);
  /// An authenticated PONG came. Returns the state before it, or nullopt if it answers no PING that is
  /// remembered.
  std::optional<PathState> answered(std::uint32_t sequence, TimePoint now);
  /// A PONG that came by another path shows that this PING, sent by this path, arrived. Returns whether the
  /// state changed: a path that was down is suspect.
  bool passed_out(std::uint32_t sequence, TimePoint now);
  /// Something authenticated came by this path. Returns as passed_out().
  bool passed_in(TimePoint now);
  /// The PINGs so far could not be answered, because the server did not know their key: silence counts from
  /// now on.
  void forgive_silence(TimePoint now);
  /// When update() would change the state, or kNever.
  [[nodiscard]] TimePoint next_change() const;
  /// Lets time pass: returns whether the state changed, or one_way().
  bool update(TimePoint now);

 private:
  static constexpr std::size_t kRemembered = 512;
  struct Probe {
    std::uint32_t sequence = 0;
    TimePoint sent;
    bool open = false;
  };

  /// Takes the RTT from an answer, unless one of the programs, and not the path, held it up.
  void time(std::uint32_t sequence, Duration sample, TimePoint now);
  /// Of the PINGs that were under way when the last answer came: how long they may take at least.
  [[nodiscard]] Duration queue_patience() const;
  /// The direction in which alone it has passed lately.
  [[nodiscard]] OneWay shown_one_way(TimePoint now) const;
  /// Until when what has shown that lasts, if nothing more comes.
  [[nodiscard]] TimePoint shown_until(OneWay way) const;
  /// How long it counts that something passed in one direction.
  [[nodiscard]] Duration one_way_lasts() const { return std::max(down_after(), 3 * announced_); }
  /// A sign of life of a path that was down.
  bool revive(TimePoint now);
  [[nodiscard]] Duration suspect_after() const;
  [[nodiscard]] Duration down_after() const;
  /// The same, without what the last answer says.
  [[nodiscard]] Duration down_after_learnt() const;
  [[nodiscard]] Duration suspect_interval() const;
  /// When a PING is due: this long after the last one, or because of a datagram that was `sent`, though not
  /// before `gap` is over.
  [[nodiscard]] TimePoint due_after(Duration wait, Duration gap, std::optional<TimePoint> sent) const;

  PathTraits traits_;
  bool available_ = false;
  bool standby_ = false;
  bool backed_ = false;
  PathState state_ = PathState::fresh;
  OneWay one_way_ = OneWay::no;
  std::optional<TimePoint> last_out_;  ///< as passed_out() and passed_in() said
  std::optional<TimePoint> last_in_;
  Duration out_took_{};  ///< how long it took until last_out_ was known, the other path's way back included
  TimePoint judged_again_ = TimePoint::min();  ///< no change before, of a suspect path that passes in one
  RttEstimator rtt_;
  double answer_share_ = 1;
  std::optional<TimePoint> last_probe_;
  Duration announced_{};  ///< what the last PING promised the peer
  std::optional<TimePoint> last_answer_;
  Duration last_took_{};  ///< how long that answer took, whether it counts for the RTT or not
  std::optional<TimePoint> silent_since_;
  std::optional<TimePoint> outage_since_;  ///< the same, of a path that was down and gave a sign of life
  std::uint32_t unanswered_ = 0;
  std::uint32_t next_sequence_ = 0;
  std::uint32_t next_to_answer_ = 0;  ///< behind the highest that was answered
  std::uint32_t first_timed_ = 0;     ///< PINGs before were answered after an outage: no RTT
  unsigned untimely_ = 0;             ///< answers in a row that came too late to be believed, one an instant
  TimePoint last_untimely_{};         ///< when the last of them came
  std::array<Probe, kRemembered> probes_{};
};

}  // namespace mptunnel
