// mpclient's protocol, whole and without I/O: datagrams of applications and of paths go in, packets,
// deliveries, events and a deadline come out.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/random.h"
#include "mptunnel/engine/control_packet.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/engine/packet_sender.h"
#include "mptunnel/path/client_path.h"
#include "mptunnel/path/loop_check.h"
#include "mptunnel/session/client_flows.h"
#include "mptunnel/session/client_handshake.h"
#include "mptunnel/session/copy_check.h"
#include "mptunnel/session/datagram_queue.h"
#include "mptunnel/session/fragment_assembler.h"
#include "mptunnel/session/key_epoch.h"

namespace mptunnel {

struct ClientSettings {
  HandshakeSettings handshake;
  ClientIdentity identity{};
  std::size_t paths = 0;      ///< how many there are at first, at most kMaxPaths; see set_path_traits()
  std::size_t min_paths = 1;  ///< backup paths carry data while fewer others are up
  std::size_t max_flows = kMaxFlows;
};

class ClientEngine {
 public:
  /// `random` outlives the engine.
  ClientEngine(const ClientSettings& settings, RandomSource& random);

  /// Makes the path where there is none with this id yet.
  void set_path_traits(PathId path, const PathTraits& traits);
  /// The path has a socket and an address now, or has none any more.
  void set_path_available(PathId path, bool available, Output& out, TimePoint now);
  /// The path has a new address at either end, and stays available.
  void readdress_path(PathId path, Output& out, TimePoint now);
  /// Datagrams of one application, and the DSCP that they came with, which their packets get.
  void on_application(DatagramBatch batch, const Route& application, Output& out, TimePoint now,
                      std::uint8_t dscp = 0);
  /// What arrived on a path's socket. Decrypted in place: deliveries point into `batch`.
  void on_path(PathId path, DatagramBatch batch, Output& out, TimePoint now);
  /// To be called at deadline() or later; more often does no harm.
  void on_deadline(Output& out, TimePoint now);
  /// When on_deadline() has something to do.
  [[nodiscard]] TimePoint deadline() const;
  /// How many of a run's packets the kernel took for one of its paths; `drop` says why not the others.
  void on_sent(PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop, TimePoint now);
  /// Tells the server that this process ends.
  void close(Output& out, TimePoint now);

  /// The application of a delivery; nothing where the flow has ended.
  [[nodiscard]] const Route* application_of(FlowHandle flow);
  [[nodiscard]] bool has_session() const { return current_ != nullptr; }
  [[nodiscard]] const ProbedPath& path(PathId id) const { return paths_[id.value].probed; }
  [[nodiscard]] const ClientPath& client_path(PathId id) const { return paths_[id.value]; }
  /// What is counted of a path in the present session, or was in the last one; nothing before the first.
  [[nodiscard]] const PathTraffic* traffic(PathId id) const {
    return session_paths_ ? &(*session_paths_)[id.value] : nullptr;
  }
  /// DATA packets of the session, as far as both ends know: what is missing is the residual loss.
  [[nodiscard]] Arrivals data_in() const;
  [[nodiscard]] Arrivals data_out() const;
  /// When the session with the server began, or the last one did; nothing before the first.
  [[nodiscard]] std::optional<TimePoint> session_since() const { return session_since_; }
  /// Datagrams that some path in use could only carry in fragments.
  [[nodiscard]] std::uint64_t fragmented() const { return sender_.watch().fragmented(); }
  /// Their share lately.
  [[nodiscard]] double fragment_share() const { return sender_.watch().recent_share(); }
  /// The largest payload that all paths in use carry in one piece; nothing while there is no session.
  [[nodiscard]] std::optional<std::size_t> largest_whole(TimePoint now) const;
  [[nodiscard]] const KeyEpoch* epoch() const { return current_.get(); }
  [[nodiscard]] const DropCounters& drops() const { return drops_; }
  [[nodiscard]] std::uint64_t datagrams_in() const { return datagrams_in_; }
  [[nodiscard]] std::uint64_t datagrams_out() const { return datagrams_out_; }
  [[nodiscard]] std::size_t flows() const { return flows_.size(); }

  /// For tests of the limits: the current epoch, to be aged.
  KeyEpoch* mutable_epoch() { return current_.get(); }

 private:
  using EpochPtr = std::unique_ptr<KeyEpoch>;
  struct OldEpoch {
    EpochPtr epoch;
    TimePoint until;
  };

  // client_data.cpp
  void take_datagram(ClientFlow& flow, ConstBytes payload, const Carriers& carriers, std::uint8_t dscp,
                     Output& out, TimePoint now);
  tl::expected<void, Drop> seal_datagram(const ClientFlow& flow, ConstBytes payload, const Carriers& carriers,
                                         std::uint8_t dscp, Output& out, TimePoint now);
  /// To be called behind all seal_datagram() of one call.
  void finish_sending(const Carriers& carriers, Output& out, TimePoint now);
  [[nodiscard]] bool can_send(PathSet paths, TimePoint now) const;
  void flush_queue(Output& out, TimePoint now);
  void on_data(KeyEpoch& epoch, PathId path, const PacketHeader& header, Bytes packet, Output& out,
               TimePoint now);
  void on_opened_data(ConstBytes frames, Output& out, TimePoint now);
  void deliver(const DatagramFrame& datagram, Output& out, TimePoint now);
  void check_copy(KeyEpoch& epoch, PathId path, const PacketHeader& header, Bytes packet);
  void on_fragment(KeyEpoch& epoch, PathId path, const FragmentFrame& fragment, Output& out, TimePoint now);
  [[nodiscard]] PathSet data_paths(TimePoint now) const;
  [[nodiscard]] Carriers carriers(TimePoint now) const;
  /// What path i carries, as a function.
  [[nodiscard]] auto mtu_of() const {
    return [this](std::size_t i) { return paths_[i].mtu.mtu(); };
  }
  /// Whether a path leads back to us, as this datagram of an application shows: then it is shut.
  bool shut_looped(ConstBytes payload, Output& out, TimePoint now);
  void close_flows(const std::vector<FlowId>& closed, Output& out, TimePoint now);

  // client_control.cpp
  void on_control(KeyEpoch& epoch, PathId path, const PacketHeader& header, Bytes packet, Output& out,
                  TimePoint now);
  void on_control_frames(KeyEpoch& epoch, PathId path, ConstBytes frames, Output& out, TimePoint now);
  struct ControlVisitor;
  void on_pong(KeyEpoch& epoch, PathId path, const PathReport& report, Output& out, TimePoint now);
  void confirm(bool resumed, Output& out, TimePoint now);
  void on_close(const KeyEpoch& epoch, CloseReason reason, Output& out, TimePoint now);
  bool send_control(KeyEpoch& epoch, const std::vector<Frame>& frames, PathSet paths, Output& out,
                    TimePoint now);
  /// A PING, behind `first` if there is one.
  void send_probe(KeyEpoch& epoch, PathId path, std::optional<Frame> first, Output& out, TimePoint now);
  void heard(const KeyEpoch& epoch, TimePoint now);

  // client_timers.cpp
  void on_handshake2(ConstBytes packet, Output& out, TimePoint now);
  void start_handshake(bool for_silence, TimePoint now);
  void hurry_handshake();
  void send_handshake(Output& out, TimePoint now);
  void send_hellos(Output& out, TimePoint now);
  void run_handshake_timers(Output& out, TimePoint now);
  void run_path_timers(Output& out, TimePoint now);
  void run_mtu_timer(PathId id, Output& out, TimePoint now);
  /// Backup paths begin or stop to carry data, as the states of all paths demand.
  void update_standby(Output& out, TimePoint now);
  [[nodiscard]] TimePoint next_rest() const;
  void note_path_change(PathId id, PathState was, Duration silent, std::uint32_t probes, Output& out);
  void run_housekeeping(Output& out, TimePoint now);
  void note_fragmenting(double share, Output& out, TimePoint now);
  void note_all_down(Output& out, TimePoint now);
  /// `epoch` only opens from now on, for a while.
  void retire(EpochPtr& epoch, TimePoint now);
  void note_limit(Drop drop, Output& out, TimePoint now);
  void update_moving(TimePoint now);
  [[nodiscard]] TimePoint silence_deadline() const;
  /// Of the available paths; nothing before the first answer.
  [[nodiscard]] std::optional<Duration> fastest_rtt() const;
  [[nodiscard]] PathSet available_paths() const;
  [[nodiscard]] SessionIndex free_index();
  KeyEpoch* find_epoch(SessionIndex index);

  ClientSettings settings_;
  RandomSource& random_;
  ProcessId process_;
  std::vector<ClientPath> paths_;
  std::shared_ptr<PathTable> session_paths_;  ///< what the epochs of the session count
  std::optional<TimePoint> session_since_;
  Arrivals retired_in_;  ///< DATA of the session's epochs before the current one
  Arrivals retired_out_;
  FragmentAssembler fragments_;
  PacketSender sender_;
  LoopCheck loop_check_;
  ClientFlows flows_;
  DatagramQueue queue_;
  DropCounters drops_;

  EpochPtr current_;           ///< seals
  EpochPtr next_;              ///< waits for SERVER_HELLO
  std::vector<OldEpoch> old_;  ///< only open
  std::optional<TimePoint> next_since_;
  TimePoint next_hello_ = kNever;
  Duration hello_life_{};      ///< how long next_ waits for it
  Duration hello_life_min_{};  ///< at least so long, since less was too short

  ClientHandshake handshake_;
  bool is_handshaking_ = false;
  bool is_for_silence_ = false;  ///< the handshake is to be given up when the session is heard again
  TimePoint next_handshake_ = kNever;
  std::optional<TimePoint> last_handshake_;
  std::optional<TimePoint> handshaking_since_;
  Duration handshake_backoff_ = kHandshakeRepeat;
  bool said_no_answer_ = false;
  bool said_refused_ = false;
  bool said_lost_ = false;

  std::optional<TimePoint> last_application_;  ///< a datagram of an application came
  std::optional<TimePoint> last_data_;         ///< or one for an application
  std::optional<TimePoint> unanswered_since_;  ///< a PING left, and nothing authenticated came since
  std::optional<TimePoint> all_down_since_;
  bool is_moving_ = false;               ///< data moved within kDataMovesFor
  bool is_application_sending_ = false;  ///< the same, of datagrams from applications alone
  std::optional<TimePoint> said_limit_;
  TimePoint next_housekeeping_ = kNever;
  CopyCheck copy_checks_;
  std::uint64_t datagrams_in_ = 0;   ///< from applications, into the tunnel
  std::uint64_t datagrams_out_ = 0;  ///< out of the tunnel, to applications
};

}  // namespace mptunnel
