// Counts what operator new is asked for in this test program, so that a test can say "no allocation".
#pragma once

#include <cstdint>

namespace mptunnel::test {

/// Calls of operator new since the program began.
std::uint64_t allocations();

}  // namespace mptunnel::test
