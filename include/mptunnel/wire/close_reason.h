// Why an end closes a session, as CLOSE says it.
#pragma once

#include <cstdint>

namespace mptunnel {

enum class CloseReason : std::uint8_t {
  shutdown = 0,       ///< the peer's program ended
  no_room = 1,        ///< the server's tables are full
  key_withdrawn = 2,  ///< the server's keyring does not list the client's key any more
  key_sessions = 3,   ///< the client's key has as many sessions as it may
  key_addresses = 4,  ///< an inner address or network of the client is kept for another key now
};
/// The words for a log line; "unknown reason" for a value of a later version.
const char* name_of(CloseReason reason);

}  // namespace mptunnel
