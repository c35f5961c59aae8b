// What the two programs' statuses take from the core alike.
#pragma once

#include <string>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/control/status.h"
#include "mptunnel/path/mtu_search.h"
#include "mptunnel/path/path_history.h"
#include "mptunnel/path/rtt_estimator.h"

namespace mptunnel {

/// Empty where it is not set.
std::string text_of(const Endpoint& endpoint);
std::optional<RttStatus> rtt_status(const RttEstimator& rtt);
/// Fills in both directions and both MTUs.
void add_traffic(PathStatus& status, const PathTraffic& traffic, const PathHistory& history,
                 const MtuSearch& mtu, TimePoint now);
/// In words, where a path that answers loses much; else empty.
std::string loss_problem(const PathStatus& status);
/// In words, where a good part of the datagrams needs fragments; else empty.
std::string fragment_problem(const SessionStatus& session, double share);

}  // namespace mptunnel
