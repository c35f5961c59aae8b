// Endpoints as tests write them.
#pragma once

#include <string_view>

#include "mptunnel/base/endpoint.h"

namespace mptunnel::test {

/// An address, and the port of a bridge.
inline Endpoint bridge_at(std::string_view address, std::uint16_t port = 4000) {
  return parse_numeric_endpoint(address, port).value();
}

}  // namespace mptunnel::test
