#include "mptunnel/ports/bridge_route.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

/// For so long after a report, others of its kind are taken to come from where it came from.
constexpr Duration kIcmpHolds = 1min;
/// How long a report explains silence; a path that is down is probed each 5 s at least, which brings another.
constexpr Duration kIcmpExplainsFor = 15s;
constexpr Duration kIcmpNotedEach = 1s;

}  // namespace

std::string words_of(const IcmpReport& report) {
  const std::string to = report.to.to_string();
  const std::string address = report.to.address_string();
  const std::string from = report.from.address_string();
  const bool is_host = from == address;
  const std::string who = is_host ? "its host" : fmt::format("the router {} on the way", from);
  switch (report.kind) {
    case IcmpKind::prohibited:
      return fmt::format("{} forbids sending to {} (ICMP): the firewall there has to allow it", who, to);
    case IcmpKind::no_route:
      return fmt::format("{} knows no route to {} (ICMP)", who, address);
    case IcmpKind::host_unreachable:
      return fmt::format("{} can't reach {} (ICMP): look whether that host is up", who, address);
    case IcmpKind::port_closed:
      if (!is_host)
        return fmt::format("{} rejects what is sent to {} (ICMP): its firewall has to allow it", who, to);
      return fmt::format("nothing listens on {} (connection refused)", to);
    case IcmpKind::in_circles:
      return fmt::format("what is sent to {} goes in circles until {} gives it up (ICMP): correct the routes",
                         address, who);
    case IcmpKind::other:
      break;
  }
  return fmt::format("{} refuses what is sent to {} (ICMP)", who, to);
}

bool is_no_route(int error) {
  return error == ENETUNREACH || error == EHOSTUNREACH || error == EACCES || error == EINVAL;
}

BridgeRoute::BridgeRoute(Routing& routing, const InterfaceTable& table, SendFrom from, std::uint32_t mark)
    : routing_(routing), table_(table), from_(std::move(from)), mark_(mark) {}

RouteQuestion BridgeRoute::question(const Endpoint& remote, const Endpoint& local) const {
  RouteQuestion question{.remote = remote, .source = local, .mark = mark_};
  if (const NetworkInterface* device = from_.device.empty() ? nullptr : table_.find(from_.device))
    question.interface = device->index;
  return question;
}

tl::expected<NextHop, int> BridgeRoute::choice(const Endpoint& remote) const {
  return routing_.next_hop(question(remote, from_.bind.value_or(Endpoint{})));
}

bool BridgeRoute::look(const Endpoint& remote, const Endpoint& local) {
  const auto now = routing_.next_hop(question(remote, local));
  const bool is_other = !hop_ || *hop_ != now;
  hop_ = now;
  return is_other;
}

bool BridgeRoute::leaves_alike(const Endpoint& one, const Endpoint& other) const {
  const auto here = choice(one);
  const auto there = choice(other);
  return here && there && here->interface == there->interface;
}

const NetworkInterface* BridgeRoute::tunnel() const {
  if (!from_.device.empty()) return nullptr;
  const NetworkInterface* leaves_by = table_.find(interface());
  return leaves_by != nullptr && leaves_by->is_tunnel ? leaves_by : nullptr;
}

bool BridgeRoute::note_icmp(const IcmpReport& report, TimePoint now) {
  if (icmp_ && now - icmp_at_ < kIcmpNotedEach) return false;
  // Anybody can make one up: while a kind of report goes on, who it came from first is who it is from.
  const bool is_going_on = icmp_ && icmp_->kind == report.kind && now - icmp_at_ < kIcmpHolds;
  if (!is_going_on) icmp_ = report;
  icmp_at_ = now;
  return true;
}

std::optional<std::string> BridgeRoute::explain(const Endpoint& remote, const Endpoint& local,
                                                TimePoint now) const {
  // What this host knows itself is certain, and ICMP is not.
  if (auto why = explain_here(remote, local)) return why;
  return icmp_ && now - icmp_at_ < kIcmpExplainsFor ? std::optional(words_of(*icmp_)) : std::nullopt;
}

std::optional<std::string> BridgeRoute::explain_here(const Endpoint& remote, const Endpoint& local) const {
  // Not the last look itself: whoever asks that for changes would miss one.
  const auto hop = routing_.next_hop(question(remote, local));
  if (!hop) {
    if (hop.error() == EACCES || hop.error() == EINVAL) return why_not_routed(hop.error(), remote);
    if (!is_no_route(hop.error())) return std::nullopt;
    if (!from_.device.empty()) return no_route_over(from_.device, remote);
    return fmt::format("there is no route to {}", remote.to_string());
  }
  const NetworkInterface* leaves_by = table_.find(hop->interface);
  if (leaves_by == nullptr || leaves_by->is_loopback) return std::nullopt;
  if (!from_.device.empty() && leaves_by->has_neighbours && !routing_.has_route(question(remote, local))) {
    return no_route_over(from_.device, remote, ", so the system looks for it on that link itself");
  }
  if (auto why = explain_neighbour(hop->gateway.is_set() ? hop->gateway : remote,
                                   hop->gateway.is_set() ? "the gateway" : "the bridge", *leaves_by))
    return why;
  return explain_filter(remote, local, *leaves_by);
}

std::optional<std::string> BridgeRoute::explain_neighbour(const Endpoint& next, std::string_view role,
                                                          const NetworkInterface& interface) const {
  if (!interface.has_neighbours) return std::nullopt;
  const NeighbourState state = routing_.neighbour(next, interface.index);
  if (state != NeighbourState::silent && state != NeighbourState::is_asked) return std::nullopt;
  return fmt::format("{} {} on {} does not answer {}: is it switched on, and is this the right network?",
                     role, next.address_string(), interface.name,
                     next.family == Family::ipv6 ? "neighbour discovery" : "ARP");
}

std::optional<std::string> BridgeRoute::explain_filter(const Endpoint& remote, const Endpoint& local,
                                                       const NetworkInterface& interface) const {
  if (remote.family != Family::ipv4) return std::nullopt;
  const ReversePathFilter filter = routing_.reverse_path_filter(interface.name);
  if (!filter.is_strict) return std::nullopt;
  // The kernel looks where it would send to the answer's source, bound to no interface and without a mark
  // (fib_validate_source()).
  const auto back = routing_.next_hop({.remote = remote.with_port(0), .source = local.with_port(0)});
  if (back && back->interface == interface.index) return std::nullopt;
  return fmt::format(
      "answers that come by {} are dropped by {} = 1, because routing would send to {} {}: set it to 2 "
      "(sysctl)",
      interface.name, filter.setting, remote.address_string(), back ? "by another interface" : "nowhere");
}

}  // namespace mptunnel
