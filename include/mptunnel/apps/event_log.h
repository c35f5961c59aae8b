// An engine's events as lines for people: what happened, why, and what to do where something should be done.
#pragma once

#include <string>
#include <string_view>

#include "mptunnel/base/drop.h"
#include "mptunnel/engine/output.h"

namespace mptunnel {

/// What a client is called at mpserver: the first 8 digits of its identity.
std::string client_name(const ClientIdentity& identity);

void log_client_event(const Event& event);
/// Whether the event is of one of the client's paths.
bool is_of_path(EventKind kind);
/// `name` is that of the path's bridge.
void log_path_event(std::string_view name, const Event& event);
void log_server_event(const Event& event);
/// One line with all counters that are not zero, for the end of a program.
void log_drops(std::string_view where, const DropCounters& drops);

/// The line that says what protects the traffic, at the start of either program.
void log_protection(bool encrypt, bool has_key);

}  // namespace mptunnel
