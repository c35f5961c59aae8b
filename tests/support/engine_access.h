// What tests alone may do to an engine: use its keys as if they were the peer's.
#pragma once

#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/server_session.h"

namespace mptunnel::test {

/// The keys that seal. There is a session.
inline KeyEpoch& keys_of(const SessionLink& link) {
  return const_cast<LinkEpoch*>(link.current())->keys();
}
inline KeyEpoch& keys_of(const ClientEngine& client) {
  return keys_of(client.state().link);
}
inline KeyEpoch& keys_of(const ServerSession& session) {
  return keys_of(session.link);
}

}  // namespace mptunnel::test
