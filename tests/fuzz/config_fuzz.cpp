// Any text as mpclient.conf, as mpserver.conf and as a keyring: it is a configuration within all limits, or
// mistakes that each have a line of the file and can be shown on a terminal.
#include <algorithm>
#include <set>

#include "fuzz/input.h"
#include "fuzz/targets.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/config/config.h"
#include "mptunnel/config/keyring_file.h"
#include "mptunnel/config/text.h"

namespace mptunnel::fuzz {
namespace {

void check_errors(const std::vector<ConfigError>& errors, std::string_view text) {
  MPT_ASSERT(!errors.empty() && errors.size() <= kMaxConfigErrors + 1);
  // '\n' ends a line; one without it is a line as well.
  const auto lines = 1 + std::count(text.begin(), text.end(), '\n');
  int before = 1;
  for (const ConfigError& error : errors) {
    MPT_ASSERT(error.file == "f" && error.line >= before && error.line <= lines);
    before = error.line;
    MPT_ASSERT(!error.reason.empty());
    const std::string shown = to_string(error);
    MPT_ASSERT(shown.size() < 1000);
    MPT_ASSERT(std::all_of(shown.begin(), shown.end(), [](char c) { return c >= ' ' && c <= '~'; }));
  }
}

void check_listen(const std::vector<ListenAddress>& listen) {
  MPT_ASSERT(!listen.empty() && listen.size() <= kMaxListenAddresses);
  for (auto one = listen.begin(); one != listen.end(); ++one) {
    MPT_ASSERT(one->endpoint.port != 0);
    MPT_ASSERT(std::none_of(listen.begin(), one, [&](const auto& other) { return overlap(*one, other); }));
  }
}

void check_common(const CommonConfig& common) {
  MPT_ASSERT(common.resolve_interval >= kShortestResolveInterval &&
             common.resolve_interval <= kLongestResolveInterval);
  MPT_ASSERT(common.control_path.size() <= kMaxControlPathBytes);
  MPT_ASSERT(common.has_control || common.control_path.empty());
  MPT_ASSERT(common.key_file.empty() || common.key_file_line > 0);
}

bool is_word(std::string_view text) {
  return text.size() <= kMaxNameWordBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

void check_bridge(const BridgeConfig& bridge) {
  MPT_ASSERT(bridge.remote.port != 0 && !bridge.remote.host.empty() && !bridge.name.empty());
  MPT_ASSERT(bridge.line > 0 && bridge.devices.size() <= kMaxDevicePatterns);
  // Of several interfaces none has the address.
  MPT_ASSERT(!bridge.bind || !is_pattern(bridge));
  MPT_ASSERT(bridge.backup || !bridge.metered);
}

void check_client(const ClientConfig& config) {
  check_listen(config.listen);
  check_common(config.common);
  MPT_ASSERT(!config.bridges.empty() && config.bridges.size() <= kMaxBridges);
  std::set<std::string> names;
  for (const BridgeConfig& bridge : config.bridges) {
    check_bridge(bridge);
    MPT_ASSERT(names.insert(bridge.name).second);
  }
  MPT_ASSERT(is_word(config.client_id) && config.dev_exclude.size() <= kMaxExcludedDevices);
  MPT_ASSERT(config.min_paths >= 1 && config.min_paths <= kMaxBridges);
  MPT_ASSERT(config.keepalive >= kShortestKeepalive && config.keepalive <= kLongestKeepalive);
}

void check_server(const ServerConfig& config) {
  check_listen(config.listen);
  check_common(config.common);
  MPT_ASSERT(config.target || config.common.tun.is_on());
  if (!config.target) return;
  MPT_ASSERT(config.target->port != 0 && !config.target->host.empty());
  for (const ListenAddress& listen : config.listen) MPT_ASSERT(!leads_to(*config.target, listen));
  for (const std::size_t clients : {config.max_clients, config.max_clients_per_network})
    MPT_ASSERT(clients >= 1 && clients <= kMostClients);
  MPT_ASSERT(config.keys.empty() || config.keys_line > 0);
}

void check_keyring(const std::vector<KeyringLine>& lines) {
  MPT_ASSERT(lines.size() <= kMaxKeyringLines);
  std::set<std::string> names;
  for (const KeyringLine& line : lines) {
    MPT_ASSERT(is_word(line.name) && !line.name.empty() && names.insert(line.name).second);
    MPT_ASSERT(!line.key.empty() && line.line > 0);
    MPT_ASSERT(!line.max_sessions || (*line.max_sessions >= 1 && *line.max_sessions <= kMostClients));
    MPT_ASSERT(!line.max_flows || (*line.max_flows >= 1 && *line.max_flows <= kMostFlowsOfKey));
    MPT_ASSERT(!line.max_rate || (*line.max_rate >= kLowestRate && *line.max_rate <= kHighestRate));
  }
}

}  // namespace

void fuzz_config(ConstBytes input) {
  const std::string_view text = text_of(input);
  if (const auto client = parse_client_config(text, "f")) {
    check_client(*client);
  } else {
    check_errors(client.error(), text);
  }
  if (const auto server = parse_server_config(text, "f")) {
    check_server(*server);
  } else {
    check_errors(server.error(), text);
  }
  const auto is_key = [](std::string_view key) {
    return looks_like_key(key) ? std::nullopt : std::optional<std::string>("no key");
  };
  if (const auto keyring = parse_keyring(text, "f", is_key)) {
    check_keyring(*keyring);
  } else {
    check_errors(keyring.error(), text);
  }
}

}  // namespace mptunnel::fuzz
