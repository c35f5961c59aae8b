// How large a packet one direction of one path carries, found by padded probes (RFC 8899), never by ICMP.
//
//     base      1,200 bytes are taken to pass, and a probe of that size is to confirm it
//     search    a larger probe that is answered raises the size; one that is not, though sent several times,
//               is an upper bound. Sizes of common links first, then the middle of what is left
//     done      both bounds are near enough. Every 10 minutes larger sizes are searched again; while large
//               packets move, probes of the present size confirm it. If none is answered: base again
//
// What it is not: a sender of probes. Sizes are of UDP payloads.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/path/rtt_estimator.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

class MtuSearch {
 public:
  /// The path is in use from now on, or again: all that was known of it is forgotten.
  void start(TimePoint now);
  /// It is not probed any more, and taken to carry kBaseMtu.
  void stop();

  [[nodiscard]] bool is_off() const { return phase_ == Phase::off; }
  /// The largest packet that the path is taken to carry.
  [[nodiscard]] std::size_t mtu() const { return low_; }
  /// Whether that was found out, and not only assumed.
  [[nodiscard]] bool is_measured() const { return is_measured_; }
  /// Whether it was seen to pass, and is not what is left because nothing was: a path that answers no probe
  /// says nothing of its size.
  [[nodiscard]] bool is_certain() const { return largest_seen_ >= low_; }
  /// A size above kBaseMtu was not confirmed when it should have been, as after a time without large packets,
  /// or by probes that should have been answered by now: the path may carry less.
  [[nodiscard]] bool is_doubted(TimePoint now) const {
    return now >= doubted_from_ && low_ > kBaseMtu && phase_ != Phase::search;
  }
  /// When probe() has something to do, or kNever. Upward searches of a measured path begin only while
  /// `moving`.
  [[nodiscard]] TimePoint next_probe(bool moving) const;
  /// How long an answer may take, and after how many probes without one the size is taken not to pass.
  struct Patience {
    Duration answer{};
    unsigned tries = 3;
    unsigned confirm_tries = 6;  ///< before a size that did pass is given up
    unsigned doubt_tries = 2;    ///< before it is doubted, if the last of them is late, too:
    Duration late{};             ///< after so long; `answer` at most. Then a second probe asks again
    /// For a path with this round trip time, on which this share of probes is answered.
    static Patience of(const RttEstimator& rtt, double answer_share);
  };
  /// The size to probe with now; nullopt if no probe is due.
  std::optional<std::size_t> probe(const Patience& patience, bool moving, TimePoint now);
  /// The peer got a probe of this size.
  void on_seen(std::size_t size, TimePoint now);
  /// The own host could not send a packet of this size.
  void on_refused(std::size_t size, TimePoint now);
  /// Packets larger than kBaseMtu were sent.
  void note_large(TimePoint now) {
    last_large_ = now;
    ++large_;
  }

 private:
  enum class Phase : std::uint8_t { off, base, search, done, confirm };

  void aim(TimePoint now);
  void give_up(TimePoint now);
  void finish(TimePoint now);
  void rise(TimePoint now);
  /// How late a confirmation may be before low_ is doubted.
  [[nodiscard]] Duration slack() const { return std::max<Duration>(kMtuDoubtAfter, 3 * answer_); }
  [[nodiscard]] bool is_large_moving(TimePoint now) const;
  /// How long after a confirmation the next is due.
  [[nodiscard]] Duration confirm_after() const {
    return large_ >= kMtuConfirmLarge ? kMtuConfirmAtLeast : kMtuConfirmAfter;
  }

  Phase phase_ = Phase::off;
  bool is_measured_ = false;
  std::size_t largest_seen_ = 0;            ///< since the search began
  std::size_t low_ = kBaseMtu;              ///< passes, or is assumed to
  std::size_t high_ = kMaxPacketBytes + 1;  ///< does not pass, as far as is known
  std::size_t ceiling_ = 0;                 ///< high_ if kBaseMtu, asked once more, does not pass; 0: none
  std::size_t size_ = 0;                    ///< under test
  unsigned tries_ = 0;                      ///< probes of this size that were sent
  TimePoint next_ = kNever;
  TimePoint confirmed_{};  ///< when a probe of low_ was last answered
  TimePoint doubted_from_{};
  Duration answer_{};  ///< how long the last probe may have taken
  Duration early_{};   ///< how much sooner than after answer_ a confirmation sends its second probe
  TimePoint rise_at_ = kNever;
  Duration base_again_ = kMtuBaseAgainAfter;  ///< how long after the next search that ends below kBaseMtu
  std::optional<TimePoint> last_large_;
  unsigned large_ = 0;  ///< note_large() since the last confirmation
};

}  // namespace mptunnel
