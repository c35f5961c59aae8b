// What a bad link does to one direction of traffic, as numbers in and a verdict out. It reads no clock, holds
// no datagram and sends nothing, so it serves a simulation in virtual time as well as lossy_bridge.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/time.h"
#include "support/common/prng.h"

namespace mptunnel::test {

/// Why a datagram was lost: the verdict, its name in the statistics and the index of its counter.
enum class Loss : std::uint8_t {
  random,    ///< independent loss
  burst,     ///< the bad state of the Gilbert-Elliott model
  shared,    ///< lost on all links that have such loss
  blackout,  ///< nothing passes
  mtu,       ///< larger than the link takes
  queue,     ///< a copy that found the queue before the rate limit full
  memory,    ///< a copy that found too many delayed datagrams waiting
  client,    ///< of a client that the bridge does not have: refused, or gone meanwhile
  send,      ///< a copy that the kernel did not take
};
inline constexpr std::size_t kLossKinds = 9;
/// "random", "burst" and so on.
const char* name_of(Loss loss);

/// From `begin` until before `end`, both since the start of the link.
struct Blackout {
  Duration begin{0};
  Duration end{0};
};

struct ImpairmentOptions {
  double loss_percent = 0;
  double burst_loss_percent = 0;   ///< of all datagrams, in the long run
  double burst_length = 5;         ///< mean number of datagrams lost in a row, at least 1
  double shared_loss_percent = 0;  ///< of different datagrams, with all their copies on other links
  Duration delay{0};
  Duration jitter{0};       ///< added to the delay, uniform from 0 to this
  bool keep_order = false;  ///< jitter delays followers instead of reordering
  double duplicate_percent = 0;
  double flip_percent = 0;              ///< of forwarded copies: one random bit is flipped
  double rate_kbit_s = 0;               ///< of UDP payload; 0: no limit
  std::size_t queue_bytes = 256 << 10;  ///< UDP payload waiting for the rate limit
  std::size_t mtu_bytes = std::numeric_limits<std::size_t>::max();  ///< largest UDP payload
  bool blackout = false;
  std::vector<Blackout> blackouts{};

  /// Whether the values fit one another; the error says what does not.
  [[nodiscard]] tl::expected<void, std::string> check() const;
};

/// Loss in bursts: a good state that loses nothing and a bad one that loses all (Gilbert 1960, Elliott 1963).
class BurstLoss {
 public:
  BurstLoss(double percent, double mean_length, std::uint64_t seed);

  /// Keeps state and random numbers.
  void set(double percent, double mean_length);
  /// Moves by one datagram; true if it is lost.
  bool lose();
  /// Whether the two can be had together: bursts must be long enough to lose that much.
  static bool possible(double percent, double mean_length);

 private:
  double enter_ = 0;  ///< probability that a good datagram is followed by a lost one
  double leave_ = 1;  ///< probability that a lost one is followed by a good one
  bool bad_ = false;
  Prng random_;
};

/// A queue that drains at a constant rate, as a number: nothing is stored.
class RateLimiter {
 public:
  /// When the last byte of a datagram of `bytes` has left, if it fits the queue. An idle link takes any size.
  std::optional<TimePoint> admit(std::size_t bytes, double kbit_s, std::size_t queue_bytes, TimePoint now);

 private:
  TimePoint busy_until_ = TimePoint::min();
};

/// What happens to one copy of a datagram.
struct CopyVerdict {
  TimePoint release;                         ///< leaves then; `now` if nothing delays it
  std::optional<std::uint32_t> flipped_bit;  ///< counted from bit 0 of byte 0
};

struct Verdict {
  std::optional<Loss> loss;  ///< set: nothing leaves, and the rest is empty
  bool duplicated = false;
  std::size_t queue_drops = 0;  ///< copies that the full queue lost
  std::size_t count = 0;        ///< copies that leave: 0, 1 or 2
  std::array<CopyVerdict, 2> copies{};
};

/// One direction of one link. Each kind of impairment draws from a stream of its own, and every datagram
/// draws the same numbers whatever befalls it: what happens to the n-th datagram follows from seed, options
/// and n, and for rate, order and blackouts from the times.
class Impairments {
 public:
  Impairments(const ImpairmentOptions& options, std::uint64_t seed, TimePoint start);

  [[nodiscard]] const ImpairmentOptions& options() const { return options_; }
  /// From the next datagram on. `options` must pass check().
  void set_options(const ImpairmentOptions& options);
  /// Judges the next datagram, of `bytes` of UDP payload, by all but shared loss.
  Verdict judge(std::size_t bytes, TimePoint now) { return judge(bytes, false, now); }
  /// Judges the next datagram. Whether it is lost with its copies on other links follows from its bytes
  /// alone, so links need not know one another, nor share a seed.
  Verdict judge(ConstBytes datagram, TimePoint now);
  [[nodiscard]] bool in_blackout(TimePoint now) const;

 private:
  Verdict judge(std::size_t bytes, bool lost_on_all, TimePoint now);
  void judge_copy(Verdict& verdict, std::size_t bytes, double jitter, std::optional<std::uint32_t> flip,
                  TimePoint now);

  ImpairmentOptions options_;
  TimePoint start_;
  TimePoint last_release_ = TimePoint::min();
  RateLimiter rate_;
  BurstLoss burst_;
  Prng loss_random_;
  Prng duplicate_random_;
  Prng flip_random_;
  Prng jitter_random_;
};

}  // namespace mptunnel::test
