// Quantities as people read them, three digits or so, for the status and the log. What it is not: exact; JSON
// is for that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "mptunnel/base/drop.h"
#include "mptunnel/base/time.h"

namespace mptunnel {

/// "0.1 s", "45 s", "13 min", "2 h 13 min", "5 d 3 h". A negative span is "0.0 s".
std::string format_span(Duration span);
/// One unit alone: "0.1 s ago", "8 s ago", "13 min ago", "2 h ago", "5 d ago".
std::string format_ago(Duration span);
/// For what takes milliseconds: "0.12 ms", "12.3 ms", "123 ms", "12.3 s".
std::string format_delay(Duration delay);
/// "0 %", "<0.01 %", "0.12 %", "1.2 %", "99.9 %", "100 %": only what is all or nothing looks so. "-" if it
/// is nullopt or no fraction.
std::string format_fraction(std::optional<double> fraction);
/// The same, and below 0.01 % "0.0008 %": what repair leaves.
std::string format_rare(std::optional<double> fraction);
/// "0", "850 bit/s", "3.4 Mbit/s", "12 Mbit/s", "123 Mbit/s".
std::string format_rate(std::uint64_t rate_bps);

/// "copy 12, bad_frame 3": all counters that are not zero; empty if there is none.
std::string format_drops(const DropCounters& drops);
/// Without what is dropped where all is well: copies, and a few late packets.
DropCounters unusual(const DropCounters& drops);

/// The settings with which datagrams of OpenVPN and WireGuard have at most `largest` bytes.
std::string size_advice(std::size_t largest);

/// "EF (DSCP 46)", "AF41 (DSCP 34)", "CS1 (DSCP 8)"; "DSCP 5" if it has no name of RFC 2474, 2597 or 3246.
std::string format_dscp(std::uint8_t dscp);

/// One letter for each byte: '?' for what is no printable ASCII.
std::string printable(std::string_view text);
}  // namespace mptunnel
