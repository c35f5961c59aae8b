#include "check_lines.h"

#include <fmt/format.h>

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

}  // namespace

CheckLines lines_of(std::size_t number) {
  return {std::to_string(number)};
}

CheckLines lines_of(LogLevel level) {
  return {std::string(name_of(level))};
}

CheckLines lines_of(const HostPort& address) {
  return {to_string(address)};
}

CheckLines lines_of(const KeySource& key) {
  switch (key.kind) {
    case KeySource::Kind::none:
      return {"none"};
    case KeySource::Kind::text:
      return {fmt::format("set ({})", key.origin)};
    case KeySource::Kind::file:
      return {fmt::format("in {} ({})", key.value, key.origin)};
  }
  return {};
}

CheckLines lines_of(const std::string& word) {
  return word.empty() ? CheckLines{} : CheckLines{word};
}

CheckLines lines_of(const std::vector<std::string>& words) {
  return words.empty() ? CheckLines{} : CheckLines{fmt::format("{}", fmt::join(words, ", "))};
}

CheckLines lines_of(const std::vector<ListenAddress>& addresses) {
  CheckLines lines;
  for (const ListenAddress& address : addresses) {
    lines.push_back(address.endpoint.to_string() +
                    (address.may_be_missing ? " (where this host has IPv6)" : ""));
  }
  return lines;
}

CheckLines lines_of(const std::vector<BridgeConfig>& bridges) {
  CheckLines lines;
  for (const BridgeConfig& bridge : bridges) lines.push_back(show_bridge(bridge));
  return lines;
}

CheckLines show_cipher(const Settings& settings) {
  return settings.encrypt ? CheckLines{std::string(name_of(settings.cipher))} : CheckLines{};
}

CheckLines show_dscp(const CommonConfig& config) {
  return {config.copy_dscp ? "copy" : "none"};
}

CheckLines show_control(const Settings& settings) {
  return {settings.control.empty() ? "in the runtime directory" : settings.control};
}

}  // namespace mptunnel
