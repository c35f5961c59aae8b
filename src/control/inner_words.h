// Inner addresses in words.
#pragma once

#include <span>
#include <string>

#include "mptunnel/wire/inner_frames.h"

namespace mptunnel {

/// "10.42.42.7/24".
std::string text_of(const InnerPrefix& prefix);
/// Whether one of the entries is not given.
bool is_any_refused(std::span<const InnerEntry> entries);
/// What is given, and what is refused and why: "10.42.42.7/24, network 192.168.7.0/24; refused: 10.42.42.9
/// (taken by another client)". The server's own entries are left out.
std::string text_of(std::span<const InnerEntry> entries);

}  // namespace mptunnel
