// What the table of interfaces says about sending to a bridge. Questions alone: they change nothing.
//
// An empty table is one that could not be read: then no rule finds a problem, and opening the socket shows
// whether it works.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/config/config.h"
#include "mptunnel/net/interfaces.h"

namespace mptunnel {

/// What packets to a bridge leave from, as configured.
struct SendFrom {
  std::string device;            ///< empty: as routing says
  std::optional<Endpoint> bind;  ///< nullopt: any address
};

/// Half a sentence.
std::string words_of_missing_interface(const std::string& name);

/// Why `remote` can't be sent to from there now, in words; nullopt if it can.
std::optional<std::string> interface_problem(const InterfaceTable& table, const SendFrom& from,
                                             const Endpoint& remote);

/// Whether `device` is still the interface with this index. A socket that is bound to an interface that is
/// gone stays bound to it.
bool is_same_device(const InterfaceTable& table, const std::string& device, std::uint32_t index);

/// Whether a socket's own address is still one of this host that is up.
bool is_valid_source(const InterfaceTable& table, const Endpoint& local);

/// Whether a path over `interface` may be made for `line`, whose `dev` is a pattern.
bool fits_pattern(const ClientConfig& config, const BridgeConfig& line, const NetworkInterface& interface);

}  // namespace mptunnel
