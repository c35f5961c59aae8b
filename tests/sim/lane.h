// One path of one client: the way to the server through a bridge, the way back, and the addresses on it.
#pragma once

#include <memory>

#include "mptunnel/base/endpoint.h"
#include "sim/link.h"

namespace mptunnel::sim {

struct Lane {
  std::unique_ptr<Link> up;    ///< client to server
  std::unique_ptr<Link> down;  ///< server to client
  Endpoint client;             ///< the source address of the client's socket
  Endpoint upstream;           ///< where the server sees the bridge
  Endpoint server;             ///< which of the server's addresses the bridge sends to, and hears
};

}  // namespace mptunnel::sim
