// What an engine reports for people to read: one struct for each kind of event. Never one per packet, and no
// part of the protocol acts on it.
//
// Events of mpclient have plain names. Those of mpserver that concern one client begin with "Client" and say
// which one; it has several.
//
// To add one: a struct here and its place in `Event`; the engine that finds it appends it to Output::events.
// Then nothing builds until the visitors have its words: src/control/event_log.cpp for the log, with a row in
// tests/unit/control/event_log_test.cpp, tests/sim/describe_event.cpp for the simulation's trace, and, if it
// is mpserver's, src/engine/event_limiter.cpp: how often peers and strangers may cause it.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/path/path_state.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

// Of either end.

/// A limit refused something.
struct TablesFull {
  Drop drop{};  ///< the limit, and what its counter is called
};

// Of mpclient.

/// The server has confirmed a key.
struct SessionStarted {
  Cipher cipher{};
  bool resumed = false;  ///< the session is the one before, with a new key
};

/// All paths are down; the session is kept, and handshakes go on beside it.
struct SessionLost {};

/// The server closed the session; handshakes begin.
struct SessionEnded {
  CloseReason reason{};
};

/// The server makes no session: it answered a handshake with a refusal, or closed the session before it
/// began. Once until a session starts.
struct SessionRefused {
  std::variant<Refusal, CloseReason> why;
};

/// Handshakes have gone unanswered for 3 s. Once until a session starts.
struct NoAnswer {};

struct PathChanged {
  PathId path;
  PathState was{};
  PathState state{};
  Duration rtt{};            ///< the latest; zero before the first answer
  Duration silent{};         ///< for how long PINGs have gone unanswered, or had until this answer
  std::uint32_t probes = 0;  ///< PINGs in that time
};

/// A backup path stops or begins to carry data.
struct PathStandby {
  PathId path;
  bool standby = false;  ///< it stops
};

/// What is sent on the path comes back in from the application; the path is shut.
struct PathLooped {
  PathId path;
};

/// Many datagrams do not fit all paths in one piece.
struct Fragmenting {
  PathId path;              ///< the one that carries the least
  double share = 0;         ///< of the datagrams lately, 0 to 1
  std::size_t largest = 0;  ///< payload that fits, in bytes
};

// Of mpserver.

/// A client's session: its handle, and the identity that tells the client apart across restarts.
struct SessionRef {
  SessionHandle handle;
  ClientIdentity identity{};
  Endpoint from{};  ///< see ServerSession::first_route
};

struct ClientSessionStarted {
  SessionRef session;
  Cipher cipher{};
  Route route;  ///< the address that it proved first
};

/// Another process with the identity of a client has a session now, and that client's flows.
struct ClientTakenOver {
  SessionRef session;  ///< the new one
  Cipher cipher{};
  Route route;  ///< where its first packet came from
};

/// The client closed its session.
struct ClientSessionEnded {
  SessionRef session;
  CloseReason reason{};
};

/// The session ended because its client was silent, for too long or while others need its place.
struct ClientSessionSilent {
  SessionRef session;
};

/// Two processes that are both alive have one identity; they are kept apart.
struct IdentitiesClash {
  SessionRef session;  ///< the one that was taken for dead
  Route route;         ///< where its packet came from
};

/// A handshake was answered with a refusal.
struct HandshakeRefused {
  Refusal refusal{};
  Route route;
};

/// A handshake was made with another key, or one of the ends has none.
struct HandshakeOtherKey {
  Route route;
};

/// An address that proves a new path makes it go from `fresh` to `up`.
struct ClientPathChanged {
  SessionRef session;
  PathId path;
  PathState was{};
  PathState state{};
  Duration rtt{};        ///< smoothed; zero if there is none yet
  Duration silent{};     ///< since the path's last PING
  bool unheard = false;  ///< the client says that nothing comes back on it
  Route route;
};

/// The path has proved another address.
struct ClientPathMoved {
  SessionRef session;
  PathId path;
  Route from;
  Route to;
};

/// PINGs of the path came from another address, but the old one still answers: the new one is not used.
struct ClientPathStayed {
  SessionRef session;
  PathId path;
  Route route;  ///< the old one
};

/// As Fragmenting, for what is sent to the client.
struct ClientFragmenting {
  SessionRef session;
  Fragmenting what;
};

/// What EventLimiter left out lately.
struct EventsLeftOut {
  struct Kind {
    const char* name = "";  ///< for people, in the plural
    std::uint64_t count = 0;
    Endpoint last_from;  ///< not set if it is about nobody
  };
  std::vector<Kind> kinds;
  Duration span{};
};

using Event = std::variant<TablesFull, SessionStarted, SessionLost, SessionEnded, SessionRefused, NoAnswer,
                           PathChanged, PathStandby, PathLooped, Fragmenting, ClientSessionStarted,
                           ClientTakenOver, ClientSessionEnded, ClientSessionSilent, IdentitiesClash,
                           HandshakeRefused, HandshakeOtherKey, ClientPathChanged, ClientPathMoved,
                           ClientPathStayed, ClientFragmenting, EventsLeftOut>;

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
