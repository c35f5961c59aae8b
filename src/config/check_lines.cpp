#include "check_lines.h"

#include <fmt/format.h>

#include "mptunnel/config/quantity.h"

namespace mptunnel {
namespace {

std::string show_bridge(const BridgeConfig& bridge) {
  std::string from;
  if (bridge.bind) {
    from += " from " + (bridge.bind->port == 0 ? bridge.bind->address_string() : bridge.bind->to_string());
  }
  if (!bridge.devices.empty()) {
    from += is_pattern(bridge) ? " over each of " : " over ";
    from += fmt::format("{}", fmt::join(bridge.devices, ", "));
  }
  const std::string_view kind = bridge.metered ? ", metered" : bridge.backup ? ", backup" : "";
  return fmt::format("{}{}, called {}{}", to_string(bridge.remote), from, bridge.name, kind);
}

CheckLines show_listen(const std::vector<ListenAddress>& addresses) {
  CheckLines lines;
  for (const ListenAddress& address : addresses) {
    lines.push_back(address.endpoint.to_string() +
                    (address.may_be_missing ? " (where this host has IPv6)" : ""));
  }
  return lines;
}

/// A switch, and where its value comes from.
CheckLines show_switch(bool value, std::string_view origin) {
  return {fmt::format("{} ({})", value ? "yes" : "no", origin)};
}

}  // namespace

CheckLines show_client_listen(const ClientConfig& config) {
  return show_listen(config.listen);
}

CheckLines show_server_listen(const ServerConfig& config) {
  return show_listen(config.listen);
}

CheckLines show_bridges(const ClientConfig& config) {
  CheckLines lines;
  for (const BridgeConfig& bridge : config.bridges) lines.push_back(show_bridge(bridge));
  return lines;
}

CheckLines show_target(const ServerConfig& config) {
  return {to_string(config.target)};
}

CheckLines show_dev_exclude(const ClientConfig& config) {
  if (config.dev_exclude.empty()) return {};
  return {fmt::format("{}", fmt::join(config.dev_exclude, ", "))};
}

CheckLines show_min_paths(const ClientConfig& config) {
  return {std::to_string(config.min_paths)};
}

CheckLines show_keepalive(const ClientConfig& config) {
  return {"every " + duration_text(config.keepalive)};
}

CheckLines show_client_id(const ClientConfig& config) {
  if (config.client_id.empty()) return {};
  return {config.client_id};
}

CheckLines show_key(const Settings& settings) {
  const auto& [kind, value, origin] = settings.key_source;
  switch (kind) {
    case KeySource::Kind::none:
      return {"none"};
    case KeySource::Kind::text:
      return {fmt::format("set ({})", origin)};
    case KeySource::Kind::file:
      return {fmt::format("in {} ({})", value, origin)};
  }
  return {};
}

CheckLines show_encrypt(const Settings& settings) {
  return show_switch(settings.encrypt, settings.encrypt_origin);
}

CheckLines show_cipher(const Settings& settings) {
  if (!settings.encrypt) return {};
  return {std::string(name_of(settings.cipher))};
}

CheckLines show_offload(const Settings& settings) {
  return show_switch(settings.offload, settings.offload_origin);
}

CheckLines show_log_level(const Settings& settings) {
  return {std::string(name_of(settings.log_level))};
}

CheckLines show_resolve_interval(const CommonConfig& config) {
  return {"every " + duration_text(config.resolve_interval)};
}

CheckLines show_dscp(const CommonConfig& config) {
  return {config.copy_dscp ? "copy" : "none"};
}

CheckLines show_control(const Settings& settings) {
  return {settings.control.empty() ? "in the runtime directory" : settings.control};
}

}  // namespace mptunnel
