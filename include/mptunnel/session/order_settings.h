// What the statements of order say.
#pragma once

#include <cstdint>

#include "mptunnel/base/time.h"
#include "mptunnel/wire/order_limits.h"

namespace mptunnel {

struct OrderSettings {
  enum class Mode : std::uint8_t {
    none,       ///< datagrams are delivered as they come, and get no numbers
    automatic,  ///< they get numbers while something is to be repaired
    always,
  };
  Mode mode = Mode::none;
  Duration most = kMaxHold;  ///< a datagram is held for so long at most; more than 0
};

}  // namespace mptunnel
