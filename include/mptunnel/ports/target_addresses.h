// The addresses of the target's name, which of them is in use, and when another one has its turn. It is told
// what happened and knows no socket, no clock and no log.
//
//   refused, or can't be sent to   the next one has its turn: at once if this one never answered, else after
//                                  kTargetRefusedFor, so that a service may be restarted
//   silent and never answered      the next after kTargetSilentFor, for a few rounds. Some targets never
//   answer
//                                  by nature, so then the first that did not refuse stays
//   silent and answered before     the next after kTargetLostAfter, in the same way; then the one that
//   answered
//                                  again. A VPN whose server only receives is silent for 10 s
//   either                         the name is looked up again
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/time.h"

namespace mptunnel {

/// Datagrams go in and none comes out for this long: the target is silent.
inline constexpr Duration kTargetSilentFor = std::chrono::seconds{3};
inline constexpr Duration kTargetRefusedFor = std::chrono::seconds{1};
/// A silent or refusing target is looked up no more often.
inline constexpr Duration kTargetLookupEach = std::chrono::seconds{10};
inline constexpr Duration kTargetLostAfter = std::chrono::seconds{15};
/// How long an address that refused is not tried again: doubled with each refusal, up to the second.
inline constexpr Duration kTargetRefusedRest = std::chrono::seconds{1};
inline constexpr Duration kTargetRefusedRestMax = std::chrono::seconds{5};
/// How often each address has its turn if all are silent.
inline constexpr std::size_t kTargetRounds = 2;
/// When they have their turns again: if one of them answered before; and, if none did, if a new flow begins.
inline constexpr Duration kTargetRoundsAgain = std::chrono::seconds{60};
inline constexpr Duration kTargetRoundsAgainUnanswered = std::chrono::minutes{5};

class TargetAddresses {
 public:
  enum class Why : std::uint8_t { resolved, refused, silent };
  /// The address in use is another one from now on.
  struct Move {
    Endpoint from;  ///< not set if it is the first
    Endpoint to;
    Why why{};
  };

  /// The name has these addresses, at least one.
  std::optional<Move> assign(const std::vector<Endpoint>& addresses, TimePoint now);
  /// Not set before assign().
  [[nodiscard]] const Endpoint& current() const { return current_; }
  [[nodiscard]] bool has_others() const { return candidates_.size() > 1; }

  /// Whether something was sent, or refused, and no answer came since.
  [[nodiscard]] bool is_waiting() const { return silent_since_.has_value() || refused_since_.has_value(); }
  /// Since when datagrams go to the address in use, which answered before, and nothing comes back; nullopt if
  /// that is not so, or has not lasted for kTargetLostAfter. Some targets never answer by nature.
  [[nodiscard]] std::optional<TimePoint> missed_since(TimePoint now) const {
    const bool is_missed = answered_ == current_ && silent_since_ && now - *silent_since_ >= kTargetLostAfter;
    return is_missed ? silent_since_ : std::nullopt;
  }
  /// A datagram goes to the address in use.
  void note_sent(TimePoint now) {
    if (!silent_since_) silent_since_ = now;
  }
  /// One came from there.
  void note_answer();
  /// It refuses, or can't be sent to.
  void note_refused(TimePoint now);
  /// An application has a new flow.
  void note_flow(TimePoint now);

  /// When something is due; kNever if nothing is.
  [[nodiscard]] TimePoint deadline() const { return std::min(lookup_due(), move_due()); }
  /// Whether the name is to be looked up again now.
  bool take_lookup(TimePoint now);
  std::optional<Move> take_move(TimePoint now);

 private:
  struct Candidate {
    Endpoint address;
    std::optional<TimePoint> rests_until;  ///< it refused
    Duration rest = kTargetRefusedRest;    ///< after the next refusal
  };

  [[nodiscard]] TimePoint lookup_due() const;
  [[nodiscard]] TimePoint move_due() const;
  /// Whose turn it is after the address in use: of those that may be tried first, the next in the list. Null
  /// if there is no other.
  [[nodiscard]] const Candidate* next() const;
  /// From when on it may be tried. The one that answered waits for nobody that refuses.
  [[nodiscard]] TimePoint free_from(const Candidate& candidate) const;
  Candidate* find(const Endpoint& address);
  /// Where to stay once all were silent.
  [[nodiscard]] Endpoint home() const;
  Move move_to(const Endpoint& address, Why why);

  std::vector<Candidate> candidates_;
  Endpoint current_;
  std::optional<Endpoint> answered_;  ///< the one that did last
  std::optional<TimePoint> silent_since_;
  std::optional<TimePoint> refused_since_;
  std::optional<TimePoint> looked_up_;  ///< because of either
  std::size_t silent_moves_ = 0;        ///< since an address answered
  std::optional<TimePoint> gave_up_;    ///< when the rounds were over
};

}  // namespace mptunnel
