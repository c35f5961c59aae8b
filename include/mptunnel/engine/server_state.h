// What the parts of the server's engine share. Plain state: the classes beside it (ServerOutbound,
// ServerInbound, ServerControl, ServerTimers) act on it, and ServerEngine owns it.
#pragma once

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "mptunnel/base/random.h"
#include "mptunnel/engine/link/link_context.h"
#include "mptunnel/engine/session_table.h"
#include "mptunnel/ip/ip_packet.h"
#include "mptunnel/session/inner_routes.h"
#include "mptunnel/session/keyring.h"
#include "mptunnel/session/pending_handshakes.h"

namespace mptunnel {

struct ServerSettings : SessionLimits {
  HandshakeSettings handshake;
  std::optional<std::vector<NamedKey>> named_keys;  ///< beside the key in `handshake`, see ServerKeys
  std::size_t lanes = 1;                            ///< see EpochTable
  std::optional<RepairSettings> repair;             ///< of what is sent to each client; nullopt: nothing
  OrderSettings order;                              ///< of what is sent to each client, and of what comes
  SchedulerMode mode = SchedulerMode::copies;       ///< of what is sent to each client
  std::optional<InnerSettings> inner;               ///< of the TUN device; nullopt: there is none
  bool has_target = true;                           ///< where flows could lead
};

/// When the server has something to do because time passes.
class ServerAlarm {
 public:
  TimePoint tick = kNever;             ///< all that is looked through about once a second
  TimePoint mtu = kNever;              ///< the first MTU probe
  TimePoint marks = kNever;            ///< what finds which DSCPs get through
  TimePoint later = kNever;            ///< a copy that leaves later than others, REPAIR, ACK, or what is held
  std::vector<SessionHandle> awaited;  ///< whose these are; each once
  TimePoint released{};                ///< when such left last: not sooner again than kDelayTick later

  void wake_by(TimePoint time) { tick = std::min(tick, time); }
  /// What the session's sender has to do later.
  void wake_for_sender(ServerSession& session) {
    marks = std::min(marks, session.sender.marks().deadline());
    wake_later(session, session.sender.next_later());
  }
  /// What the session has to acknowledge.
  void wake_for_acks(ServerSession& session) { wake_later(session, session.receiver.acks().deadline()); }
  /// What waits in the session for what is missing.
  void wake_for_order(ServerSession& session) { wake_later(session, session.receiver.order().deadline()); }
  /// Sees to it that the path's next MTU probe is sent in time. A path that can have none now is looked at
  /// again in the next tick.
  void wake_for_mtu(const ServerSession& session, const ServerPath& path, TimePoint now) {
    mtu = std::min(mtu, session.next_mtu_probe(path, now));
  }

 private:
  void wake_later(ServerSession& session, TimePoint next) {
    if (next == kNever) return;
    later = std::min(later, std::max(next, released + kDelayTick));
    if (!std::exchange(session.is_awaited, true)) awaited.push_back(session.handle);
  }
};

struct ServerState {
  ServerState(const ServerSettings& settings, RandomSource& random)
      : context(random, settings.repair, settings.order, settings.mode),
        keyring({settings.handshake.key, settings.named_keys}),
        pending(settings.handshake, keyring, random),
        has_target(settings.has_target),
        inner(make_inner(settings)),
        table(settings, settings.lanes, context, inner ? &*inner : nullptr) {
    if (!inner) return;
    inner_seed = random.u64();
    inner->reserve(keyring.reservations());
  }
  ServerState(const ServerState&) = delete;
  ServerState& operator=(const ServerState&) = delete;
  ~ServerState() = default;

  /// Ends a session; an idle server has nothing to wake up for.
  void end_session(SessionHandle handle, std::optional<CloseReason> reason, Output& out) {
    table.end(handle, reason, out);
    if (!table.all().empty()) return;
    alarm.mtu = alarm.marks = alarm.later = kNever;
    alarm.awaited.clear();
  }

  /// Whether a datagram of so many bytes is within the rate of the session's key. If not, it is counted as
  /// dropped, and ServerTimers says so.
  bool take_rate(ServerSession& session, Way way, std::size_t bytes, TimePoint now) {
    if (account_for(session, way, bytes, now)) return true;
    context.drops.add(Drop::key_rate);
    return false;
  }
  /// The same, but the caller counts what is dropped.
  static bool account_for(ServerSession& session, Way way, std::size_t bytes, TimePoint now) {
    if (session.account.take_rate(way, bytes, now)) return true;
    session.is_over_rate = true;
    return false;
  }
  /// Of a packet that goes from one client to another.
  [[nodiscard]] std::uint16_t bucket_of(const IpPacket& packet) const {
    return InnerFlow::bucket_of(flow_hash(packet, inner_seed));
  }

  LinkContext context;
  Keyring keyring;
  PendingHandshakes pending;
  bool has_target;
  std::optional<InnerRoutes> inner;  ///< if there is a TUN device
  std::uint64_t inner_seed = 0;
  SessionTable table;
  ServerAlarm alarm;

 private:
  /// What live sessions may have, and as much again that is kept for clients without one.
  static std::optional<InnerRoutes> make_inner(const ServerSettings& settings) {
    if (!settings.inner) return std::nullopt;
    const std::size_t most = 2 * kMaxInnerWanted * settings.max_sessions;
    return std::optional<InnerRoutes>(std::in_place, *settings.inner, most);
  }
};

}  // namespace mptunnel
