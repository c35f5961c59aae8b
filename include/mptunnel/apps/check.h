// What --check prints: what was understood, a line for each thing, and where it comes from. Never the key.
#pragma once

#include <string>

#include "mptunnel/apps/start.h"

namespace mptunnel {

std::string render_check(const ClientStart& start);
std::string render_check(const ServerStart& start);

}  // namespace mptunnel
