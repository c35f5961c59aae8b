#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config_reader.h"
#include "mptunnel/config/config.h"
#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

using ClientReader = ConfigReader<ClientConfig>;

/// A host may be called anything but exactly a statement: what reads as HOST PORT is a bridge, however near
/// to a statement its name is. Only the same word in other letters is refused, because host names have no
/// letter case.
std::string explain(const ConfigLine& line) {
  const std::string lower = lower_case(line.words.front());
  if (reads_as_bridge(line) && find_statement(Program::mpclient, lower) == nullptr) return {};
  if (lower == "target")
    return "'target' belongs into mpserver.conf: mpclient is given bridges, as 'HOST PORT'";
  return explain_unknown_statement(line, Program::mpclient);
}

/// Equal for the same interfaces in another order.
std::string device_text(const BridgeConfig& bridge) {
  std::vector<std::string> devices = bridge.devices;
  std::sort(devices.begin(), devices.end());
  return fmt::format("{}", fmt::join(devices, ","));
}

/// What a bridge may not share with one before it, or with what is listened on.
class BridgeCheck {
 public:
  explicit BridgeCheck(ClientReader& reader) : reader_(reader) {}

  void check(const BridgeConfig& bridge) {
    const std::string path = fmt::format("{} {} {}", canonical_text(bridge.remote), device_text(bridge),
                                         bridge.bind ? bridge.bind->to_string() : "");
    if (const auto [other, added] = paths_.emplace(path, bridge.line); !added) {
      return reader_.wrong(
          bridge.line, fmt::format("bridge {} stands on line {} already: keep one of the two, or let them "
                                   "differ in bind= or dev=",
                                   to_string(bridge.remote), other->second));
    }
    if (const auto [other, added] = names_.emplace(bridge.name, bridge.line); !added) {
      reader_.wrong(bridge.line,
                    fmt::format("the bridge on line {} is called {} already: write another name=",
                                other->second, quote_word(bridge.name)));
    }
    if (bridge.bind && bridge.bind->port != 0) check_bind(bridge);
    if (auto loop = loop_error(bridge.remote, reader_.config().listen, "bridge"))
      reader_.wrong(bridge.line, std::move(*loop));
  }

 private:
  void check_bind(const BridgeConfig& bridge) {
    const std::string text = bridge.bind->to_string();
    if (const auto [other, added] = ports_.emplace(text + device_text(bridge), bridge.line); !added) {
      reader_.wrong(
          bridge.line,
          fmt::format("{} is bound to by the bridge on line {} already: give each its own port, or none",
                      text, other->second));
    }
    for (const ListenAddress& listen : reader_.config().listen) {
      if (!overlap(listen.endpoint, *bridge.bind)) continue;
      reader_.wrong(
          bridge.line,
          fmt::format("bind={} is where this program listens for applications: take another port", text));
    }
  }

  ClientReader& reader_;
  std::map<std::string, int> paths_;
  std::map<std::string, int> names_;
  std::map<std::string, int> ports_;
};

}  // namespace

ConfigResult<ClientConfig> parse_client_config(std::string_view text, std::string_view file_name,
                                               const KeyFileCheck& check_key_file) {
  ClientReader reader(file_name, check_key_file);
  reader.read(text, explain);
  ClientConfig& config = reader.config();
  if (!reader.given("listen")) {
    const Statement* listen = find_statement(Program::mpclient, "listen");
    config.listen = parse_listen(listen->default_value, ListenDefault::localhost).value();
  }
  if (config.bridges.size() > kMaxBridges) config.bridges.pop_back();
  BridgeCheck bridges(reader);
  for (const BridgeConfig& bridge : config.bridges) bridges.check(bridge);
  if (!reader.given("bridge") && !reader.given(""))
    reader.missing("there is no bridge: write at least one line 'HOST PORT'");
  return reader.take();
}

}  // namespace mptunnel
