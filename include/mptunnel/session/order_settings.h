// What the statements of order say.
#pragma once

#include <cstdint>

#include "mptunnel/base/time.h"
#include "mptunnel/wire/order_limits.h"

namespace mptunnel {

struct OrderSettings {
  enum class Mode : std::uint8_t {
    none,       ///< datagrams are delivered as they come, and get no numbers
    automatic,  ///< they get numbers while something is to be repaired, or each goes by one path
    always,
  };
  Mode mode = Mode::none;
  Duration most = kMaxHold;         ///< a datagram is held for so long at most; more than 0
  Duration most_by_one = kMaxHold;  ///< the same, of a peer that sends each by one path
};

}  // namespace mptunnel
