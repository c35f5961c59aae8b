// Where the values of a program's status come from.
#pragma once

#include "mptunnel/config/config.h"
#include "mptunnel/control/status.h"
#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/server_engine.h"
#include "mptunnel/ports/bridges.h"
#include "mptunnel/ports/kernel_drop_watch.h"
#include "mptunnel/ports/listen_sockets.h"
#include "mptunnel/ports/target.h"
#include "mptunnel/ports/tun_interface.h"

namespace mptunnel {

struct ClientSources {
  const ClientConfig& config;
  const ClientEngine& engine;
  const Bridges& bridges;
  const ListenSockets& listeners;
  const TunInterface* device;  ///< null if there is none
  const DropCounters& drops;   ///< of the sockets
  const KernelDropWatch& from_applications;
  const KernelDropWatch& from_bridges;
  bool encrypts = true;
  bool has_key = false;
  TimePoint started;
};

struct ServerSources {
  const ServerConfig& config;
  const ServerEngine& engine;
  const Target* target;        ///< null if there is none
  const TunInterface* device;  ///< the same
  const ListenSockets& listeners;
  const DropCounters& drops;  ///< of the sockets
  const KernelDropWatch& from_target;
  const KernelDropWatch& from_network;
  bool has_key = false;
  TimePoint started;
};

/// All but `version` and `config`.
Status collect_status(const ClientSources& client, TimePoint now);
Status collect_status(const ServerSources& server, TimePoint now);

}  // namespace mptunnel
