#include "mptunnel/net/full_tunnel_routes.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "mptunnel/base/file.h"
#include "mptunnel/net/link_config.h"
#include "mptunnel/net/route_config.h"

namespace mptunnel {
namespace {

constexpr const char* kIpv4Settings = "/proc/sys/net/ipv4/conf";
/// rp_filter: the way back to a source has to be the way that its packet came.
constexpr int kStrict = 1;
/// Interfaces that a warning names.
constexpr std::size_t kMaxNamed = 4;

/// Tables with a meaning of their own: unspecified, default, main, local (linux/rtnetlink.h).
bool is_system_table(std::uint32_t table) {
  return table == 0 || (table >= 253 && table <= 255);
}

RoutingRule rule_for_better_routes(const FullTunnelSettings& settings, Family family) {
  RoutingRule rule;
  rule.family = family;
  rule.priority = settings.priority;
  rule.table = kMainTable;
  rule.suppress_prefix = 0;
  return rule;
}

RoutingRule rule_for_the_rest(const FullTunnelSettings& settings, Family family) {
  RoutingRule rule;
  rule.family = family;
  rule.priority = settings.priority + 1;
  rule.table = settings.table;
  rule.mark = settings.mark;
  rule.is_inverted = true;
  return rule;
}

LinkRoute default_route(const FullTunnelSettings& settings, Family family) {
  LinkRoute route;
  route.to.address.family = family;
  route.interface = settings.interface;
  route.table = settings.table;
  return route;
}

/// A number that stands in a file of /proc/sys; nullopt if it can't be read.
std::optional<int> read_setting(const std::string& path) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 16> text{};
  if (!file.is_open() || ::read(file.get(), text.data(), text.size()) < 1) return std::nullopt;
  return text.front() >= '0' && text.front() <= '9' ? std::optional<int>(text.front() - '0') : std::nullopt;
}

/// Returns 0 or errno.
int write_setting(const std::string& path, char value) {
  const File file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file.is_open() && ::write(file.get(), &value, 1) == 1 ? 0 : errno;
}

/// The interfaces whose check of sources is strict, but for loopback and `but`.
std::vector<std::string> strict_interfaces(const std::string& but) {
  const std::string folder(kIpv4Settings);
  const int of_all = read_setting(folder + "/all/rp_filter").value_or(0);
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name == "all" || name == "default" || name == "lo" || name == but) continue;
    // The higher one counts (ip-sysctl of Linux).
    const int own = read_setting(entry->path().string() + "/rp_filter").value_or(0);
    if (std::max(of_all, own) == kStrict) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string list_of(const std::vector<std::string>& names) {
  std::string list;
  for (std::size_t i = 0; i < std::min(names.size(), kMaxNamed); ++i) list += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMaxNamed) list += ", ...";
  return list;
}

/// The name of the interface if it is there and has a reader.
std::optional<std::string> running_interface(std::uint32_t index) {
  std::array<char, IF_NAMESIZE> name{};
  if (if_indextoname(index, name.data()) == nullptr || !LinkConfig(index, name.data()).is_running())
    return std::nullopt;
  return std::string(name.data());
}

/// Keeps the first error.
void note(tl::expected<void, std::string>& all, const tl::expected<void, std::string>& one) {
  if (all && !one) all = one;
}

}  // namespace

FullTunnelRoutes::FullTunnelRoutes(FullTunnelSettings settings, NoticeSink on_notice)
    : settings_(std::move(settings)), on_notice_(on_notice) {}

FullTunnelRoutes::~FullTunnelRoutes() {
  static_cast<void>(undo());
}

std::vector<Family> FullTunnelRoutes::families() const {
  std::vector<Family> all;
  if (settings_.ipv4) all.push_back(Family::ipv4);
  if (settings_.ipv6) all.push_back(Family::ipv6);
  return all;
}

tl::expected<void, std::string> FullTunnelRoutes::start() {
  if (settings_.mark == 0) return tl::make_unexpected(std::string("a full tunnel needs a mark"));
  if (is_system_table(settings_.table)) {
    return tl::make_unexpected(
        fmt::format("table {} has a meaning of its own: a full tunnel needs another one", settings_.table));
  }
  if (settings_.priority == 0) return tl::make_unexpected(std::string("a rule's priority is at least 1"));
  if (auto removed = remove_leftovers(settings_); !removed) return removed;
  is_started_ = true;
  auto taken = take_over();
  if (!taken) static_cast<void>(undo());
  return taken;
}

tl::expected<void, std::string> FullTunnelRoutes::take_over() {
  for (const Family family : families()) {
    const auto present = list_routes(family, settings_.table);
    if (!present) return tl::make_unexpected(present.error());
    if (!present->empty()) {
      return tl::make_unexpected(fmt::format(
          "table {} has routes of others: a full tunnel needs another one, see 'ip{} route show table {}'",
          settings_.table, family == Family::ipv6 ? " -6" : "", settings_.table));
    }
    if (auto added = add_route(default_route(settings_, family)); !added) return added;
  }
  if (settings_.ipv4) allow_marks();
  // The rules come last, and that for better routes first: until both are there nothing has moved, and what
  // has a route of its own never does.
  for (const Family family : families()) {
    if (auto added = add_rule(rule_for_better_routes(settings_, family)); !added) return added;
    if (auto added = add_rule(rule_for_the_rest(settings_, family)); !added) return added;
  }
  return {};
}

tl::expected<void, std::string> FullTunnelRoutes::restore() {
  tl::expected<void, std::string> result;
  if (!is_started_) return result;
  for (const Family family : families()) {
    note(result, add_route(default_route(settings_, family)));
    note(result, add_rule(rule_for_better_routes(settings_, family)));
    note(result, add_rule(rule_for_the_rest(settings_, family)));
  }
  return result;
}

void FullTunnelRoutes::allow_marks() const {
  const std::string path = std::string(kIpv4Settings) + "/all/src_valid_mark";
  if (read_setting(path) != 1) {
    if (const int error = write_setting(path, '1'); error == 0) {
      notify(on_notice_, LogLevel::info, "net.ipv4.conf.all.src_valid_mark is 1 now, and stays so");
    } else {
      notify(on_notice_, LogLevel::warning, "net.ipv4.conf.all.src_valid_mark can't be set to 1: {}",
             std::strerror(error));
    }
  }
  const auto strict = strict_interfaces(settings_.name);
  if (strict.empty()) return;
  notify(
      on_notice_, LogLevel::warning,
      "rp_filter is 1 on {}: Linux drops answers to the tunnel's own packets there, unless a firewall gives "
      "them the mark {}; 'sysctl net.ipv4.conf.{}.rp_filter=2' lets them pass",
      list_of(strict), settings_.mark, strict.front());
}

tl::expected<void, std::string> FullTunnelRoutes::undo() {
  if (!is_started_) return {};
  is_started_ = false;
  tl::expected<void, std::string> result;
  // First what sends packets here, then what is here.
  for (const Family family : families()) {
    note(result, remove_rule(rule_for_the_rest(settings_, family)));
    note(result, remove_rule(rule_for_better_routes(settings_, family)));
    note(result, remove_route(default_route(settings_, family)));
  }
  return result;
}

tl::expected<void, std::string> FullTunnelRoutes::remove_leftovers(const FullTunnelSettings& settings) {
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const auto routes = list_routes(family, settings.table, kRouteProtocol);
    if (!routes) return tl::make_unexpected(routes.error());
    for (const LinkRoute& route : *routes) {
      const auto user =
          route.interface == settings.interface ? std::nullopt : running_interface(route.interface);
      if (user) {
        return tl::make_unexpected(
            fmt::format("all is sent by {} already, by another mpclient: only one can do that", *user));
      }
    }
  }
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    const auto rules = list_rules(family, kRouteProtocol);
    if (!rules) return tl::make_unexpected(rules.error());
    for (const RoutingRule& rule : *rules) {
      const bool is_ours = rule.table == settings.table || rule == rule_for_better_routes(settings, family);
      if (!is_ours) continue;
      if (auto removed = remove_rule(rule); !removed) return removed;
    }
    const auto routes = list_routes(family, settings.table, kRouteProtocol);
    if (!routes) return tl::make_unexpected(routes.error());
    for (const LinkRoute& route : *routes) {
      if (auto removed = remove_route(route); !removed) return removed;
    }
  }
  return {};
}

}  // namespace mptunnel
