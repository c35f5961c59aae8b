#include "mptunnel/ports/interface_rules.h"

#include <fmt/format.h>

#include <algorithm>

namespace mptunnel {
namespace {

/// One that leads beyond the link, unless the bridge is on it.
bool has_usable_address(const BridgeConfig& line, const NetworkInterface& interface) {
  const auto remote = parse_numeric_endpoint(line.remote.host, line.remote.port);
  const bool is_on_link = line.remote.host.starts_with("fe80:") || (remote && remote->is_link_local());
  return std::any_of(interface.addresses.begin(), interface.addresses.end(), [&](const Endpoint& address) {
    return (is_on_link || !address.is_link_local()) && (!remote || remote->family == address.family);
  });
}

}  // namespace

std::string words_of_missing_interface(const std::string& name) {
  return fmt::format("there is no interface {}", name);
}

std::optional<std::string> interface_problem(const InterfaceTable& table, const SendFrom& from,
                                             const Endpoint& remote) {
  if (table.interfaces().empty()) return std::nullopt;
  if (!from.device.empty()) {
    const NetworkInterface* device = table.find(from.device);
    if (device == nullptr) return words_of_missing_interface(from.device);
    if (!device->is_up) return fmt::format("interface {} is down", from.device);
    if (!from.bind && !device->is_loopback && !device->has_address(remote.family)) {
      return fmt::format("interface {} has no {} address", from.device,
                         remote.family == Family::ipv6 ? "IPv6" : "IPv4");
    }
  }
  if (!from.bind || from.bind->is_any() || from.bind->is_loopback()) return std::nullopt;
  const std::string address = from.bind->address_string();
  Endpoint bind = *from.bind;
  // The interface of a link-local one may be known by dev= alone.
  const bool lacks_scope = bind.family == Family::ipv6 && bind.is_link_local() && bind.scope == 0;
  if (lacks_scope && !from.device.empty()) bind.scope = table.find(from.device)->index;
  const NetworkInterface* owner = table.owner_of(bind);
  if (owner == nullptr) return fmt::format("{} is not an address of this host", address);
  if (!owner->is_up) return fmt::format("interface {} of {} is down", owner->name, address);
  return std::nullopt;
}

bool is_same_device(const InterfaceTable& table, const std::string& device, std::uint32_t index) {
  if (device.empty() || table.interfaces().empty()) return true;
  const NetworkInterface* present = table.find(device);
  // Other names of it, and what the table had no room for, the kernel alone knows.
  return index != 0 && (present != nullptr ? present->index : interface_number(device)) == index;
}

bool is_valid_source(const InterfaceTable& table, const Endpoint& local) {
  if (local.is_loopback() || table.interfaces().empty()) return true;
  const NetworkInterface* owner = table.owner_of(local);
  return owner != nullptr && owner->is_up;
}

bool fits_pattern(const ClientConfig& config, const BridgeConfig& line, const NetworkInterface& interface) {
  // A line of its own for the same path says more than a pattern.
  const bool is_named =
      std::any_of(config.bridges.begin(), config.bridges.end(), [&](const BridgeConfig& other) {
        return !is_pattern(other) && other.remote == line.remote && !other.devices.empty() &&
               other.devices.front() == interface.name;
      });
  return !is_named && interface.is_up && has_usable_address(line, interface) && !interface.is_loopback &&
         !interface.is_tunnel && matches_device(line, interface.name) && !is_excluded(config, interface.name);
}

}  // namespace mptunnel
