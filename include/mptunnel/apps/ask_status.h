// --status: finds the control socket of a running instance, asks it and prints the answer. It reads no key.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/apps/command_line.h"
#include "mptunnel/control/control_path.h"

namespace mptunnel {

/// Which socket to ask: that of --control; the argument itself if it is a socket; that of the configuration
/// or the port; else that of the only running instance. `line` is one for Action::status. The error's exit
/// code is kExitUsage if the command line or the configuration has to be corrected, kExitSystem if nothing
/// runs.
tl::expected<std::string, StartError> find_instance(const std::string& program, const CommandLine& line,
                                                    const RuntimeUser& user);

/// Asks and prints; returns the exit code.
int ask_status(const std::string& program, const CommandLine& line);

}  // namespace mptunnel
