// One path as the end that probes it (the client) sees it: its state, its round-trip time, when to PING next.
//
//     new ----- answer -----> up <---- answer ---- suspect <--.
//      |                       |                      ^       | no answer for 1.5 x (RTT + 4 variations),
//      | no answer             '----------------------+-------' at least 50 ms
//      v for max(3 RTT, 1 s)                          | no answer for max(3 RTT, 1 s) and to 3 probes
//     down <------------------------------------------'
//      '----- answer -----> up
//
// Only answers that were authenticated are reported here. Copies go to every path that is available and not
// down.
#pragma once

#include <array>
#include <optional>

#include "mptunnel/base/time.h"
#include "mptunnel/session/rtt_estimator.h"

namespace mptunnel {

enum class PathState : std::uint8_t { fresh, up, suspect, down };
/// "new", "up", "suspect", "down".
const char* name_of(PathState state);

class ProbedPath {
 public:
  /// Whether the path has a socket and an address. A path that becomes available starts as new.
  void set_available(bool available);
  [[nodiscard]] bool is_available() const { return available_; }
  [[nodiscard]] PathState state() const { return state_; }
  /// Available and not down: copies go to it.
  [[nodiscard]] bool carries_data() const { return available_ && state_ != PathState::down; }
  [[nodiscard]] const RttEstimator& rtt() const { return rtt_; }
  [[nodiscard]] std::optional<TimePoint> last_answer() const { return last_answer_; }

  /// When the next PING is due; `moving` says whether data moves. The past where none was sent yet.
  [[nodiscard]] TimePoint next_probe(bool moving) const;
  /// Records a PING that leaves now; returns its sequence number.
  std::uint32_t probe(TimePoint now);
  /// An authenticated PONG came. Returns the state before it, or nothing where it answers no PING that is
  /// remembered.
  std::optional<PathState> answered(std::uint32_t sequence, TimePoint now);
  /// When update() would change the state, or kNever.
  [[nodiscard]] TimePoint next_change() const;
  /// Lets time pass: returns true where the state changed.
  bool update(TimePoint now);

 private:
  static constexpr std::size_t kRemembered = 64;
  struct Probe {
    std::uint32_t sequence = 0;
    TimePoint sent;
    bool open = false;
  };

  [[nodiscard]] Duration suspect_after() const;
  [[nodiscard]] Duration down_after() const;

  bool available_ = false;
  PathState state_ = PathState::fresh;
  RttEstimator rtt_;
  std::optional<TimePoint> last_probe_;
  std::optional<TimePoint> last_answer_;
  std::optional<TimePoint> silent_since_;  ///< when the first PING after the last answer left
  std::uint32_t unanswered_ = 0;           ///< PINGs since then
  std::uint32_t next_sequence_ = 0;
  std::array<Probe, kRemembered> probes_{};
};

}  // namespace mptunnel
