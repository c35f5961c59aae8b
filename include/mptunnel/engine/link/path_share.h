// What one path has to carry where each datagram goes by one path, for people to see.
#pragma once

#include <cstdint>

#include "mptunnel/base/time.h"

namespace mptunnel {

struct PathShare {
  enum class Use : std::uint8_t {
    used,
    sought,  ///< its rate is looked for: it carries copies besides, or only these
    silent,  ///< it acknowledges or answers nothing
    slow,    ///< it adds too little for what it takes more than the others
  };
  Use use = Use::used;
  double bytes_per_second = 0;  ///< that it is sent now at most
  double capacity = 0;          ///< what it was seen to pass on, bytes a second; 0: nothing yet
  Duration queue{};             ///< how long packets of this session wait at its bottleneck
  Duration behind{};            ///< how much longer it takes than the fastest
  double loss = 0;              ///< the share of bytes that it loses
};

}  // namespace mptunnel
