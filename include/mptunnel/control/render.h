// The status as text, for programs and for people: what a running program answers by its control socket.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/control/status.h"

namespace mptunnel {

/// One line with one JSON object, and a newline. Bytes that are not UTF-8 are replaced.
std::string render_json(const Status& status);

/// Of a terminal, 80 columns: lines are wrapped, the names of paths shortened, and what is needed least is
/// left out. Or as wide as it takes: everything, names cut past 40 letters alone.
enum class TableWidth : std::uint8_t { terminal, wide };
/// What the program and its session are, a line for each path below a heading, with what is wrong with it
/// below, and the problems of the program. What could steer a terminal is replaced.
std::string render_table(const Status& status, TableWidth width);
/// Why the program does not do what it is for, in words: it listens nowhere; mpclient without a session,
/// mpserver without a target. Empty if all is well.
std::string illness_of(const Status& status);

/// The requests that a running program answers; anything else gets a line that begins with kControlError.
inline constexpr std::string_view kAskTable = "status";
inline constexpr std::string_view kAskWideTable = "status wide";
inline constexpr std::string_view kAskJson = "status json";
inline constexpr std::string_view kAskHealth = "status healthy";
inline constexpr std::string_view kAskReload = "reload";
inline constexpr std::string_view kControlError = "error: ";

/// What a request is answered from; the one that it needs is called.
struct ControlActions {
  std::function<Status()> status;
  /// Reads again what can be; what was read, or what is wrong, in lines for people.
  std::function<tl::expected<std::string, std::string>()> reload;
};
/// The answer to one request.
std::string answer_request(std::string_view request, const ControlActions& actions);

}  // namespace mptunnel
