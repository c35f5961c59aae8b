// What a running program can be asked by its control socket, and the answers.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "mptunnel/control/status.h"

namespace mptunnel {

/// The requests that a running program answers; anything else gets a line that begins with kControlError.
inline constexpr std::string_view kAskTable = "status";
inline constexpr std::string_view kAskJson = "status json";
inline constexpr std::string_view kControlError = "error: ";

/// The answer to one request. `status` is called if the request needs it.
std::string answer_request(std::string_view request, const std::function<Status()>& status);

}  // namespace mptunnel
