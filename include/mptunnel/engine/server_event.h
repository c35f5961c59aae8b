// What mpserver's engine reports: see event.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/engine/client_event.h"
#include "mptunnel/path/path_state.h"
#include "mptunnel/wire/close_reason.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

/// A client's session: its handle, and the identity that tells the client apart across restarts.
struct SessionRef {
  SessionHandle handle;
  ClientIdentity identity{};
  std::string key_name{};   ///< as the keyring names its key; empty if that is not one client's
  Endpoint from{};          ///< see ServerSession::first_route
  std::string name{};       ///< what the client calls itself; empty if it does not say
  std::string path_name{};  ///< the same of the path that an event is about
};

/// What a session has done.
struct SessionTotals {
  std::uint64_t from_client = 0;  ///< datagrams
  std::uint64_t to_client = 0;
  Duration lasted{};  ///< until the client was heard last
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

/// The client closed its session, or its key was withdrawn.
struct ClientSessionEnded {
  SessionRef session;
  CloseReason reason{};
  SessionTotals totals{};
};

/// The session ended because its client was silent, for too long or while others need its place.
struct ClientSessionSilent {
  SessionRef session;
  SessionTotals totals{};
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

/// A handshake was made with a key that the keyring lists as disabled.
struct HandshakeDisabled {
  std::string key_name;
  Route route;
};

/// A client is refused: its source network has as many sessions as it may, and none of them is dormant.
struct NetworkFull {
  Route route;            ///< of the client
  std::size_t limit = 0;  ///< sessions of one network
};

/// A client wants more than its key, or this server, allows.
struct ClientQuotaReached {
  SessionRef session;
  Drop drop{};  ///< key_sessions, key_flows, key_rate or no_target
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

/// As PathLossy, of a path of this client.
struct ClientPathLossy {
  SessionRef session;
  PathLossy what;
  Route route;
};

/// As PathOverloaded, of a path of this client.
struct ClientPathOverloaded {
  SessionRef session;
  PathOverloaded what;
  Route route;
};

/// As PathMark, of what is sent to this client.
struct ClientPathMark {
  SessionRef session;
  PathMark what;
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

/// What a client has of the inner addresses and networks that it wants, if that is other than before.
struct ClientInnerAddresses {
  SessionRef session;
  std::vector<InnerEntry> entries;  ///< as InnerAddresses, without the server's own
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
  std::optional<PathId> path;  ///< that one of them was about, the last one; of mpclient
};

}  // namespace mptunnel
