// What the parts of the client's engine share. Plain state: the classes beside it (ClientOutbound,
// ClientInbound, ClientProber, ClientHandshaking) act on it, and ClientEngine owns it.
#pragma once

#include <optional>
#include <string>

#include "mptunnel/base/random.h"
#include "mptunnel/base/shortened.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/client_addressing.h"
#include "mptunnel/engine/client_paths.h"
#include "mptunnel/engine/link/link_context.h"
#include "mptunnel/engine/link/receiver.h"
#include "mptunnel/engine/link/sender.h"
#include "mptunnel/engine/link/session_link.h"
#include "mptunnel/engine/link/stream_history.h"
#include "mptunnel/engine/loop_guard.h"
#include "mptunnel/engine/outage_watch.h"
#include "mptunnel/session/flows.h"
#include "mptunnel/session/handshake.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// Whether data moves at the client, and how much: silence counts while any does, and probes are frequent
/// while much does. It knows no paths.
class Activity {
 public:
  void note_application(TimePoint now, std::size_t datagrams = 1) {
    last_application_ = now;
    fresh_ += datagrams;
  }
  void note_delivery(TimePoint now) {
    last_delivery_ = now;
    ++fresh_;
  }
  /// To be called when one of the two was noted, and with each deadline.
  void update(TimePoint now);
  /// A datagram came from or went to an application within kDataMovesFor.
  [[nodiscard]] bool is_moving() const { return is_moving_; }
  /// More than a few of them: see kBusyDatagrams.
  [[nodiscard]] bool is_busy() const { return is_busy_; }
  /// One came from an application.
  [[nodiscard]] bool is_application_sending() const { return is_application_sending_; }
  /// When the last one came from an application; nullopt if none did.
  [[nodiscard]] std::optional<TimePoint> last_application() const { return last_application_; }

 private:
  static bool is_recent(const std::optional<TimePoint>& time, TimePoint now) {
    return time && now - *time < kDataMovesFor;
  }

  std::optional<TimePoint> last_application_;
  std::optional<TimePoint> last_delivery_;
  std::size_t fresh_ = 0;  ///< datagrams since the last update
  double level_ = 0;       ///< datagrams that came faster than kSparsePerSecond, to kBusyMost
  TimePoint updated_{};
  bool is_moving_ = false;
  bool is_busy_ = false;
  bool is_application_sending_ = false;
};

struct ClientSettings {
  HandshakeSettings handshake;
  ClientIdentity identity{};
  std::size_t paths = 0;      ///< how many there are at first, at most kMaxPaths; see set_path_traits()
  std::size_t min_paths = 1;  ///< backup paths carry data while fewer others are up
  std::size_t max_flows = kMaxFlows;
  std::optional<RepairSettings> repair{};      ///< of what is sent to the server; nullopt: nothing
  OrderSettings order{};                       ///< of what is sent to the server, and of what comes
  SchedulerMode mode = SchedulerMode::copies;  ///< of what is sent to the server
  std::string name{};                          ///< what the server calls this client; empty: by its address
  /// What the client's TUN device is to have, at most kMaxInnerWanted; nullopt: there is no device.
  std::optional<std::vector<InnerEntry>> inner{};
};

struct ClientState {
  ClientState(const ClientSettings& settings, RandomSource& random)
      : context(random, settings.repair, settings.order, settings.mode),
        name(shortened(settings.name, kMaxNameBytes)),
        paths(settings.paths, settings.min_paths),
        flows(settings.max_flows) {
    if (settings.inner) inner.emplace(*settings.inner);
  }
  ClientState(const ClientState&) = delete;
  ClientState& operator=(const ClientState&) = delete;
  ~ClientState() = default;

  LinkContext context;
  SessionLink link{kMaxOldEpochs, &context.received};
  Sender sender{SessionHandle{}, link, context};
  StreamHistory stream;
  Receiver receiver{context};
  std::string name;  ///< see ClientSettings
  ClientPaths paths;
  ClientFlows flows;
  LoopGuard loops;
  bool is_proving = false;  ///< some path is held: see TunnelProof
  Activity activity;
  OutageWatch outage;
  std::optional<ClientInner> inner;  ///< if there is a device
};

}  // namespace mptunnel
