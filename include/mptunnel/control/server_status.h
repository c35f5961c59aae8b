// Where the values of mpserver's status come from.
#pragma once

#include "mptunnel/config/config.h"
#include "mptunnel/control/status.h"
#include "mptunnel/engine/server_engine.h"

namespace mptunnel {

struct ServerSources {
  const ServerConfig& config;
  const ServerEngine& engine;
  const DropCounters& drops;  ///< of the sockets
  bool has_key = false;
  TimePoint started;
};

/// All but `version` and `config`.
Status collect_status(const ServerSources& server, TimePoint now);

}  // namespace mptunnel
