// mpclient's protocol, whole and without I/O: datagrams of applications and of paths go in, packets,
// deliveries, events and a deadline come out. It wires the parts that do the work: see ClientState.
#pragma once

#include <string>
#include <utility>

#include "mptunnel/base/shortened.h"
#include "mptunnel/engine/client_parts.h"
#include "mptunnel/engine/client_state.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/engine/snapshot.h"
#include "mptunnel/session/flows.h"

namespace mptunnel {

class ClientEngine {
 public:
  /// `random` outlives the engine.
  ClientEngine(const ClientSettings& settings, RandomSource& random);

  /// Makes the path if there is none with this id yet.
  void set_path_traits(PathId path, const PathTraits& traits) {
    state_.paths.set_traits(path, traits);
    state_.sender.set_delay(path, traits.delay);
  }
  /// What the server is told that the path is called; it exists. Empty: nothing.
  void set_path_name(PathId path, const std::string& name) {
    ClientPath& own = state_.paths[path];
    std::string told = shortened(name, kMaxNameBytes);
    if (told == own.name) return;
    own.name = std::move(told);
    own.introduction.restart();
  }
  /// The path has a socket and an address now, or has none any more.
  void set_path_available(PathId path, bool available, Output& out, TimePoint now);
  /// The path leads over a tunnel from now on, or no longer: while it does, and has not proved that it is not
  /// the tunnel that runs through us, nothing but PINGs goes there.
  void hold_path(PathId path, bool held, Output& out, TimePoint now);
  /// The path has a new address at either end, and stays available.
  void readdress_path(PathId path, Output& out, TimePoint now);
  /// Datagrams of one source, and the DSCP that they came with, which their packets get.
  void on_application(DatagramBatch batch, const FlowSource& source, Output& out, TimePoint now,
                      std::uint8_t dscp = 0);
  /// Packets of the TUN device, all of one flow. Until the server has said which addresses the client has,
  /// they wait like datagrams that wait for a session. What is delivered to a flow that is_tun() is for the
  /// device.
  void on_tun(DatagramBatch packets, const InnerFlow& flow, Output& out, TimePoint now);
  /// What arrived on a path's socket, with this ECN. Decrypted in place: deliveries point into `batch`.
  void on_path(PathId path, DatagramBatch batch, Output& out, TimePoint now, OuterEcn ecn = {});
  /// So many batches of paths were lost because this machine did not read them in time.
  void on_path_lost(std::uint64_t batches, TimePoint now) { state_.context.overrun.on_lost(batches, now); }
  /// To be called at deadline() or later; more often does no harm.
  void on_deadline(Output& out, TimePoint now);
  /// When on_deadline() has something to do.
  [[nodiscard]] TimePoint deadline() const;
  /// How many of a run's packets the kernel took for one of its paths; `drop` says why not the others.
  void on_sent(PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop, TimePoint now);
  /// Tells the server that this process ends.
  void close(Output& out, TimePoint now);

  /// The largest inner packet that passes whole on each path in use; nullopt while that is not known.
  [[nodiscard]] std::optional<std::size_t> largest_inner(TimePoint now) const {
    return state_.sender.largest_inner(state_.paths.views(now));
  }
  [[nodiscard]] ClientSnapshot snapshot(TimePoint now) const;
  /// The path exists.
  [[nodiscard]] const ProbedPath& path(PathId id) const { return state_.paths[id].probed; }
  [[nodiscard]] const DropCounters& drops() const { return state_.context.drops; }
  /// All there is to know: for whoever looks at an engine from outside, and changes nothing.
  [[nodiscard]] const ClientState& state() const { return state_; }

 private:
  void run_housekeeping(Output& out, TimePoint now);
  /// These lead back to us.
  void shut(PathSet looped, Output& out, TimePoint now);
  /// Of a session, that no path carries data; nullopt if one does.
  [[nodiscard]] std::optional<SessionLost> outage(TimePoint now) const;
  /// Finds which DSCPs vanish on which paths.
  /// Sends the ACKs that are due.
  void acknowledge(Output& out, TimePoint now);
  void check_marks(Output& out, TimePoint now);
  /// Once a second: the server is told what came under keys that have ended, and answers.
  void tell_epoch_counts(Output& out, TimePoint now);
  /// Once a second: what of the path is remembered, and whether it loses much.
  void sample(PathId id, PathTraffic& traffic, Output& out, TimePoint now);

  ClientState state_;
  ClientProber prober_{state_};
  ClientIntroducing introducing_{state_};
  ClientAddressing addressing_{state_};
  ClientHandshaking handshaking_;
  ClientOutbound outbound_{state_, handshaking_};
  ClientInbound inbound_{state_, prober_, introducing_, addressing_, handshaking_, outbound_};
  TimePoint next_housekeeping_ = kNever;
};

}  // namespace mptunnel
