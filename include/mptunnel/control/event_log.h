// An engine's events as lines for people: what happened, why, and what to do if something should be done.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/log_level.h"
#include "mptunnel/engine/event.h"

namespace mptunnel {

/// What a client is called at mpserver: the word that it chose, "garage", or the address that it proved
/// first, "203.0.113.7:4000", or, if there is neither, identity_digits(). Before it, if the keyring has a
/// name for its key, that: "alice/garage".
std::string client_name(std::string_view key_name, std::string_view word, const Endpoint& from,
                        const ClientIdentity& identity);
/// The first 8 digits of it: "1f2e3d4c".
std::string identity_digits(const ClientIdentity& identity);

struct LogLine {
  LogLevel level = LogLevel::info;
  std::string text;
};
/// Why there may be no session, and what to look at.
std::string explain(const NoAnswer& event);
/// Why a session carries nothing.
std::string explain(const SessionLost& event);
/// The words for an event; nullopt if it is not worth a line. `bridge` names the bridge of the event's path
/// (path_of()) at mpclient; mpserver has none.
std::optional<LogLine> line_of(const Event& event, std::string_view bridge = {});
/// Logs that line.
void log_event(const Event& event, std::string_view bridge = {});
/// One line with all counters that are not zero, for the end of a program.
void log_drops(std::string_view where, const DropCounters& drops);

/// The line that says what protects the traffic, at the start of either program. `keys` is what there is in
/// the way of keys, in words; empty if there are none.
void log_protection(bool encrypt, std::string_view keys);

}  // namespace mptunnel
