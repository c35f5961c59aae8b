// Names that are too long for the place that they have.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mptunnel {

/// `text`; if it is longer than `limit` (at least 5), its beginning and its end with "..." between: what is
/// left out shows, and of HOST:PORT the port stays.
std::string shortened(std::string_view text, std::size_t limit);

}  // namespace mptunnel
