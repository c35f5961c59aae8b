// The status as text, for programs and for people: what a running program answers by its control socket.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/control/status.h"

namespace mptunnel {

/// One line with one JSON object, and a newline. Bytes that are not UTF-8 are replaced.
std::string render_json(const Status& status);

/// For a terminal: what the program and its session are, a line for each path below a heading, and the
/// problems. At most 140 columns unless names or problems are long. Names are cut in the middle past 40
/// letters; what could steer a terminal is replaced.
std::string render_table(const Status& status);

/// The requests that a running program answers; anything else gets a line that begins with kControlError.
inline constexpr std::string_view kAskTable = "status";
inline constexpr std::string_view kAskJson = "status json";
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
