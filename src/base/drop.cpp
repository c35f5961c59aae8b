#include "mptunnel/base/drop.h"

namespace mptunnel {
namespace {

constexpr std::array<const char*, kDropReasons> kNames{
    "truncated",      "unknown_type",     "unknown_index",    "copy",          "open_failed",
    "number_limit",   "key_expired",      "clear_check",      "clear_reach",   "bad_frame",
    "unknown_frame",  "unexpected_frame", "handshake_size",   "handshake_key", "handshake_invalid",
    "handshake_rate", "handshake_stale",  "fragment_expired", "session_limit", "flow_limit",
    "flow_unknown",   "path_limit",       "superseded",       "too_large",     "own_packet",
    "queue_full",     "queue_expired",    "no_path",          "would_block",   "no_buffers",
    "message_size",   "refused",          "unreachable",      "socket_error",  "target_unknown",
};
static_assert(kNames.back() != nullptr, "a name for every reason");

}  // namespace

const char* name_of(Drop reason) {
  return kNames.at(static_cast<std::size_t>(reason));
}

}  // namespace mptunnel
