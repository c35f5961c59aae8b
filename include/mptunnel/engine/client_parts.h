// The parts of the client's engine. They act on one ClientState; ClientEngine wires them. The state, and
// the other parts that a part is given, outlive it.
#pragma once

#include <optional>
#include <vector>

#include "mptunnel/engine/client_addressing.h"
#include "mptunnel/engine/client_introducing.h"
#include "mptunnel/engine/client_outbound.h"
#include "mptunnel/engine/client_state.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/flows.h"
#include "mptunnel/session/handshake.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

/// Sends the client's PINGs and MTU probes, and lets time change the states of its paths.
class ClientProber {
 public:
  explicit ClientProber(ClientState& state) : state_(state) {}

  /// Sends a PING under this key, behind `frames`.
  void probe(LinkEpoch& epoch, PathId path, std::vector<Frame> frames, Output& out, TimePoint now);
  /// Sends a PING at once if there is a session, so that the server knows whether data may come this way.
  void tell_server(PathId path, Output& out, TimePoint now);
  /// The path has no socket any more: the server is told so by the others, unless it was often enough. Else
  /// it would miss the PINGs only after three intervals of an idle path.
  void tell_gone(PathId path, Output& out, TimePoint now);
  /// A PONG for this path came by this path. Returns whether the path may carry data now and could not
  /// before.
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
  /// Whether the answer shows that the path does not lead through ourselves.
  bool judge_tunnel(PathId path, std::uint32_t sequence, Output& out, TimePoint now);
  /// The same PING by all paths that carry data but this one: it may pass inwards alone.
  void probe_by_proxy(LinkEpoch& epoch, PathId path, PathReport report, Output& out, TimePoint now);
  /// Time has changed the state of a path that does not answer.
  void note_silence(PathId id, PathState was, Output& out, TimePoint now);
  void note_change(PathId path, PathState was, Duration silent, std::uint32_t probes, Output& out) const;

  ClientState& state_;
  std::optional<TimePoint> unanswered_since_;
};

/// When the client makes keys, and what becomes of them.
///
/// A handshake starts if there is no session, a key is to be renewed, or nothing was heard while data moves;
/// the session, if there is one, goes on beside it. HANDSHAKE 1 goes out on all paths, and again until an
/// answer comes; to renew the key of a session that is alive, it goes inside that. Then CLIENT_HELLO goes out
/// under the new key on all paths, until SERVER_HELLO confirms it.
class ClientHandshaking {
 public:
  ClientHandshaking(const ClientSettings& settings, ClientState& state, ClientProber& prober);

  /// A path has a socket now, or another address.
  void on_path(TimePoint now);
  /// A datagram waits for a session: the next HANDSHAKE 1 goes out kHandshakeRepeat after the last, however
  /// long the pauses have become.
  void hurry();
  /// HANDSHAKE 2 came.
  void on_answer(ConstBytes packet, Output& out, TimePoint now);
  /// COOKIE came by this path: HANDSHAKE 1 goes out there again, with it.
  void on_cookie(ConstBytes packet, PathId path, Output& out, TimePoint now);
  /// SERVER_HELLO came under the next key. Returns whether the server still knows the session's flows.
  bool on_confirmed(bool resumed, Output& out, TimePoint now);
  /// CLOSE came under this key.
  void on_close(const LinkEpoch& epoch, CloseReason reason, Output& out, TimePoint now);
  /// A packet under this key shows that the server is alive.
  void on_heard(const LinkEpoch& epoch, TimePoint now);
  /// The state of a path has changed: without one that carries data, a handshake starts beside the session.
  void on_paths_changed(Output& out, TimePoint now);
  /// What there is to say of handshakes that nothing answers; nullopt while there is nothing.
  [[nodiscard]] std::optional<NoAnswer> no_answer(TimePoint now) const;
  void run(Output& out, TimePoint now);
  /// Once a second: gives a spent key up.
  void check_key(TimePoint now);
  [[nodiscard]] TimePoint deadline() const;

 private:
  void start(bool for_silence, TimePoint now);
  void send_handshake(Output& out, TimePoint now);
  void note_no_answer(Output& out, TimePoint now);
  void send_inside(LinkEpoch& epoch, Output& out, TimePoint now);
  void send_outside(PathSet paths, Output& out, TimePoint now);
  void send_hellos(Output& out, TimePoint now);
  /// Pauses for kHandshakeRepeatMax: the server would answer the same again until somebody changes a setting.
  void hold_off(TimePoint now);
  void give_up_handshake();
  [[nodiscard]] bool is_idle() const { return !is_handshaking_ && state_.link.next() == nullptr; }
  [[nodiscard]] TimePoint silence_deadline() const;
  /// From when on the session counts as silent, whether data moves or not.
  [[nodiscard]] TimePoint silent_from() const;
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
  /// Why the server ended the last session, unless its program ended; nullopt once there is another.
  std::optional<CloseReason> closed_for_;
  /// Since when nothing answers handshakes without a session, and when that is said again.
  std::optional<TimePoint> no_answer_since_;
  Reminder no_answer_reminder_;
  bool said_refused_ = false;
  bool had_session_ = false;
};

/// From the server to applications: packets are opened, CONTROL frames acted on, datagrams delivered.
class ClientInbound {
 public:
  ClientInbound(ClientState& state, ClientProber& prober, ClientIntroducing& introducing,
                ClientAddressing& addressing, ClientHandshaking& handshaking, ClientOutbound& outbound)
      : state_(state),
        prober_(prober),
        introducing_(introducing),
        addressing_(addressing),
        handshaking_(handshaking),
        outbound_(outbound) {}

  /// One packet that arrived by this path.
  void on_packet(PathId path, Bytes packet, OuterEcn ecn, Output& out, TimePoint now);
  /// Datagrams that were delivered.
  [[nodiscard]] std::uint64_t datagrams() const { return datagrams_; }

 private:
  struct ControlVisitor;
  struct Arrival;

  void on_data(LinkEpoch& epoch, const Arrival& arrival);
  void on_control(const Arrival& arrival);
  void read_data(const LinkEpoch& epoch, ConstBytes frames, const Arrival& arrival);
  void read_recovered(LinkEpoch& epoch, const Arrival& arrival);
  void read_control(LinkEpoch& epoch, ConstBytes frames, const Arrival& arrival);
  void on_fragment(LinkEpoch& epoch, const FragmentFrame& fragment, const Arrival& arrival);
  void on_pong(LinkEpoch& epoch, const PathReport& report, const Arrival& arrival);
  void on_paths_changed(const Arrival& arrival);
  void deliver(const DatagramFrame& datagram, const Arrival& arrival);
  /// False if there may be no inner packets.
  bool deliver_inner(const LinkEpoch& epoch, const IpFrame& frame, const Arrival& arrival);

  ClientState& state_;
  ClientProber& prober_;
  ClientIntroducing& introducing_;
  ClientAddressing& addressing_;
  ClientHandshaking& handshaking_;
  ClientOutbound& outbound_;
  std::uint64_t datagrams_ = 0;
};

}  // namespace mptunnel
