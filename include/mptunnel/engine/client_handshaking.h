// When the client makes keys, and what becomes of them.
//
// A handshake starts if there is no session, a key is to be renewed, or nothing was heard while data moves;
// the session, if there is one, goes on beside it. HANDSHAKE 1 goes out on all paths, and again until an
// answer comes. Then CLIENT_HELLO goes out under the new key on all paths, until SERVER_HELLO confirms it.
#pragma once

#include <optional>

#include "mptunnel/engine/client_prober.h"
#include "mptunnel/engine/client_state.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/client_handshake.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

class ClientHandshaking {
 public:
  /// `state` and `prober` outlive the object.
  ClientHandshaking(const ClientSettings& settings, ClientState& state, ClientProber& prober);

  /// A path has a socket now, or another address.
  void on_path(TimePoint now);
  /// A datagram waits for a session: the next HANDSHAKE 1 goes out kHandshakeRepeat after the last, however
  /// long the pauses have become.
  void hurry();
  /// HANDSHAKE 2 came.
  void on_answer(ConstBytes packet, Output& out, TimePoint now);
  /// SERVER_HELLO came under the next key. Returns whether the server still knows the session's flows.
  bool on_confirmed(bool resumed, Output& out, TimePoint now);
  /// CLOSE came under this key.
  void on_close(const LinkEpoch& epoch, CloseReason reason, Output& out, TimePoint now);
  /// A packet under this key shows that the server is alive.
  void on_heard(const LinkEpoch& epoch, TimePoint now);
  /// The state of a path has changed: without one that carries data, a handshake starts beside the session.
  void on_paths_changed(Output& out, TimePoint now);
  void run(Output& out, TimePoint now);
  /// Once a second: gives a spent key up.
  void check_key(TimePoint now);
  [[nodiscard]] TimePoint deadline() const;

 private:
  void start(bool for_silence, TimePoint now);
  void send_handshake(Output& out, TimePoint now);
  void send_hellos(Output& out, TimePoint now);
  /// After a refusal: pauses for kHandshakeRepeatMax. Until somebody changes a setting, the server would
  /// answer the same again.
  void hold_off(TimePoint now);
  void give_up_handshake();
  [[nodiscard]] bool is_idle() const { return !is_handshaking_ && state_.link.next() == nullptr; }
  [[nodiscard]] TimePoint silence_deadline() const;
  [[nodiscard]] SessionIndex free_index();

  ClientState& state_;
  ClientProber& prober_;
  ClientIdentity identity_;
  ProcessId process_;
  ClientHandshake handshake_;
  bool is_handshaking_ = false;
  bool is_for_silence_ = false;  ///< to be given up when the session is heard again
  TimePoint next_handshake_ = kNever;
  std::optional<TimePoint> last_handshake_;
  std::optional<TimePoint> handshaking_since_;
  Duration backoff_ = kHandshakeRepeat;
  std::optional<TimePoint> next_since_;  ///< when the next epoch was made
  TimePoint next_hello_ = kNever;
  Duration hello_life_{};      ///< how long the next epoch waits for SERVER_HELLO
  Duration hello_life_min_{};  ///< lower bound of hello_life_, raised when that was too short
  bool said_no_answer_ = false;
  bool said_refused_ = false;
  bool said_lost_ = false;
};

}  // namespace mptunnel
