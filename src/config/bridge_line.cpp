#include "mptunnel/config/bridge_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "mptunnel/config/device_pattern.h"
#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

/// Options with a value, then those without.
constexpr std::array<std::string_view, 5> kOptions{"bind", "dev", "name", "backup", "metered"};
constexpr std::string_view kForm = "write a bridge as 'HOST PORT'";

/// Reads one bridge line, and reports each of its mistakes.
class BridgeLine {
 public:
  BridgeLine(int line, ConfigReport& report) : report_(report) { bridge_.line = line; }

  std::optional<BridgeConfig> read(std::span<const std::string_view> words) {
    if (words.empty()) {
      wrong(fmt::format("'bridge' says nothing: {}", kForm));
    } else if (words.size() == 1 || words[1].find('=') != std::string_view::npos) {
      read_single_word(words.front());
    } else {
      read_address(words[0], words[1]);
      for (const std::string_view word : words.subspan(2)) read_option(word);
      check_families();
      check_pattern();
    }
    if (failed_) return std::nullopt;
    if (bridge_.name.empty()) bridge_.name = default_name();
    return std::move(bridge_);
  }

 private:
  void wrong(std::string reason) {
    failed_ = true;
    report_.add(bridge_.line, std::move(reason));
  }

  /// Whatever it is, it is not HOST PORT; say which of the two is missing.
  void read_single_word(std::string_view word) {
    if (word.find('=') != std::string_view::npos) {
      wrong(fmt::format("{} is not known: {}, with options after it", quote_word(word), kForm));
      return;
    }
    const auto host = parse_host(word);
    if (!host) {
      wrong(is_digits(word) ? fmt::format("port {} has no host: {}", quote_word(word), kForm) : host.error());
      return;
    }
    wrong(fmt::format("bridge {} has no port: {}", quote_word(word), kForm));
  }

  void read_address(std::string_view host_word, std::string_view port_word) {
    auto host = parse_host(host_word);
    const auto port = parse_port(port_word);
    if (is_digits(host_word) && !port && parse_host(port_word)) {
      wrong(fmt::format("the port stands before the host: write {}",
                        quote_word(fmt::format("{} {}", port_word, host_word))));
      return;
    }
    if (!host) wrong(host.error());
    // "HOST:PORT option" has a port; the word after it is no second one.
    const bool port_in_host = host_word.find(':') != std::string_view::npos && !host;
    if (!port && !port_in_host) wrong(port.error());
    if (host && port) bridge_.remote = {.host = std::move(*host), .port = *port};
  }

  void read_option(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view option = word.substr(0, equals);
    const auto known = std::find(kOptions.begin(), kOptions.end(), option);
    if (known == kOptions.end()) {
      wrong(unknown_option(word, option, equals != std::string_view::npos));
      return;
    }
    const bool has_value = equals != std::string_view::npos;
    if (has_value && is_flag(option)) {
      wrong(fmt::format("option '{0}' takes no value: write '{0}' alone", option));
      return;
    }
    if (!is_flag(option) && (!has_value || equals + 1 == word.size())) {
      wrong(fmt::format("option '{}' says nothing: write it in one word without blanks, {}", option,
                        option_form(option)));
      return;
    }
    bool& given = given_.at(static_cast<std::size_t>(known - kOptions.begin()));
    if (given) {
      wrong(fmt::format("option '{}' stands twice on this line: keep one of the two", option));
      return;
    }
    given = true;
    if (is_flag(option)) {
      bridge_.backup = true;
      bridge_.metered = bridge_.metered || option == "metered";
    } else {
      read_value(option, word.substr(equals + 1));
    }
  }

  static bool is_flag(std::string_view option) { return option == "backup" || option == "metered"; }

  static std::string option_form(std::string_view option) {
    if (option == "bind") return "bind=ADDRESS or bind=ADDRESS:PORT";
    return option == "dev" ? "dev=INTERFACE or dev=PATTERN,PATTERN" : "name=WORD";
  }

  static std::string unknown_option(std::string_view word, std::string_view option, bool has_value) {
    const std::string_view nearest = nearest_word(option, kOptions);
    if (!nearest.empty()) {
      return fmt::format("{} is not a known option: did you mean '{}{}'?", quote_word(word), nearest,
                         is_flag(nearest) ? "" : "=");
    }
    if (has_value) {
      return fmt::format("{} is not a known option: a bridge has bind=, dev=, name=, backup and metered",
                         quote_word(word));
    }
    return fmt::format("{} is one word too much: {}, with bind=, dev=, name=, backup or metered after it",
                       quote_word(word), kForm);
  }

  void read_value(std::string_view option, std::string_view value) {
    if (option == "bind") {
      const auto bind = parse_bind(value);
      if (!bind) return wrong(bind.error());
      bridge_.bind = *bind;
    } else if (option == "dev") {
      auto devices = parse_device_patterns(value);
      if (!devices) return wrong(devices.error());
      bridge_.devices = std::move(*devices);
    } else {
      if (!is_name_word(value)) {
        return wrong(fmt::format("{} is not a name: write up to {} letters, digits and . _ - : @",
                                 quote_word(value), kMaxNameWordBytes));
      }
      bridge_.name = value;
    }
  }

  void check_families() {
    const auto remote = parse_numeric_endpoint(bridge_.remote.host, bridge_.remote.port);
    if (!bridge_.bind || !remote || remote->family == bridge_.bind->family) return;
    const auto version = [](Family family) { return family == Family::ipv4 ? "IPv4" : "IPv6"; };
    wrong(fmt::format(
        "an {} bridge can't be reached from the {} address {}: bind to an address of the same kind",
        version(remote->family), version(bridge_.bind->family), bridge_.bind->address_string()));
  }

  /// An address belongs to one interface, and a port can be had once.
  void check_pattern() {
    if (!bridge_.bind || !is_pattern(bridge_)) return;
    wrong(fmt::format(
        "bind= is for one path, and {} may be several: write dev= with the name of one interface, "
        "or leave bind= out",
        quote_word(fmt::format("dev={}", fmt::join(bridge_.devices, ",")))));
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

  ConfigReport& report_;
  BridgeConfig bridge_;
  std::array<bool, kOptions.size()> given_{};
  bool failed_ = false;
};

}  // namespace

bool is_name_word(std::string_view word) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@";
  return !word.empty() && word.size() <= kMaxNameWordBytes &&
         word.find_first_not_of(kLetters) == std::string_view::npos;
}

std::optional<BridgeConfig> parse_bridge(std::span<const std::string_view> words, int line,
                                         ConfigReport& report) {
  return BridgeLine(line, report).read(words);
}

}  // namespace mptunnel
