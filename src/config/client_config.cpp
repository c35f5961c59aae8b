#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "mptunnel/config/bridge_line.h"
#include "mptunnel/config/config.h"
#include "mptunnel/config/device_pattern.h"
#include "mptunnel/config/quantity.h"
#include "mptunnel/config/statements.h"
#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

constexpr std::array<std::string_view, 14> kStatements{
    "bridge",    "listen",      "key-file",  "encrypt",   "cipher", "offload",          "log-level",
    "client-id", "dev-exclude", "min-paths", "keepalive", "dscp",   "resolve-interval", "control"};

constexpr Duration kShortestKeepalive = std::chrono::seconds{1};
constexpr Duration kLongestKeepalive = std::chrono::seconds{60};

class ClientParser {
 public:
  ClientParser(std::string_view file_name, const KeyFileCheck& check_key_file)
      : report_(file_name), common_(file_name, check_key_file) {}

  ConfigResult<ClientConfig> parse(std::string_view text) {
    const ConfigLines lines = read_config_lines(text, report_);
    const bool readable = report_.empty();
    for (const ConfigLine& line : lines.lines) read(line);
    finish_listen();
    check_bridges();
    if (!bridge_seen_ && readable) {
      report_.add(lines.last_number, "there is no bridge: write at least one line 'HOST PORT'");
    }
    if (!report_.empty()) return tl::make_unexpected(report_.take());
    config_.common = common_.config();
    return std::move(config_);
  }

 private:
  void read(const ConfigLine& line) {
    const std::span<const std::string_view> words(line.words);
    const std::string_view first = words.front();
    if (CommonStatements::knows(first)) return common_.read(line, report_);
    if (first == "listen") return listen_.read(line, report_);
    if (first == "client-id") return read_client_id(line);
    if (first == "dev-exclude") return read_dev_exclude(line);
    if (first == "min-paths") return read_min_paths(line);
    if (first == "keepalive") return read_keepalive(line);
    if (first == "bridge") return read_bridge(words.subspan(1), line.number);
    if (const std::string reason = explain(line); !reason.empty()) return report_.add(line.number, reason);
    read_bridge(words, line.number);
  }

  /// A host may be called anything but exactly a statement: what reads as HOST PORT is a bridge, however near
  /// to a statement its name is. Only the same word in other letters is refused, since host names have no
  /// letter case.
  static std::string explain(const ConfigLine& line) {
    const std::string lower = lower_case(line.words.front());
    const bool is_statement = std::find(kStatements.begin(), kStatements.end(), lower) != kStatements.end();
    const bool reads_as_bridge =
        line.words.size() >= 2 && parse_host(line.words[0]) && parse_port(line.words[1]);
    if (reads_as_bridge && !is_statement) return {};
    if (lower == "target")
      return "'target' belongs into mpserver.conf: mpclient is given bridges, as 'HOST PORT'";
    return explain_unknown_statement(line, kStatements);
  }

  void read_client_id(const ConfigLine& line) {
    if (!client_id_.take(line, report_)) return;
    const auto word = single_argument(line, "client-id WORD", report_);
    if (!word) return;
    if (!is_name_word(*word)) {
      report_.add(line.number,
                  fmt::format("{} is not a client-id: write up to {} letters, digits and . _ - : @",
                              quote_word(*word), kMaxNameWordBytes));
      return;
    }
    config_.client_id = *word;
  }

  void read_dev_exclude(const ConfigLine& line) {
    if (line.words.size() == 1) {
      report_.add(line.number, "'dev-exclude' says nothing: write 'dev-exclude INTERFACE...'");
      return;
    }
    for (const std::string_view word : std::span(line.words).subspan(1)) {
      // One word with commas, as in dev=, would silently be a pattern of its own.
      if (word.find(',') != std::string_view::npos) {
        report_.add(line.number,
                    fmt::format("{} has a comma: write blanks between interfaces here", quote_word(word)));
        continue;
      }
      auto pattern = parse_device_pattern(word);
      if (!pattern) {
        report_.add(line.number, pattern.error());
      } else if (config_.dev_exclude.size() < kMaxExcludedDevices) {
        config_.dev_exclude.push_back(std::move(*pattern));
      } else {
        report_.add(line.number, fmt::format("{} is one too many: exclude at most {} interfaces, or write "
                                             "patterns",
                                             quote_word(word), kMaxExcludedDevices));
        return;
      }
    }
  }

  void read_min_paths(const ConfigLine& line) {
    if (!min_paths_.take(line, report_)) return;
    const auto word = single_argument(line, "min-paths N", report_);
    if (!word) return;
    const auto number = parse_number(*word, 1, kMaxBridges);
    if (!number) return report_.add(line.number, number.error());
    config_.min_paths = *number;
  }

  void read_keepalive(const ConfigLine& line) {
    if (!keepalive_.take(line, report_)) return;
    const auto word = single_argument(line, "keepalive SECONDS", report_);
    if (!word) return;
    const auto duration = parse_duration(*word, kShortestKeepalive, kLongestKeepalive);
    if (!duration) return report_.add(line.number, duration.error());
    config_.keepalive = *duration;
  }

  void read_bridge(std::span<const std::string_view> words, int line) {
    bridge_seen_ = true;
    auto bridge = parse_bridge(words, line, report_);
    if (!bridge) return;
    if (config_.bridges.size() < kMaxBridges) {
      config_.bridges.push_back(std::move(*bridge));
    } else if (!too_many_told_) {
      too_many_told_ = true;
      report_.add(line, fmt::format("this is bridge {}: write at most {}", kMaxBridges + 1, kMaxBridges));
    }
  }

  void finish_listen() {
    if (listen_.given()) {
      config_.listen = listen_.addresses();
    } else {
      config_.listen = parse_listen(std::to_string(kDefaultClientPort), ListenDefault::localhost).value();
    }
  }

  /// Equal for the same interfaces in another order.
  static std::string device_text(const BridgeConfig& bridge) {
    std::vector<std::string> devices = bridge.devices;
    std::sort(devices.begin(), devices.end());
    return fmt::format("{}", fmt::join(devices, ","));
  }

  /// What a bridge may not share with one before it.
  void check_bridges() {
    std::map<std::string, int> paths;
    std::map<std::string, int> names;
    std::map<std::string, int> ports;
    for (const BridgeConfig& bridge : config_.bridges) {
      const std::string bind = bridge.bind ? bridge.bind->to_string() : "";
      const std::string path =
          fmt::format("{} {} {}", canonical_text(bridge.remote), device_text(bridge), bind);
      if (const auto [other, added] = paths.emplace(path, bridge.line); !added) {
        report_.add(bridge.line,
                    fmt::format("bridge {} stands on line {} already: keep one of the two, or let them "
                                "differ in bind= or dev=",
                                to_string(bridge.remote), other->second));
        continue;
      }
      if (const auto [other, added] = names.emplace(bridge.name, bridge.line); !added) {
        report_.add(bridge.line,
                    fmt::format("the bridge on line {} is called {} already: write another name=",
                                other->second, quote_word(bridge.name)));
      }
      if (bridge.bind && bridge.bind->port != 0) check_bind(bridge, ports);
      if (auto loop = loop_error(bridge.remote, config_.listen, "bridge"))
        report_.add(bridge.line, std::move(*loop));
    }
  }

  void check_bind(const BridgeConfig& bridge, std::map<std::string, int>& ports) {
    const std::string text = bridge.bind->to_string();
    if (const auto [other, added] = ports.emplace(text + device_text(bridge), bridge.line); !added) {
      report_.add(bridge.line,
                  fmt::format("{} is bound to by the bridge on line {} already: give each its own port, "
                              "or none",
                              text, other->second));
    }
    for (const ListenAddress& listen : config_.listen) {
      if (!overlap(listen.endpoint, *bridge.bind)) continue;
      report_.add(
          bridge.line,
          fmt::format("bind={} is where this program listens for applications: take another port", text));
    }
  }

  ConfigReport report_;
  CommonStatements common_;
  ListenStatements listen_{ListenDefault::localhost};
  SingleStatement client_id_;
  SingleStatement min_paths_;
  SingleStatement keepalive_;
  ClientConfig config_;
  bool bridge_seen_ = false;
  bool too_many_told_ = false;
};

}  // namespace

ConfigResult<ClientConfig> parse_client_config(std::string_view text, std::string_view file_name,
                                               const KeyFileCheck& check_key_file) {
  return ClientParser(file_name, check_key_file).parse(text);
}

}  // namespace mptunnel
