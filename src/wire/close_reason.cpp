#include "mptunnel/wire/close_reason.h"

namespace mptunnel {

const char* name_of(CloseReason reason) {
  switch (reason) {
    case CloseReason::shutdown:
      return "the program ended";
    case CloseReason::no_room:
      return "no room for another session";
    case CloseReason::key_withdrawn:
      return "its key is not accepted any more";
    case CloseReason::key_sessions:
      return "its key has as many sessions as it may";
    case CloseReason::key_addresses:
      return "an address or network that it had is not for its key any more";
  }
  return "unknown reason";
}

}  // namespace mptunnel
