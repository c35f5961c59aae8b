// What an engine reports for people to read: one struct for each kind of event. Never one per packet, and no
// part of the protocol acts on it.
//
// Events of mpclient have plain names. Those of mpserver that concern one client begin with "Client" and say
// which one; it has several.
//
// To add one: a struct in client_event.h or server_event.h and its place in `Event`; the engine that finds it
// appends it to Output::events. Then nothing builds until the visitors have its words:
// src/control/event_log.cpp for the log, with a row in tests/unit/control/event_log_test.cpp,
// tests/sim/describe_event.cpp for the simulation's trace, and src/engine/event_limiter.cpp: how often the
// network, peers and strangers may cause it.
#pragma once

#include <optional>
#include <variant>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/engine/client_event.h"
#include "mptunnel/engine/server_event.h"

namespace mptunnel {

// Of either end.

/// A limit refused something.
struct TablesFull {
  Drop drop{};  ///< the limit, and what its counter is called
};

using Event =
    std::variant<TablesFull, SessionStarted, SessionLost, TrafficResumed, SessionEnded, SessionRefused,
                 NoAnswer, PathChanged, PathLossy, PathOverloaded, PathOneWay, PathMark, PathStandby,
                 PathLooped, PathProved, PathReturns, Fragmenting, ClientSessionStarted, ClientTakenOver,
                 ClientSessionEnded, ClientSessionSilent, IdentitiesClash, HandshakeRefused,
                 HandshakeOtherKey, HandshakeDisabled, NetworkFull, ClientQuotaReached, ClientPathChanged,
                 ClientPathLossy, ClientPathOverloaded, ClientPathMark, ClientPathMoved, ClientPathStayed,
                 ClientFragmenting, InnerAddresses, InnerUnsupported, ClientInnerAddresses, EventsLeftOut>;

/// The path that an event has as its subject; nullopt if it has none. ClientFragmenting is about a client.
inline std::optional<PathId> path_of(const Event& event) {
  return std::visit(
      [](const auto& kind) -> std::optional<PathId> {
        if constexpr (requires { kind.path; }) {
          return kind.path;
        } else {
          return std::nullopt;
        }
      },
      event);
}

}  // namespace mptunnel
