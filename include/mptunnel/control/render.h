// The status as text: for programs and for people.
#pragma once

#include <string>

#include "mptunnel/control/status.h"

namespace mptunnel {

/// One line with one JSON object, and a newline. Text that is no UTF-8 is replaced where it is none.
std::string render_json(const Status& status);

/// For a terminal: what the program and its session are, a line for each path below a heading, and the
/// problems. At most 140 columns where names and problems are not long. Names are cut in the middle past 40
/// letters; what could steer a terminal is replaced.
std::string render_table(const Status& status);

}  // namespace mptunnel
