// Adds, removes and lists routes over an interface, and routing rules, by rtnetlink. All that is made here
// says whose it is by its protocol number, so that what a process left behind that was killed can be told
// from what others made; nothing of theirs is changed. Each call takes at most a second; without
// CAP_NET_ADMIN it is an error that says so. Every error is a sentence for people.
//
// route_query.h asks where packets go; route_watch.h hears when that changes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/ip/prefix.h"

namespace mptunnel {

/// rtm_protocol of what is made here, which `ip route` and `ip rule` show as "proto 109". No program is known
/// to use this one: neither linux/rtnetlink.h nor rt_protos of iproute2 and of FRR have it.
inline constexpr std::uint8_t kRouteProtocol = 109;
/// The table that is looked up unless rules say another.
inline constexpr std::uint32_t kMainTable = 254;

/// A route whose next hops are all on the interface's link.
struct LinkRoute {
  Prefix to;
  std::uint32_t interface = 0;
  std::uint32_t table = kMainTable;
  std::uint32_t metric = 0;              ///< 0: the kernel's choice, which is 0 in IPv4, and 1,024 in IPv6
  std::optional<IpAddress> source = {};  ///< what packets leave from, unless they say so
  std::uint8_t protocol = kRouteProtocol;

  friend bool operator==(const LinkRoute&, const LinkRoute&) = default;
};

/// A rule that has a table looked up.
struct RoutingRule {
  Family family = Family::ipv4;
  std::uint32_t priority = 0;  ///< lower ones come first; never 0 here
  std::uint32_t table = kMainTable;
  std::optional<std::uint32_t> mark = {};  ///< for packets with this mark alone
  bool is_inverted = false;                ///< for those that the rest does not match
  /// What was found counts only if its prefix is longer: 0 leaves default routes out.
  std::optional<std::uint32_t> suppress_prefix = {};
  std::uint8_t protocol = kRouteProtocol;

  friend bool operator==(const RoutingRule&, const RoutingRule&) = default;
};

/// nullopt for broken and other messages, and for those of other families. What is not in the struct is not
/// read. A message must start at a multiple of 4 bytes.
std::optional<LinkRoute> read_link_route(std::span<const std::uint8_t> message);
std::optional<RoutingRule> read_routing_rule(std::span<const std::uint8_t> message);

/// The very same one of this program is no error; another one to the same network, with the same metric and
/// in the same table, is.
tl::expected<void, std::string> add_route(const LinkRoute& route);
/// Of its protocol alone. One that is not there is no error.
tl::expected<void, std::string> remove_route(const LinkRoute& route);
/// All of one table, of a family: of every protocol, or of one.
tl::expected<std::vector<LinkRoute>, std::string> list_routes(
    Family family, std::uint32_t table, std::optional<std::uint8_t> protocol = std::nullopt);

/// One like it is no error.
tl::expected<void, std::string> add_rule(const RoutingRule& rule);
/// Of its protocol alone. One that is not there is no error.
tl::expected<void, std::string> remove_rule(const RoutingRule& rule);
tl::expected<std::vector<RoutingRule>, std::string> list_rules(Family family, std::uint8_t protocol);

}  // namespace mptunnel
