#include "mptunnel/net/route_config.h"

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "mptunnel/base/assert.h"
#include "netlink_reading.h"
#include "netlink_request.h"

namespace mptunnel {
namespace {

std::optional<Family> family_of(std::uint8_t number) {
  if (number == AF_INET) return Family::ipv4;
  if (number == AF_INET6) return Family::ipv6;
  return std::nullopt;
}

std::string_view family_name(Family family) {
  return family == Family::ipv4 ? "IPv4" : "IPv6";
}

/// The field of a header has 8 bits; an attribute says the rest.
std::uint8_t short_table(std::uint32_t table) {
  return static_cast<std::uint8_t>(table < RT_TABLE_COMPAT ? table : std::uint32_t{RT_TABLE_UNSPEC});
}

rtmsg route_header(const LinkRoute& route) {
  rtmsg header{};
  header.rtm_family = family_number(route.to.address.family);
  header.rtm_dst_len = route.to.length;
  header.rtm_table = short_table(route.table);
  header.rtm_protocol = route.protocol;
  // Of a route to be removed the kernel compares it in IPv4: none has a gateway.
  header.rtm_scope = route.to.address.family == Family::ipv4 ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  return header;
}

NetlinkAnswer change_route(std::uint16_t type, unsigned int flags, const LinkRoute& route) {
  NetlinkRequest request(type, flags);
  request.put_header(route_header(route));
  request.put_u32(RTA_TABLE, route.table);
  if (route.to.length > 0) request.put_address(RTA_DST, route.to.address);
  request.put_u32(RTA_OIF, route.interface);
  if (route.metric != 0) request.put_u32(RTA_PRIORITY, route.metric);
  if (route.source) request.put_address(RTA_PREFSRC, *route.source);
  return request.change();
}

NetlinkAnswer change_rule(std::uint16_t type, unsigned int flags, const RoutingRule& rule) {
  // The kernel would choose one, and find another one to remove.
  MPT_ASSERT(rule.priority != 0);
  NetlinkRequest request(type, flags);
  fib_rule_hdr header{};
  header.family = family_number(rule.family);
  header.table = short_table(rule.table);
  header.action = FR_ACT_TO_TBL;
  header.flags = rule.is_inverted ? FIB_RULE_INVERT : 0;
  request.put_header(header);
  request.put_u32(FRA_TABLE, rule.table);
  request.put_u32(FRA_PRIORITY, rule.priority);
  if (rule.mark) {
    request.put_u32(FRA_FWMARK, *rule.mark);
    request.put_u32(FRA_FWMASK, 0xffffffff);
  }
  if (rule.suppress_prefix) request.put_u32(FRA_SUPPRESS_PREFIXLEN, *rule.suppress_prefix);
  request.put_u8(FRA_PROTOCOL, rule.protocol);
  return request.change();
}

/// Whether what was to go is not there, or no such thing can be there.
bool is_absent(int error) {
  return error == ESRCH || error == ENOENT || error == ENODEV || error == EAFNOSUPPORT || error == EOPNOTSUPP;
}

std::string text_of_route(const LinkRoute& route) {
  const std::string to = route.to.length == 0
                             ? fmt::format("the {} default route", family_name(route.to.address.family))
                             : fmt::format("the route to {}", route.to.to_string());
  return route.table == kMainTable ? to : fmt::format("{} in table {}", to, route.table);
}

std::string text_of_rule(const RoutingRule& rule) {
  return fmt::format("the {} routing rule {} for table {}", family_name(rule.family), rule.priority,
                     rule.table);
}

/// Whether what was listed is what was to be made: the metric may be the kernel's choice.
bool is_same(const LinkRoute& wanted, const LinkRoute& listed) {
  LinkRoute expected = wanted;
  if (expected.metric == 0) expected.metric = listed.metric;
  return expected == listed;
}

}  // namespace

std::optional<LinkRoute> read_link_route(std::span<const std::uint8_t> message) {
  const nlmsghdr* whole = whole_message(message);
  if (whole == nullptr || whole->nlmsg_type != RTM_NEWROUTE) return std::nullopt;
  const auto header = header_of<rtmsg>(*whole);
  const auto family = header ? family_of(header->rtm_family) : std::nullopt;
  if (!family) return std::nullopt;
  LinkRoute route;
  route.to.address.family = *family;
  route.table = header->rtm_table;
  route.protocol = header->rtm_protocol;
  bool is_broken = header->rtm_dst_len > route.to.address.bits();
  const auto take_address = [&](const nlattr& attribute, IpAddress& to) {
    const auto address = ip_address_in(attribute);
    is_broken = is_broken || !address || address->family != *family;
    if (!is_broken) to = *address;
  };
  for_each_attribute(*whole, sizeof(rtmsg), [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case RTA_DST:
        take_address(attribute, route.to.address);
        break;
      case RTA_PREFSRC:
        take_address(attribute, route.source.emplace());
        break;
      case RTA_OIF:
        route.interface = number_in<std::uint32_t>(attribute).value_or(0);
        break;
      case RTA_PRIORITY:
        route.metric = number_in<std::uint32_t>(attribute).value_or(0);
        break;
      case RTA_TABLE:
        route.table = number_in<std::uint32_t>(attribute).value_or(route.table);
        break;
      default:
        break;
    }
  });
  if (is_broken) return std::nullopt;
  route.to = prefix_of(route.to.address, header->rtm_dst_len);
  return route;
}

std::optional<RoutingRule> read_routing_rule(std::span<const std::uint8_t> message) {
  const nlmsghdr* whole = whole_message(message);
  if (whole == nullptr || whole->nlmsg_type != RTM_NEWRULE) return std::nullopt;
  const auto header = header_of<fib_rule_hdr>(*whole);
  const auto family = header ? family_of(header->family) : std::nullopt;
  if (!family || header->action != FR_ACT_TO_TBL) return std::nullopt;
  RoutingRule rule;
  rule.family = *family;
  rule.table = header->table;
  rule.is_inverted = (header->flags & FIB_RULE_INVERT) != 0;
  rule.protocol = RTPROT_UNSPEC;
  for_each_attribute(*whole, sizeof(fib_rule_hdr), [&](const nlattr& attribute) {
    switch (mnl_attr_get_type(&attribute)) {
      case FRA_TABLE:
        rule.table = number_in<std::uint32_t>(attribute).value_or(rule.table);
        break;
      case FRA_PRIORITY:
        rule.priority = number_in<std::uint32_t>(attribute).value_or(0);
        break;
      case FRA_FWMARK:
        rule.mark = number_in<std::uint32_t>(attribute);
        break;
      case FRA_SUPPRESS_PREFIXLEN:
        rule.suppress_prefix = number_in<std::uint32_t>(attribute);
        // "None" as the kernel says it.
        if (rule.suppress_prefix == 0xffffffff) rule.suppress_prefix.reset();
        break;
      case FRA_PROTOCOL:
        rule.protocol = number_in<std::uint8_t>(attribute).value_or(RTPROT_UNSPEC);
        break;
      default:
        break;
    }
  });
  return rule;
}

tl::expected<void, std::string> add_route(const LinkRoute& route) {
  const NetlinkAnswer answer = change_route(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, route);
  if (answer.is_good()) return {};
  const std::string what = fmt::format("{} can't be made", text_of_route(route));
  if (answer.error != EEXIST) return tl::make_unexpected(answer.why(what));
  const auto present = list_routes(route.to.address.family, route.table, route.protocol);
  if (!present) return tl::make_unexpected(present.error());
  const bool is_there = std::any_of(present->begin(), present->end(),
                                    [&](const LinkRoute& other) { return is_same(route, other); });
  if (is_there) return {};
  return tl::make_unexpected(fmt::format(
      "{}: there is another one of this metric: see 'ip route show table {}'", what, route.table));
}

tl::expected<void, std::string> remove_route(const LinkRoute& route) {
  const NetlinkAnswer answer = change_route(RTM_DELROUTE, 0, route);
  if (answer.is_good() || is_absent(answer.error)) return {};
  return tl::make_unexpected(answer.why(fmt::format("{} can't be removed", text_of_route(route))));
}

tl::expected<std::vector<LinkRoute>, std::string> list_routes(Family family, std::uint32_t table,
                                                              std::optional<std::uint8_t> protocol) {
  NetlinkRequest request(RTM_GETROUTE, 0);
  rtmsg header{};
  header.rtm_family = family_number(family);
  header.rtm_table = short_table(table);
  header.rtm_protocol = protocol.value_or(RTPROT_UNSPEC);
  request.put_header(header);
  request.put_u32(RTA_TABLE, table);
  // A kernel that does not filter lists all.
  const auto read = [&](std::span<const std::uint8_t> message) {
    auto route = read_link_route(message);
    const bool is_wanted = route && route->to.address.family == family && route->table == table &&
                           (!protocol || route->protocol == *protocol);
    return is_wanted ? route : std::nullopt;
  };
  auto listed = request.list<LinkRoute>(read);
  if (listed) return *std::move(listed);
  // A table without routes does not exist.
  if (is_absent(listed.error().error)) return std::vector<LinkRoute>{};
  return tl::make_unexpected(
      listed.error().why(fmt::format("the {} routes in table {} can't be read", family_name(family), table)));
}

tl::expected<void, std::string> add_rule(const RoutingRule& rule) {
  const NetlinkAnswer answer = change_rule(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, rule);
  if (answer.is_good() || answer.error == EEXIST) return {};
  return tl::make_unexpected(answer.why(fmt::format("{} can't be made", text_of_rule(rule))));
}

tl::expected<void, std::string> remove_rule(const RoutingRule& rule) {
  const NetlinkAnswer answer = change_rule(RTM_DELRULE, 0, rule);
  if (answer.is_good() || is_absent(answer.error)) return {};
  return tl::make_unexpected(answer.why(fmt::format("{} can't be removed", text_of_rule(rule))));
}

tl::expected<std::vector<RoutingRule>, std::string> list_rules(Family family, std::uint8_t protocol) {
  NetlinkRequest request(RTM_GETRULE, 0);
  fib_rule_hdr header{};
  header.family = family_number(family);
  request.put_header(header);
  const auto read = [&](std::span<const std::uint8_t> message) {
    auto rule = read_routing_rule(message);
    return rule && rule->family == family && rule->protocol == protocol ? rule : std::nullopt;
  };
  auto listed = request.list<RoutingRule>(read);
  if (listed) return *std::move(listed);
  if (is_absent(listed.error().error)) return std::vector<RoutingRule>{};
  return tl::make_unexpected(
      listed.error().why(fmt::format("the {} routing rules can't be read", family_name(family))));
}

}  // namespace mptunnel
