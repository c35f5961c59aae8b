// What --help and a call without arguments print.
#pragma once

#include <string>
#include <string_view>

#include "mptunnel/config/statement.h"

namespace mptunnel {

/// The forms of the call, a line each.
std::string_view usage_text(Program program);

/// The usage, what the program is for, and from their tables options, environment and statements; examples.
std::string help_text(Program program);

}  // namespace mptunnel
