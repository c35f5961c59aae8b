// Runs made from a seed: a world, traffic, and what befalls both for a while. Then everything is repaired,
// and the tunnel must be whole again within a bound.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mptunnel/base/time.h"

namespace mptunnel::sim {

/// What may befall a world of one kind; counts are the most, weights are relative.
struct ScenarioKind {
  const char* name;
  const char* what;  ///< in a few words

  std::size_t clients = 1;
  std::size_t applications = 2;  ///< of each client
  Duration length{};             ///< of the disturbed part
  Duration between{};            ///< two events, on average
  bool is_clear = false;         ///< MPTUNNEL_ENCRYPT=0 on both ends, with flipped bits
  double worst_loss_percent = 30;
  Duration interval{};  ///< of an application's datagrams

  int blackouts = 0;
  int rebinds = 0;
  int stalls = 0;
  int toggles = 0;  ///< a path's socket or name goes away and comes back
  int client_restarts = 0;
  int server_restarts = 0;
  int rekeys = 0;   ///< by pretended packets
  int weather = 0;  ///< links change
  int flows = 0;    ///< applications come and go
  int pauses = 0;   ///< of all traffic
  Duration longest_pause{};
  int mtus = 0;       ///< links carry less, or more
  int upheavals = 0;  ///< of all paths of a client at once
  bool has_backups = false;
  bool is_healed_at_once =
      false;  ///< a path that is whole again is up within a probe interval and a round trip
  bool has_attacker = false;
  bool may_have_twin = false;   ///< a second machine with the same identity
  std::size_t least_flows = 0;  ///< the flow table of a client holds this at least; 0: no small tables
};

const std::vector<ScenarioKind>& scenario_kinds();

/// What broke, in words; empty if nothing did.
std::vector<std::string> run_scenario(const ScenarioKind& kind, std::uint64_t seed, bool tracing);

}  // namespace mptunnel::sim
