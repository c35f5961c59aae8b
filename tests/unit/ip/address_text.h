// Addresses as they are written.
#pragma once

#include "mptunnel/ip/ip_address.h"

namespace mptunnel::test {

inline IpAddress address(const char* text) {
  return parse_ip_address(text).value();
}

}  // namespace mptunnel::test
