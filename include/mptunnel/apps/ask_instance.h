// --status and --reload: finds the control socket of a running instance, asks it and prints the answer. It
// reads no key.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/apps/command_line.h"
#include "mptunnel/control/control_path.h"

namespace mptunnel {

struct FoundSocket {
  std::string path;
  bool is_named = false;  ///< the command line gives the very path
};

/// Which socket to ask: that of --control; the argument itself if it is a socket; that of the configuration
/// or the port; else that of the only running instance. `line` is one for Action::status or Action::reload.
/// The error's exit code is kExitUsage if the command line or the configuration has to be corrected,
/// kExitSystem if nothing runs.
tl::expected<FoundSocket, StartError> find_instance(const std::string& program, const CommandLine& line,
                                                    const RuntimeUser& user);

/// An answer as a terminal may get it, whoever gave it: valid UTF-8, without control characters (C0, DEL, C1)
/// but newlines. They become '?', and in JSON escapes or blanks, so that what was valid JSON still is.
std::string printable(std::string_view answer, bool is_json);

/// Writes what is printable of it, in pieces: of an answer that is not honest it may be six times as long.
void print(std::string_view answer, bool is_json, std::FILE* file);

/// Asks and prints what is printable; returns the exit code. Only a socket of this user or of root is asked,
/// by root also one that is named.
int ask_instance(const std::string& program, const CommandLine& line);

}  // namespace mptunnel
