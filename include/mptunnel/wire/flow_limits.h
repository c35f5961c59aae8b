// The limits of flows: how many, for how long, how fast. See limits.h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mptunnel/base/time.h"

namespace mptunnel {

inline constexpr std::size_t kMaxFlows = 4096;  ///< of one session

// How long a silent flow lives. A flow is short while no more than this many datagrams went either way: a
// resolver asks for two kinds of address from one port, and never again from there. The times of short and
// unanswered flows are in the order of those of NAT boxes (Linux: nf_conntrack_udp_timeout, 30 s).

inline constexpr unsigned kShortFlowDatagrams = 2;
inline constexpr Duration kShortFlowIdle = std::chrono::seconds{10};       ///< that had an answer
inline constexpr Duration kUnansweredFlowIdle = std::chrono::seconds{30};  ///< short or not
inline constexpr Duration kFlowIdle = std::chrono::minutes{5};
/// A server's flow lives that much longer: the client ends it, the server only cleans up behind one that
/// could not say so.
inline constexpr Duration kServerFlowGrace = std::chrono::seconds{30};
/// A flow that was silent for this long is given up for a new one; one in use only by a server, and only by
/// the session that has far more than the one that asks.
inline constexpr Duration kFlowEvictableAfter = std::chrono::seconds{10};
inline constexpr Duration kShortFlowEvictableAfter = std::chrono::seconds{2};
/// A client with a full table gives up so many short flows at once, or a 64th of its limit if that is less:
/// their FLOW_CLOSE fit one packet.
inline constexpr std::size_t kFlowsGivenUpAtOnce = 32;
/// The server may have seen less of a flow than the client, and have given it up as a short one: FLOW_OPEN
/// rides along again after so much silence, while no more than so many datagrams were sent.
inline constexpr Duration kFlowDoubtedAfter = std::chrono::seconds{1};
inline constexpr unsigned kFlowDoubtedDatagrams = 8;

/// 18 bits: the ids of 2,000 new flows a second for kFlowIdRest, and of all that are open.
inline constexpr std::uint32_t kMaxFlowId = (std::uint32_t{1} << 18U) - 1;
/// Before an id names another flow: longer than any copy is late.
inline constexpr Duration kFlowIdRest = std::chrono::seconds{60};

/// Half an equal share of a server's flows is guaranteed to each session, and at least so many: see
/// SessionTable::open_flow().
inline constexpr std::size_t kMinGuaranteedFlows = 4;
/// New flows of one session: 1,000 a second, with as many again to spare. After a restart of the server a
/// client opens all of its flows again, each with its next datagram.
inline constexpr double kFlowsOpenedPerSecond = 2000;
inline constexpr double kFlowsOpenedBurst = 4096;
/// FLOW_OPEN rides along with every datagram until it is acknowledged: one FLOW_OPENED in this time is
/// enough.
inline constexpr Duration kOpenedRepeat = std::chrono::milliseconds{10};

}  // namespace mptunnel
