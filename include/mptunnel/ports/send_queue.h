// What waits in the machine behind one socket, and how long that takes to leave: asked from the kernel a few
// times in 100 ms, and at each send only while packets stand there. What it is not: a queue of its own, or a
// rate for the path; it keeps what the kernel holds young.
//
//     empty ------ packets stand (kFreeQueueBytes) -----> measured: after one send and before the next one,
//       ^                                                  the queue only drains, and that is the rate
//       |                                                      |
//       +------ 5 s without a standing queue: forgotten <-- known: room() is kMaxQueueAge at that rate
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "mptunnel/base/time.h"

namespace mptunnel {

/// How long a packet may wait in the machine. Beyond it a path would show a round trip time that makes it
/// suspect, and what arrives is of no use to a call.
inline constexpr Duration kMaxQueueAge = std::chrono::milliseconds(100);
/// So much may always wait, as the kernel charges: two full packets and one more that is let in. On a line of
/// 64 kbit/s that is half a second; less would leave it idle.
inline constexpr std::size_t kFreeQueueBytes = 5000;
/// How often a socket is asked while nothing stands: half as often while it is always found empty. One
/// question takes 0.2 to 1 us.
inline constexpr Duration kQueueSampleEach = std::chrono::milliseconds(5);
inline constexpr Duration kEmptySampleEach = std::chrono::milliseconds(10);
/// What the kernel charges for a packet besides its payload: about, on x86-64, Linux 6.18. It decides only
/// how many are let in before the kernel is asked again.
inline constexpr std::size_t kPacketChargeBytes = 900;

class SendQueue {
 public:
  enum class Limit : std::uint8_t { age, none };
  /// `none`: it is measured alone.
  explicit SendQueue(Limit limit = Limit::age) : limit_(limit) {}

  static constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

  /// Whether the kernel is to be asked before a send at `now`; and then, whether after it as well.
  [[nodiscard]] bool is_due(TimePoint now) const { return now >= next_; }
  [[nodiscard]] bool is_due_after() const { return residue_ > 0 || rate_.has_value(); }
  /// The answers, in bytes as the kernel charges them. A send that is refused has no after().
  void before(std::size_t queued, TimePoint now);
  void after(std::size_t queued, TimePoint now);
  /// The kernel was not asked after the send: so much payload left.
  void sent(std::size_t bytes) {
    queued_ += bytes;
    marked_at_.reset();
  }
  /// There was no room for something.
  void refused(TimePoint now);

  /// How much more may wait, in bytes as the kernel charges them; kNoLimit while the rate is not known.
  [[nodiscard]] std::size_t room() const;
  /// How long what waits takes to leave; nullopt while the rate is not known.
  [[nodiscard]] std::optional<Duration> age() const;
  /// What waited before the last measured send.
  [[nodiscard]] std::size_t residue() const { return residue_; }
  /// When kFreeQueueBytes waited before a send last, or there was no room.
  [[nodiscard]] TimePoint stood_at() const { return stood_at_; }

 private:
  void learn(std::size_t queued, TimePoint now);
  void mark(std::size_t queued, TimePoint now);
  [[nodiscard]] double bytes_in(Duration span) const;

  Limit limit_;
  TimePoint next_{};  ///< when the kernel is asked again
  std::size_t residue_ = 0;
  std::size_t queued_ = 0;              ///< as last known
  std::optional<TimePoint> marked_at_;  ///< nothing was sent since: what is missing then has left
  std::size_t marked_ = 0;              ///< and so much waited
  double drained_ = 0;                  ///< bytes that were seen leaving,
  Duration watched_{};                  ///< in so much time
  std::optional<double> rate_;          ///< bytes a second
  bool is_learnt_ = false;              ///< over a whole window; else an upper bound
  bool was_refused_ = false;            ///< since the queue was empty
  TimePoint stood_at_{};                ///< when packets stood last, or were refused
  TimePoint learn_at_{};                ///< when to measure each send again
};

}  // namespace mptunnel
