// Sends the client's PINGs and MTU probes, and lets time change the states of its paths.
#pragma once

#include <optional>

#include "mptunnel/engine/client_state.h"
#include "mptunnel/engine/output.h"

namespace mptunnel {

class ClientProber {
 public:
  /// `state` outlives the prober.
  explicit ClientProber(ClientState& state) : state_(state) {}

  /// Sends a PING under this key, behind `first` if there is one.
  void probe(LinkEpoch& epoch, PathId path, const std::optional<Frame>& first, Output& out, TimePoint now);
  /// A PONG for this path came by this path. Returns whether the path came up with it.
  bool on_answer(LinkEpoch& epoch, PathId path, std::uint32_t sequence, Output& out, TimePoint now);
  /// Sends what is due and lets paths become suspect or down. There is a session.
  void run(Output& out, TimePoint now);
  [[nodiscard]] TimePoint deadline() const;
  /// Lets backups take over or rest; the server is to do the same.
  void update_standby(Output& out, TimePoint now);

  /// When the first PING under the current key left after which nothing authenticated came; nullopt if
  /// something did.
  [[nodiscard]] std::optional<TimePoint> unanswered_since() const { return unanswered_since_; }
  void note_heard() { unanswered_since_.reset(); }

 private:
  void note_change(PathId path, PathState was, Duration silent, std::uint32_t probes, Output& out) const;

  ClientState& state_;
  std::optional<TimePoint> unanswered_since_;
};

}  // namespace mptunnel
