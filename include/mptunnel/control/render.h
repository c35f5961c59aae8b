// The status as text: for programs and for people.
#pragma once

#include <string>

#include "mptunnel/control/status.h"

namespace mptunnel {

/// One line with one JSON object, and a newline. Bytes that are not UTF-8 are replaced.
std::string render_json(const Status& status);

/// For a terminal: what the program and its session are, a line for each path below a heading, and the
/// problems. At most 140 columns unless names or problems are long. Names are cut in the middle past 40
/// letters; what could steer a terminal is replaced.
std::string render_table(const Status& status);

}  // namespace mptunnel
