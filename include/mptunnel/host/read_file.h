// A small file in one piece.
#pragma once

#include <cstddef>
#include <string>
#include <tl/expected.hpp>

namespace mptunnel {

/// A whole file, at most `limit_bytes` of it. The error is "PATH: cannot be read: REASON".
tl::expected<std::string, std::string> read_file(const std::string& path, std::size_t limit_bytes);

}  // namespace mptunnel
