// What a server may send where: holds one server process to the rules for addresses that have proved nothing.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>

#include "mptunnel/base/endpoint.h"
#include "sim/journal.h"
#include "sim/packet.h"

namespace mptunnel::sim {

class AddressGuard {
 public:
  explicit AddressGuard(Journal& journal) : journal_(journal) {}

  /// Something came from this address; the packet may be anything.
  void on_arrival(const Copy& copy);
  /// The server sends this packet there.
  void on_send(const Packet& packet, const Endpoint& to);

 private:
  struct Balance {
    std::size_t from = 0;
    std::size_t to = 0;
  };

  Journal& journal_;
  std::map<Endpoint, Balance> balances_;
  /// Which challenge went where.
  std::map<std::uint64_t, Endpoint> challenges_;
  /// Addresses that answered one, and the client's process that did.
  std::set<std::pair<ProcessNumber, Endpoint>> proved_;
  std::set<Endpoint> proved_for_somebody_;
};

}  // namespace mptunnel::sim
