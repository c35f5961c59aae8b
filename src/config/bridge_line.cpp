// One bridge line of mpclient.conf, "HOST PORT [option...]", and the table of its options. What it is not:
// the comparison with other bridges; see config.cpp.
#include <fmt/format.h>

#include <array>

#include "line_options.h"
#include "mptunnel/config/device_pattern.h"
#include "mptunnel/config/text.h"
#include "mptunnel/config/value.h"
#include "statement_readers.h"

namespace mptunnel {
namespace {

tl::expected<std::string, std::string> parse_name(std::string_view value) {
  return parse_name_word(value, "name");
}

std::optional<std::string> read_backup(std::string_view /*value*/, BridgeConfig& bridge) {
  bridge.backup = true;
  return std::nullopt;
}

std::optional<std::string> read_metered(std::string_view /*value*/, BridgeConfig& bridge) {
  bridge.backup = true;
  bridge.metered = true;
  return std::nullopt;
}

std::optional<std::string> read_bind(std::string_view value, BridgeConfig& bridge) {
  auto bind = parse_bind(value);
  if (!bind) return std::move(bind.error());
  bridge.bind = bind->endpoint;
  bridge.bind_zone = std::move(bind->zone);
  return std::nullopt;
}

/// Milliseconds, with or without their unit.
tl::expected<Duration, std::string> parse_delay(std::string_view value) {
  const std::string_view digits = value.ends_with("ms") ? value.substr(0, value.size() - 2) : value;
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(kLongestDelay).count();
  const auto number = parse_number(digits, 1, static_cast<std::uint32_t>(most));
  if (!number) return mistake("delay={}: write milliseconds, from 1 to {}", quote_word(value), most);
  return std::chrono::milliseconds{*number};
}

// word, how to write it, what it is like without it, its reader
constexpr std::array<BridgeOption, 6> kOptions{{
    {"bind", "bind=ADDRESS or bind=ADDRESS:PORT", "the route's address", read_bind},
    {"dev", "dev=INTERFACE or dev=PATTERN,PATTERN", "what routing says",
     read_option_value<&BridgeConfig::devices, parse_device_patterns>},
    {"name", "name=WORD", "HOST:PORT", read_option_value<&BridgeConfig::name, parse_name>},
    {"delay", "delay=MS", "none", read_option_value<&BridgeConfig::delay, parse_delay>},
    {"backup", "", "no", read_backup},
    {"metered", "", "no", read_metered},
}};
constexpr std::string_view kForm = "write a bridge as 'HOST PORT'";

/// Reads one bridge line, and reports each of its mistakes.
class BridgeLine {
 public:
  explicit BridgeLine(StatementLine& line) : line_(line) { bridge_.line = line.line.number; }

  std::optional<BridgeConfig> read() {
    const auto words = line_.arguments();
    if (words.empty()) {
      line_.wrong("'bridge' says nothing: {}", kForm);
    } else if (words.size() == 1 || words[1].find('=') != std::string_view::npos) {
      read_single_word(words.front());
    } else {
      read_address(words[0], words[1]);
      for (const std::string_view word : words.subspan(2)) read_option(word);
      check_families();
      read_bind_zone();
      check_zones();
      check_pattern();
    }
    if (line_.failed) return std::nullopt;
    bridge_.is_named = !bridge_.name.empty();
    if (!bridge_.is_named) bridge_.name = default_name();
    return std::move(bridge_);
  }

 private:
  /// Whatever it is, it is not HOST PORT; say which of the two is missing.
  void read_single_word(std::string_view word) {
    if (word.find('=') != std::string_view::npos) {
      line_.wrong("{} is not known: {}, with options after it", quote_word(word), kForm);
      return;
    }
    const auto host = parse_host(word);
    if (!host) {
      line_.wrong(is_digits(word) ? fmt::format("port {} has no host: {}", quote_word(word), kForm)
                                  : host.error());
      return;
    }
    line_.wrong("bridge {} has no port: {}", quote_word(word), kForm);
  }

  void read_address(std::string_view host_word, std::string_view port_word) {
    auto host = parse_host(host_word);
    const auto port = parse_port(port_word);
    if (is_digits(host_word) && !port && parse_host(port_word)) {
      line_.wrong("the port stands before the host: write {}",
                  quote_word(fmt::format("{} {}", port_word, host_word)));
      return;
    }
    if (!host) line_.wrong(host.error());
    // "HOST:PORT option" has a port; the word after it is no second one.
    const bool port_in_host = host_word.find(':') != std::string_view::npos && !host;
    if (!port && !port_in_host) line_.wrong(port.error());
    if (host && port) bridge_.remote = {.host = std::move(*host), .port = *port};
  }

  void read_option(std::string_view word) {
    auto mistake = options_.read(word, bridge_, [this](std::string_view unknown) {
      if (unknown.find('=') == std::string_view::npos) {
        return fmt::format("{} is one word too much: {}, with {} after it", quote_word(unknown), kForm,
                           options_.list("or"));
      }
      return fmt::format("{} is not a known option: a bridge has {}", quote_word(unknown),
                         options_.list("and"));
    });
    if (mistake) line_.wrong(std::move(*mistake));
  }

  void check_families() {
    const auto remote = parse_numeric_endpoint(bridge_.remote.host, bridge_.remote.port);
    if (!bridge_.bind || !remote || remote->family == bridge_.bind->family) return;
    const auto version = [](Family family) { return family == Family::ipv4 ? "IPv4" : "IPv6"; };
    line_.wrong("an {} bridge can't be reached from the {} address {}: bind to an address of the same kind",
                version(remote->family), version(bridge_.bind->family), bridge_.bind->address_string());
  }

  /// An interface that bind= names is the one of dev=, which says the same of all that is sent.
  void read_bind_zone() {
    if (bridge_.bind_zone.empty()) return;
    if (bridge_.devices.empty()) bridge_.devices = {bridge_.bind_zone};
    if (bridge_.devices.size() == 1 && bridge_.devices.front() == bridge_.bind_zone) return;
    line_.wrong("bind= is an address of {}, and dev= names another interface: leave one of the two out",
                quote_word(bridge_.bind_zone));
  }

  /// With dev= the interface is known.
  void check_zones() {
    if (!bridge_.devices.empty()) return;
    if (auto no_zone = zone_error(bridge_.remote.host)) line_.wrong("{}, or dev=eth0", *no_zone);
    if (bridge_.bind && bridge_.bind->scope == 0 && zone_error(bridge_.bind->address_string())) {
      const std::string address = bridge_.bind->address_string();
      line_.wrong(
          "bind={0} is link-local, an address of each link: write its interface too, as in 'bind={0}%eth0', "
          "or "
          "dev=eth0",
          address);
    }
  }

  /// An address belongs to one interface, and a port can be had once.
  void check_pattern() {
    if (!bridge_.bind || !is_pattern(bridge_)) return;
    line_.wrong(
        "bind= is for one path, and {} may be several: write dev= with the name of one interface, "
        "or leave bind= out",
        quote_word(fmt::format("dev={}", fmt::join(bridge_.devices, ","))));
  }

  [[nodiscard]] std::string default_name() const {
    std::string name = to_string(bridge_.remote);
    if (!bridge_.devices.empty()) name += fmt::format("@{}", fmt::join(bridge_.devices, ","));
    if (bridge_.bind) {
      const Endpoint& bind = *bridge_.bind;
      name += fmt::format("@{}", bind.port == 0 ? bind.address_string() : bind.to_string());
    }
    return name;
  }

  StatementLine& line_;
  BridgeConfig bridge_;
  LineOptions<BridgeConfig> options_{kOptions};
};

}  // namespace

std::span<const BridgeOption> bridge_options() {
  return kOptions;
}

void read_bridge(StatementLine& line, ClientConfig& config) {
  auto bridge = BridgeLine(line).read();
  // One more than may be is kept, so that of all that are too many only the first is a mistake.
  if (!bridge || config.bridges.size() > kMaxBridges) return;
  config.bridges.push_back(std::move(*bridge));
  if (config.bridges.size() > kMaxBridges)
    line.wrong("this is bridge {}: write at most {}", kMaxBridges + 1, kMaxBridges);
}

}  // namespace mptunnel
