// What the two programs' statuses take from the core alike.
#pragma once

#include <string>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/control/status.h"
#include "mptunnel/engine/snapshot.h"

namespace mptunnel {

/// Empty if it is not set.
std::string text_of(const Endpoint& endpoint);
/// What both ends know of a session; the program adds what is set.
SessionStatus session_values(const SessionSnapshot& snapshot);
/// What both ends know of a path; the program adds names, addresses and problems.
PathStatus path_values(const PathSnapshot& snapshot);
/// In words, if a path that answers loses much; else empty.
std::string loss_problem(const PathStatus& status);
/// In words, if a good part of the datagrams needs fragments; else empty.
std::string fragment_problem(const SessionStatus& session, double share);

}  // namespace mptunnel
