// What an attack cost whom, in a line of the test's output: bytes of the attacker, datagrams of the others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/bench.h"

namespace mptunnel::sim {

/// What somebody without the key put into the links of all clients.
std::uint64_t injected_bytes(Bench& bench);
/// What these clients sent, and what was put into their links in their name.
std::uint64_t bytes_of(const std::vector<ClientHost*>& attackers);

struct AttackReport {
  /// Whose datagrams must arrive, if they were offered since then.
  struct Defender {
    const ClientHost* client = nullptr;
    TimePoint since = kStart;
  };

  std::uint64_t attacker_bytes = 0;
  std::vector<Defender> defenders{};  ///< none: all clients, from the beginning
  std::string more{};                 ///< what else there is to say
};

/// Prints the line, headed by the name of the running test, and expects that of the datagrams and replies of
/// the defenders, of which there must be some, none was lost. The traffic has to have settled.
void expect_attack_costs_nothing(Bench& bench, const AttackReport& report);

}  // namespace mptunnel::sim
