// The network interfaces of this host with their addresses, as rtnetlink messages tell of them.
// What it is not: a socket. Messages come in as bytes, hostile ones too; see interface_watch.h for what reads
// them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mptunnel/base/endpoint.h"

struct nlmsghdr;

namespace mptunnel {

/// One interface. Its index stays the same as long as it lives, and is another when it is made again.
struct NetworkInterface {
  std::uint32_t index = 0;
  std::string name;  ///< up to 15 characters of printable ASCII
  std::string kind;  ///< as `ip -d link` shows it ("veth", "tun", "wireguard"); empty for hardware
  /// Switched on, with a carrier, and usable (IFF_RUNNING; a state that the driver doesn't know counts).
  bool is_up = false;
  bool is_loopback = false;
  /// Carries packets inside other packets: tun, tap, wireguard, gre and their like. Not ppp and raw-IP
  /// modems, which are uplinks.
  bool is_tunnel = false;
  /// The others on its link are found by ARP or neighbour discovery (no IFF_NOARP).
  bool has_neighbours = false;
  /// To send from, port 0, each once; link-local IPv6 with its scope. Deprecated ones come last; those of
  /// host scope, and those of which it is not yet known (or known not) that they are ours alone, are left
  /// out.
  std::vector<Endpoint> addresses;

  [[nodiscard]] bool has_address(Family family) const;
  friend bool operator==(const NetworkInterface&, const NetworkInterface&) = default;
};

/// The number that an interface has now; 0 if there is none of this name. Asks the system.
std::uint32_t interface_number(const std::string& name);

class InterfaceTable {
 public:
  static constexpr std::size_t kMaxInterfaces = 4096;
  static constexpr std::size_t kMaxAddresses = 256;  ///< of one interface

  /// Takes one message: RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR or RTM_DELADDR. It must start at a multiple of
  /// 4 bytes. Returns whether interfaces() is another one now: statistics, and all that is broken or unknown,
  /// change nothing.
  bool apply(std::span<const std::uint8_t> message);

  [[nodiscard]] const std::map<std::uint32_t, NetworkInterface>& interfaces() const { return interfaces_; }
  /// Null if there is none of this name.
  [[nodiscard]] const NetworkInterface* find(std::string_view name) const;
  [[nodiscard]] const NetworkInterface* find(std::uint32_t index) const;
  /// The interface that has this address, whatever the port; one that is up, if several have it. Null if
  /// none has.
  [[nodiscard]] const NetworkInterface* owner_of(const Endpoint& address) const;
  /// Whether something was left out because a limit was reached.
  [[nodiscard]] bool overflowed() const { return overflowed_; }

 private:
  /// What one address message is about. The same address may be there with several prefixes.
  struct Address {
    Endpoint address;
    Endpoint peer;
    std::uint8_t prefix_bits = 0;
    bool is_deprecated = false;
  };

  bool apply_link(const nlmsghdr& message);
  bool apply_address(const nlmsghdr& message);
  bool remove(std::uint32_t index);
  bool change_addresses(NetworkInterface& interface, const Address& changed, bool is_usable);

  std::map<std::uint32_t, NetworkInterface> interfaces_;
  std::map<std::uint32_t, std::vector<Address>> addresses_;  ///< by the same index; usable ones alone
  bool overflowed_ = false;
};

}  // namespace mptunnel
