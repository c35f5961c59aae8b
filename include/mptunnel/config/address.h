// Hosts, ports and addresses as a person writes them, in a configuration or on the command line.
// What it is not: a resolver. Names stay names; nothing is asked of the system.
// Every error is a text that says what is wrong and what would be right, without file and line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/endpoint.h"

namespace mptunnel {

/// Where datagrams are sent to: a host that may still have to be resolved, and a port.
struct HostPort {
  std::string host;        ///< a name, IPv4, or IPv6 without brackets; a link-local one may end in %INTERFACE
  std::uint16_t port = 0;  ///< 1 to 65535
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

/// "HOST:PORT", an IPv6 address in brackets.
std::string to_string(const HostPort& address);

/// One address to listen on.
struct ListenAddress {
  Endpoint endpoint;
  /// Set for the IPv6 half of an address that means both families (localhost, *, a port alone): it is
  /// left out if the system has no IPv6. Any other address must open.
  bool may_be_missing = false;
  int line = 0;  ///< of the configuration; 0 for a default and for the command line
  /// The interface of a link-local IPv6 address that was given by name; `endpoint` has no scope then, because
  /// the interface may come later, and each time with another number.
  std::string zone{};
};
/// "ADDRESS:PORT", an IPv6 address in brackets, with the interface as it was given.
std::string to_string(const ListenAddress& address);
/// The address alone, without brackets and port.
std::string address_text(const ListenAddress& address);

/// An address of this host to send from; `zone` as ListenAddress has it.
struct BindAddress {
  Endpoint endpoint;
  std::string zone;
};

/// What a listen address without a host means.
enum class ListenDefault : std::uint8_t { localhost, all };

/// A number from 1 to 65535.
tl::expected<std::uint16_t, std::string> parse_port(std::string_view word);

/// A name, IPv4, or IPv6 with or without brackets, which are taken away. Addresses that nothing can be sent
/// to (0.0.0.0, ::) are refused.
tl::expected<std::string, std::string> parse_host(std::string_view word);

/// What is wrong with an IPv6 address that means another host on each link and names no link: "fe80::1"
/// instead of "fe80::1%eth0". nullopt for all others, and for names.
std::optional<std::string> zone_error(std::string_view host);
/// The interface that a link-local address of parse_host() names, as in "fe80::1%eth0"; empty if none, and if
/// it has a number.
std::string zone_of(std::string_view host);

/// "HOST:PORT" in one word, IPv6 in brackets; a link-local address names its interface.
tl::expected<HostPort, std::string> parse_host_port(std::string_view word);

/// "ADDRESS:PORT" or "PORT". ADDRESS is numeric (IPv6 in brackets), "localhost" or "*"; the latter two give
/// an endpoint for each family.
tl::expected<std::vector<ListenAddress>, std::string> parse_listen(std::string_view word,
                                                                   ListenDefault without_host);

/// The ADDRESS of parse_listen() alone, IPv6 with or without brackets; a link-local one has its interface, by
/// name or number.
tl::expected<std::vector<ListenAddress>, std::string> parse_listen_address(std::string_view word,
                                                                           std::uint16_t port);

/// "ADDRESS" or "ADDRESS:PORT" to send from; port 0 if none is given.
tl::expected<BindAddress, std::string> parse_bind(std::string_view word);

/// The name of a network interface, as the kernel allows them (dev_valid_name(), net/core/dev.c), in
/// printable ASCII.
tl::expected<std::string, std::string> parse_interface(std::string_view word);

/// Whether two addresses to listen on can't both be open: the same port, and the same address or one that
/// covers the other.
bool overlap(const Endpoint& one, const Endpoint& other);
bool overlap(const ListenAddress& one, const ListenAddress& other);

/// Whether what is sent to `target` certainly comes in at `listen`: a loop. Names other than localhost are
/// taken to lead elsewhere.
bool leads_to(const HostPort& target, const ListenAddress& listen);

/// What is wrong with sending to `target`, which is a `what` ("bridge"), while listening on `listen`; nullopt
/// if nothing is.
std::optional<std::string> loop_error(const HostPort& target, const std::vector<ListenAddress>& listen,
                                      std::string_view what);

/// A text that is equal for two spellings of the same host and port ("::1" and "0:0::1", small and capital
/// letters).
std::string canonical_text(const HostPort& address);

}  // namespace mptunnel
