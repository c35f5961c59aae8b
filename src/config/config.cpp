// Reads a file into a configuration by the table of statements, and judges the file as a whole: what is
// missing, and what may not stand beside something else.
#include "mptunnel/config/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <type_traits>
#include <utility>

#include "mptunnel/config/config_lines.h"
#include "mptunnel/config/statement.h"
#include "mptunnel/config/text.h"
#include "mptunnel/ip/limits.h"
#include "statement_readers.h"

namespace mptunnel {
namespace {

/// Whether the line begins with a HOST and a PORT, as a bridge without a word before it does.
bool reads_as_bridge(const ConfigLine& line) {
  return line.words.size() >= 2 && parse_host(line.words[0]) && parse_port(line.words[1]);
}

/// What was probably meant by a line whose first word is no statement of the program but looks like one:
/// other letter case, a '=' or ':' behind it, a typing mistake, the key itself. Empty if it looks like none
/// of these.
std::string explain_unknown_statement(const ConfigLine& line, Program program) {
  const std::string_view word = line.words.front();
  const auto is_known = [program](std::string_view text) {
    return !text.empty() && find_statement(program, text) != nullptr;
  };
  const std::string lower = lower_case(word);
  const std::string plain = lower.substr(0, lower.find_first_of("=:"));
  if (plain == "key" || plain == "psk" || looks_like_key(word)) {
    return "a key never stands in a configuration: put it in a file that only you can read, and write "
           "'key-file FILE'";
  }
  if (is_known(lower))
    return fmt::format("{} is not known: write '{}' in small letters", quote_word(word), lower);
  if (plain.size() < lower.size() && is_known(plain)) {
    return fmt::format("{} has a '{}' behind '{}': write a blank instead", quote_word(word),
                       word[plain.size()], plain);
  }
  // A host like bridge1 is near to a statement too; no statement has a digit.
  if (word.find_first_of("0123456789") != std::string_view::npos) return {};
  const std::string_view nearest = nearest_word(word, statement_words(program));
  if (nearest.empty()) return {};
  return fmt::format("{} is not a known statement: did you mean '{}'?", quote_word(word), nearest);
}

/// Reads the lines of one file into a configuration by the table of statements.
template <typename Config>
class ConfigReader {
 public:
  ConfigReader(std::string_view file_name, const KeyFileCheck& check_key_file)
      : file_{std::string(file_name.substr(0, file_name.rfind('/') + 1)), check_key_file,
              ConfigReport(file_name)} {}

  /// `explain` says what is wrong with a line whose first word is no statement; if it has nothing to say, the
  /// line is one for the statement without a word.
  void read(std::string_view text, std::string (*explain)(const ConfigLine& line)) {
    const ConfigLines lines = read_config_lines(text, file_.report);
    last_line_ = lines.last_number;
    is_text_ = file_.report.empty();
    for (const ConfigLine& line : lines.lines) read_line(line, explain);
  }

  Config& config() { return config_; }
  /// Whether the statement was there, right or wrong.
  [[nodiscard]] bool given(std::string_view word) const { return first_lines_.contains(word); }
  /// Where it was first.
  [[nodiscard]] int line_of(std::string_view word) const { return first_lines_.at(word); }

  ConfigReport& report() { return file_.report; }
  /// Something must be given and is not. What can't be read may have it.
  void missing(std::string reason) {
    if (is_text_) file_.report.add(last_line_, std::move(reason));
  }

  ConfigResult<Config> take() {
    if (!file_.report.empty()) return tl::make_unexpected(file_.report.take());
    return std::move(config_);
  }

 private:
  static constexpr Program kProgram =
      std::is_same_v<Config, ClientConfig> ? Program::mpclient : Program::mpserver;

  void read_line(const ConfigLine& line, std::string (*explain)(const ConfigLine& line)) {
    const Statement* statement = find_statement(kProgram, line.words.front());
    if (statement == nullptr) {
      if (std::string reason = explain(line); !reason.empty())
        return file_.report.add(line.number, std::move(reason));
      statement = find_statement(kProgram, "");
    }
    const auto [first, is_first] = first_lines_.emplace(statement->word, line.number);
    if (!is_first && statement->times == Times::once) {
      return file_.report.add(line.number, "'{}' stands on line {} already: keep one of the two",
                              statement->word, first->second);
    }
    StatementLine words{*statement, line, file_};
    if (const auto* read = std::get_if<ReadStatement<CommonConfig>>(&statement->read)) {
      (*read)(words, config_.common);
    } else {
      std::get<ReadStatement<Config>>(statement->read)(words, config_);
    }
  }

  ConfigFile file_;
  Config config_;
  std::map<std::string_view, int> first_lines_;  ///< by the statement's word
  int last_line_ = 1;
  bool is_text_ = false;
};

using ClientReader = ConfigReader<ClientConfig>;

/// The statements of the device for IP packets, but for the one that says that there is one.
constexpr std::string_view kTunStatements[] = {"tun-name", "tun-mtu", "mss-clamp", "route",
                                               "allow",    "up",      "down",      "client-to-client"};

/// What does not go with the device, or with none.
template <typename Config>
void check_tun(ConfigReader<Config>& reader) {
  const TunConfig& tun = reader.config().common.tun;
  if (!tun.is_on() && !reader.given("tun")) {
    for (const std::string_view word : kTunStatements) {
      if (!reader.given(word)) continue;
      reader.report().add(reader.line_of(word),
                          "'{}' is of an interface for IP packets, and there is none: write 'tun "
                          "ADDRESS/PREFIX' as well",
                          word);
    }
  }
  const bool has_ipv6 = std::any_of(tun.addresses.begin(), tun.addresses.end(), [](const auto& address) {
    return address.address.family == Family::ipv6;
  });
  if (tun.mtu && *tun.mtu < kLeastIpv6Mtu && has_ipv6) {
    reader.report().add(reader.line_of("tun-mtu"),
                        "IPv6 needs an MTU of {} at least, and 'tun' has an IPv6 address", kLeastIpv6Mtu);
  }
}

/// `given` is what the command line says of the device: it wins over 'tun'.
template <typename Config>
void take_tun(ConfigReader<Config>& reader, const TunConfig& given) {
  if (!given.is_on()) return;
  TunConfig& tun = reader.config().common.tun;
  tun.addresses = given.addresses;
  tun.is_automatic = given.is_automatic;
}

/// A host may be called anything but exactly a statement: what reads as HOST PORT is a bridge, however near
/// to a statement its name is. Only the same word in other letters is refused, because host names have no
/// letter case.
std::string explain_for_client(const ConfigLine& line) {
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
    // Names that differ make two paths: their source ports are derived from them.
    const std::string path =
        fmt::format("{} {} {} {}", canonical_text(bridge.remote), device_text(bridge),
                    bridge.bind ? bridge.bind->to_string() : "", bridge.is_named ? bridge.name : "");
    if (const auto [other, added] = paths_.emplace(path, bridge.line); !added) {
      return reader_.report().add(bridge.line,
                                  "bridge {} stands on line {} already: keep one of the two, or let them "
                                  "differ in bind=, dev= or name=",
                                  to_string(bridge.remote), other->second);
    }
    if (const auto [other, added] = names_.emplace(bridge.name, bridge.line); !added) {
      reader_.report().add(bridge.line,
                           "the bridge on line {} is called {} already: write another name=", other->second,
                           quote_word(bridge.name));
    }
    if (bridge.bind && bridge.bind->port != 0) check_bind(bridge);
    if (auto loop = loop_error(bridge.remote, reader_.config().listen, "bridge"))
      reader_.report().add(bridge.line, std::move(*loop));
  }

 private:
  void check_bind(const BridgeConfig& bridge) {
    const std::string text = bridge.bind->to_string();
    if (const auto [other, added] = ports_.emplace(text + device_text(bridge), bridge.line); !added) {
      reader_.report().add(bridge.line,
                           "{} is bound to by the bridge on line {} already: give each its own port, or none",
                           text, other->second);
    }
    const bool is_zoned = bridge.bind->is_link_local() && bridge.devices.size() == 1;
    const ListenAddress own{.endpoint = *bridge.bind, .zone = is_zoned ? bridge.devices.front() : ""};
    for (const ListenAddress& listen : reader_.config().listen) {
      if (!overlap(listen, own)) continue;
      reader_.report().add(bridge.line,
                           "bind={} is where this program listens for applications: take another port", text);
    }
  }

  ClientReader& reader_;
  std::map<std::string, int> paths_;
  std::map<std::string, int> names_;
  std::map<std::string, int> ports_;
};

std::string explain_for_server(const ConfigLine& line) {
  const std::string_view first = line.words.front();
  const bool is_of_client = find_statement(Program::mpclient, first) != nullptr;
  if (first == "bridge" || (reads_as_bridge(line) && !is_of_client))
    return "bridges belong into mpclient.conf: mpserver is given 'listen PORT' and 'target HOST:PORT'";
  if (is_of_client) return fmt::format("'{}' belongs into mpclient.conf: mpserver has no use for it", first);
  std::string reason = explain_unknown_statement(line, Program::mpserver);
  if (!reason.empty()) return reason;
  return fmt::format("{} is not a known statement: write one of {}", quote_word(first),
                     fmt::join(statement_words(Program::mpserver), ", "));
}

}  // namespace

ConfigResult<ClientConfig> parse_client_config(std::string_view text, std::string_view file_name,
                                               const KeyFileCheck& check_key_file, const TunConfig& tun) {
  ClientReader reader(file_name, check_key_file);
  reader.read(text, explain_for_client);
  ClientConfig& config = reader.config();
  take_tun(reader, tun);
  check_tun(reader);
  if (!reader.given("listen")) {
    const Statement* listen = find_statement(Program::mpclient, "listen");
    config.listen = parse_listen(listen->default_value, ListenDefault::localhost).value();
  }
  const bool takes_all = std::any_of(config.routes.begin(), config.routes.end(),
                                     [](const Prefix& route) { return route.length == 0; });
  if (takes_all && !reader.given("fwmark")) config.fwmark = kTunMark;
  if (config.bridges.size() > kMaxBridges) config.bridges.pop_back();
  BridgeCheck bridges(reader);
  for (const BridgeConfig& bridge : config.bridges) bridges.check(bridge);
  if (!reader.given("bridge") && !reader.given(""))
    reader.missing("there is no bridge: write at least one line 'HOST PORT'");
  return reader.take();
}

ConfigResult<ServerConfig> parse_server_config(std::string_view text, std::string_view file_name,
                                               const KeyFileCheck& check_key_file, const TunConfig& tun) {
  ConfigReader<ServerConfig> reader(file_name, check_key_file);
  reader.read(text, explain_for_server);
  const ServerConfig& config = reader.config();
  take_tun(reader, tun);
  check_tun(reader);
  if (!reader.given("listen"))
    reader.missing("there is no 'listen': write 'listen PORT' or 'listen ADDRESS:PORT'");
  if (!reader.given("target") && !reader.given("tun") && !config.common.tun.is_on())
    reader.missing("there is no 'target': write 'target HOST:PORT', or 'tun ADDRESS/PREFIX' for IP packets");
  if (!config.target) return reader.take();
  if (auto loop = loop_error(*config.target, config.listen, "target"))
    reader.report().add(reader.line_of("target"), std::move(*loop));
  return reader.take();
}

}  // namespace mptunnel
