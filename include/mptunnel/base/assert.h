// The check for our own bugs. It stays on in release builds; no input from a peer, a file or a user can reach
// it.
#pragma once

namespace mptunnel {

/// Writes one line to standard error and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace mptunnel

#define MPT_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::mptunnel::assertion_failed(#condition, __FILE__, __LINE__))
