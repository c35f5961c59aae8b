#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "mptunnel/config/device_pattern.h"
#include "mptunnel/config/statement.h"
#include "mptunnel/config/value.h"
#include "statement_readers.h"

namespace mptunnel {
namespace {

tl::expected<Duration, std::string> parse_keepalive(std::string_view word) {
  return parse_duration(word, kShortestKeepalive, kLongestKeepalive);
}

tl::expected<Duration, std::string> parse_resolve_interval(std::string_view word) {
  return parse_duration(word, kShortestResolveInterval, kLongestResolveInterval);
}

tl::expected<std::uint32_t, std::string> parse_min_paths(std::string_view word) {
  return parse_number(word, 1, kMaxBridges);
}

tl::expected<std::uint32_t, std::string> parse_clients(std::string_view word) {
  return parse_number(word, 1, kMostClients);
}

tl::expected<double, std::string> parse_repair_share(std::string_view word) {
  return parse_percent(word, kLeastRepair, kMostRepair);
}

tl::expected<double, std::string> parse_residual(std::string_view word) {
  return parse_fraction(word, kLeastResidual, kMostResidual);
}

tl::expected<Duration, std::string> parse_repair_delay(std::string_view word) {
  return parse_milliseconds(word, kShortestRepairDelay, kLongestRepairDelay);
}

tl::expected<Duration, std::string> parse_max_hold(std::string_view word) {
  return parse_milliseconds(word, kShortestHold, kLongestHold);
}

tl::expected<std::string, std::string> parse_client_id(std::string_view word) {
  return parse_name_word(word, "client-id");
}

void read_dscp(StatementLine& line, CommonConfig& config) {
  if (const auto copy = line.either()) config.copy_dscp = *copy;
}

void read_repair(StatementLine& line, CommonConfig& config) {
  const auto word = line.word();
  if (!word) return;
  RepairConfig& repair = config.repair;
  repair.mode = *word == "auto" ? RepairConfig::Mode::automatic
                : *word == "no" ? RepairConfig::Mode::none
                                : RepairConfig::Mode::fixed;
  if (repair.mode != RepairConfig::Mode::fixed) return;
  const auto share = parse_repair_share(*word);
  if (!share) return line.wrong("{}; or 'repair auto' or 'repair no'", share.error());
  repair.share = *share;
}

/// The only argument, as `Parse` understands it, is the value of `Member` of `Group`.
template <auto Group, auto Member, auto Parse>
void read_of(StatementLine& line, CommonConfig& config) {
  const auto word = line.word();
  if (!word) return;
  auto value = Parse(*word);
  if (!value) return line.wrong(std::move(value.error()));
  config.*Group.*Member = *value;
}

void read_order(StatementLine& line, CommonConfig& config) {
  const auto word = line.word();
  if (!word) return;
  if (*word == "auto") {
    config.order.mode = OrderConfig::Mode::automatic;
  } else if (*word == "yes" || *word == "no") {
    config.order.mode = *word == "yes" ? OrderConfig::Mode::always : OrderConfig::Mode::none;
  } else {
    line.wrong("'{}' is not 'yes', 'no' or 'auto'", *word);
  }
}

// What --check prints of a value.
std::string line_of(const BridgeConfig& bridge) {
  std::string from;
  if (bridge.bind) {
    from += " from " + (bridge.bind->port == 0 ? bridge.bind->address_string() : bridge.bind->to_string());
  }
  if (!bridge.devices.empty()) {
    from += is_pattern(bridge) ? " over each of " : " over ";
    from += fmt::format("{}", fmt::join(bridge.devices, ", "));
  }
  std::string delay;
  if (bridge.delay > Duration{}) {
    delay = fmt::format(", {} ms after the others",
                        std::chrono::duration_cast<std::chrono::milliseconds>(bridge.delay).count());
  }
  const std::string_view kind = bridge.metered ? ", metered" : bridge.backup ? ", backup" : "";
  return fmt::format("{}{}, called {}{}{}", to_string(bridge.remote), from, bridge.name, kind, delay);
}

std::string line_of(const ListenAddress& address) {
  return to_string(address) + (address.may_be_missing ? " (where this host has IPv6)" : "");
}

CheckLines lines_of(std::size_t number) {
  return {std::to_string(number)};
}

CheckLines show_mark(const ClientConfig& config) {
  if (config.fwmark == 0) return {};
  return {fmt::format("{:#x} ({})", config.fwmark, config.fwmark)};
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
      return {fmt::format("in {} ({})", key.value.text(), key.origin)};
  }
  return {};
}

CheckLines lines_of(const std::string& word) {
  return word.empty() ? CheckLines{} : CheckLines{word};
}

/// All in one line.
CheckLines lines_of(const std::vector<std::string>& words) {
  return words.empty() ? CheckLines{} : CheckLines{fmt::format("{}", fmt::join(words, ", "))};
}

/// A line for each.
template <typename Value>
CheckLines lines_of(const std::vector<Value>& values) {
  CheckLines lines;
  for (const Value& value : values) lines.push_back(line_of(value));
  return lines;
}

/// The value of `Member`.
template <auto Member>
CheckLines show(const decltype(class_of(Member))& source) {
  return lines_of(source.*Member);
}

/// A duration between two things that happen again and again.
template <auto Member>
CheckLines show_interval(const decltype(class_of(Member))& source) {
  return {"every " + duration_text(source.*Member)};
}

/// A switch, and where its value comes from.
template <auto Member, auto Origin>
CheckLines show_switch(const Settings& settings) {
  return {std::string(settings.*Member ? "yes" : "no") + " (" + settings.*Origin + ")"};
}

CheckLines show_key(const Settings& settings) {
  CheckLines lines = lines_of(settings.key_source);
  if (!settings.fingerprint.empty()) lines.push_back("fingerprint " + settings.fingerprint);
  return lines;
}

CheckLines show_keys(const Settings& settings) {
  if (settings.keys_source.kind == KeySource::Kind::none) return {};
  CheckLines lines = lines_of(settings.keys_source);
  for (const std::string& name : settings.named_fingerprints) lines.push_back("fingerprint of " + name);
  return lines;
}

CheckLines show_cipher(const Settings& settings) {
  return settings.encrypt ? CheckLines{std::string(name_of(settings.cipher))} : CheckLines{};
}

// What the statements of repair mean together.
bool is_repaired(const Settings& settings) {
  return settings.encrypt && settings.repair.mode != RepairConfig::Mode::none;
}

CheckLines show_repair(const Settings& settings) {
  const RepairConfig& repair = settings.repair;
  if (repair.mode == RepairConfig::Mode::none) return {"no"};
  if (!settings.encrypt) return {"no: nothing is repaired in the clear"};
  if (repair.mode == RepairConfig::Mode::fixed)
    return {fmt::format("{} always, whatever is lost", percent_text(repair.share))};
  return {"as little as does, and nothing on clean paths"};
}

CheckLines show_residual(const Settings& settings) {
  if (!is_repaired(settings) || settings.repair.mode == RepairConfig::Mode::fixed) return {};
  return {fmt::format("at most {} of the datagrams may stay lost", fraction_text(settings.repair.residual))};
}

CheckLines show_repair_delay(const Settings& settings) {
  if (!is_repaired(settings)) return {};
  return {fmt::format("a lost datagram is back at most {} later", milliseconds_text(settings.repair.delay))};
}

CheckLines show_repair_budget(const Settings& settings) {
  if (!is_repaired(settings) || settings.repair.mode == RepairConfig::Mode::fixed) return {};
  return {fmt::format("at most {} of the datagrams' bytes, 300% of a flow below 100 kbit/s",
                      percent_text(settings.repair.budget))};
}

CheckLines show_order(const Settings& settings) {
  const OrderConfig::Mode mode = settings.order.mode;
  if (mode == OrderConfig::Mode::none) return {"no"};
  if (!settings.encrypt) return {"no: nothing is numbered in the clear"};
  if (mode == OrderConfig::Mode::always) return {"yes, of flows above 100 kbit/s"};
  if (!is_repaired(settings)) return {"what the other end repairs, of flows above 100 kbit/s"};
  return {"while something is repaired, of flows above 100 kbit/s"};
}

CheckLines show_max_hold(const Settings& settings) {
  const OrderConfig& order = settings.order;
  if (order.mode == OrderConfig::Mode::none || !settings.encrypt) return {};
  const bool is_always = order.mode == OrderConfig::Mode::always;
  const Duration most = is_always ? order.max_hold : std::min(order.max_hold, settings.repair.delay);
  return {fmt::format("a datagram waits at most {} for an earlier one", milliseconds_text(most))};
}

CheckLines show_dscp(const CommonConfig& config) {
  return {config.copy_dscp ? "copy" : "none"};
}

CheckLines show_state(const Settings& settings) {
  if (settings.state.empty()) return {};
  const bool is_used = settings.key_source.kind == KeySource::Kind::none;
  return {settings.state + (is_used ? "" : " (not used: there is a key)")};
}

CheckLines show_control(const Settings& settings) {
  return {settings.control.empty() ? settings.default_control : settings.control};
}

// word, argument, whose configuration has it, how often, its default: a value, or in words,
// what it is, its reader, what --check prints, and by which name if not by its word
constexpr Statement kStatements[] = {
    {"listen", "ADDRESS:PORT", Programs::mpclient, Times::often, "localhost:3000", "",
     "where applications send to; a PORT alone is that of localhost", read_client_listen,
     show<&ClientConfig::listen>},
    {"listen", "ADDRESS:PORT", Programs::mpserver, Times::often, "", kMustBeGiven,
     "where bridges send to; a PORT alone is that of all addresses", read_server_listen,
     show<&ServerConfig::listen>},
    {"", "HOST PORT [option...]", Programs::mpclient, Times::often, "", kMustBeGiven,
     "a bridge, where a path begins; 1 to 32 of them", read_bridge, std::monostate{}},
    {"bridge", "HOST PORT [option...]", Programs::mpclient, Times::often, "", "",
     "the same, for a host whose name is also a statement", read_bridge, show<&ClientConfig::bridges>},
    {"target", "HOST:PORT", Programs::mpserver, Times::once, "", kMustBeGiven, "where the datagrams go",
     read_target, show<&ServerConfig::target>},
    {"dev-exclude", "PATTERN...", Programs::mpclient, Times::often, "", "none",
     "interfaces that no pattern in dev= matches", read_dev_exclude, show<&ClientConfig::dev_exclude>},
    {"min-paths", "N", Programs::mpclient, Times::once, "1", "",
     "backups carry traffic while fewer other paths are up; 1 to 32",
     read_word<&ClientConfig::min_paths, parse_min_paths>, show<&ClientConfig::min_paths>},
    {"keepalive", "SECONDS", Programs::mpclient, Times::once, "10", "",
     "between probes of a path while nothing is sent; 1 to 60",
     read_word<&ClientConfig::keepalive, parse_keepalive>, show_interval<&ClientConfig::keepalive>},
    {"fwmark", "NUMBER", Programs::mpclient, Times::once, "", "none",
     "marks what is sent to bridges, for 'ip rule'; decimal or 0x...; needs CAP_NET_ADMIN",
     read_word<&ClientConfig::fwmark, parse_mark>, show_mark},
    {"client-id", "WORD", Programs::mpclient, Times::once, "",
     "made from the key or secret, the machine, the listen addresses and the path of the file",
     "the name by which mpserver knows this client across restarts",
     read_word<&ClientConfig::client_id, parse_client_id>, show<&ClientConfig::client_id>},
    {"state", "FILE|none", Programs::mpclient, Times::once, "", "client-secret below the state directory",
     "the secret by which mpserver knows a client without a key; none: a new one at each start", read_state,
     show_state},
    {"key-file", "FILE", Programs::both, Times::once, "", "none",
     "the key that both ends share, or a client's own; only its owner and its group may be able to read it",
     read_key_file, show_key, "key"},
    {"keys", "FILE", Programs::mpserver, Times::once, "", "none",
     "a file with a key for each client, 'NAME KEY [option...]' a line; only its owner and its group may be "
     "able to read "
     "it",
     read_keys, show_keys},
    {"max-clients", "N", Programs::mpserver, Times::once, "1024", "", "sessions at a time; 1 to 16384",
     read_word<&ServerConfig::max_clients, parse_clients>, show<&ServerConfig::max_clients>, "max clients"},
    {"max-clients-per-network", "N", Programs::mpserver, Times::once, "256", "",
     "of those, from one network (IPv4 /24, IPv6 /56) without a key of their own; 1 to 16384",
     read_word<&ServerConfig::max_clients_per_network, parse_clients>,
     show<&ServerConfig::max_clients_per_network>, "per network"},
    {"encrypt", "yes|no", Programs::both, Times::once, "yes", "",
     "no: datagrams are sent in the clear; both ends must say the same",
     read_switch<&CommonConfig::encrypt, &CommonConfig::encrypt_line>,
     show_switch<&Settings::encrypt, &Settings::encrypt_origin>, "encryption"},
    {"cipher", "auto|aes-256-gcm|chacha20-poly1305", Programs::both, Times::once, "auto", "",
     "AES-256-GCM if both ends offer it; auto offers it if the processor has instructions for it",
     read_word<&CommonConfig::cipher, parse_cipher>, show_cipher},
    {"offload", "yes|no", Programs::both, Times::once, "yes", "",
     "whether the kernel may split and join datagrams",
     read_switch<&CommonConfig::offload, &CommonConfig::offload_line>,
     show_switch<&Settings::offload, &Settings::offload_origin>},
    {"log-level", "LEVEL", Programs::both, Times::once, "info", "", "debug, info, warning or error",
     read_word<&CommonConfig::log_level, parse_level>, show<&Settings::log_level>, "log level"},
    {"resolve-interval", "DURATION", Programs::both, Times::once, "5m", "",
     "how often names that resolve are looked up again; 5s to 24h",
     read_word<&CommonConfig::resolve_interval, parse_resolve_interval>,
     show_interval<&CommonConfig::resolve_interval>, "resolve"},
    {"dscp", "copy|none", Programs::both, Times::once, "copy", "",
     "whether packets carry the DSCP of the datagram that they were made for", read_dscp, show_dscp},
    {"repair", "auto|no|N%", Programs::both, Times::once, "auto", "",
     "brings back datagrams that all copies lost, of those that this end sends", read_repair, show_repair},
    {"residual-loss", "FRACTION", Programs::both, Times::once, "1e-5", "",
     "share of datagrams that may stay lost; 1e-9 to 0.1",
     read_of<&CommonConfig::repair, &RepairConfig::residual, parse_residual>, show_residual, "repair"},
    {"repair-delay", "DURATION", Programs::both, Times::once, "20ms", "",
     "within this a lost datagram is back; 2ms to 1000ms",
     read_of<&CommonConfig::repair, &RepairConfig::delay, parse_repair_delay>, show_repair_delay, "repair"},
    {"repair-budget", "N%", Programs::both, Times::once, "50%", "",
     "what repair may cost at most, in percent of the bytes of datagrams; 0.1% to 300%",
     read_of<&CommonConfig::repair, &RepairConfig::budget, parse_repair_share>, show_repair_budget, "repair"},
    {"order", "auto|yes|no", Programs::both, Times::once, "auto", "",
     "whether datagrams of a flow are delivered in their order; auto: while they are repaired", read_order,
     show_order},
    {"max-hold", "DURATION", Programs::both, Times::once, "20ms", "",
     "how long a datagram waits for an earlier one at most; 1ms to 1000ms",
     read_of<&CommonConfig::order, &OrderConfig::max_hold, parse_max_hold>, show_max_hold, "order"},
    {"control", "FILE|none", Programs::both, Times::once, "", "below the runtime directory",
     "the UNIX socket for --status, at mpserver also for --reload; none: no socket", read_control,
     show_control},
};

// Each reader fits the programs that have the statement.
static_assert(std::all_of(std::begin(kStatements), std::end(kStatements), [](const Statement& statement) {
  return statement.read.index() == static_cast<std::size_t>(statement.programs);
}));

}  // namespace

std::string_view name_of(Program program) {
  return program == Program::mpclient ? "mpclient" : "mpserver";
}

bool includes(Programs programs, Program program) {
  return programs == Programs::both || (programs == Programs::mpclient) == (program == Program::mpclient);
}

std::span<const Statement> statements() {
  return kStatements;
}

const Statement* find_statement(Program program, std::string_view word) {
  for (const Statement& statement : kStatements) {
    if (statement.word == word && includes(statement.programs, program)) return &statement;
  }
  return nullptr;
}

std::vector<std::string_view> statement_words(Program program) {
  std::vector<std::string_view> words;
  for (const Statement& statement : kStatements) {
    if (!statement.word.empty() && includes(statement.programs, program)) words.push_back(statement.word);
  }
  return words;
}

std::string synopsis_of(const Statement& statement) {
  return fmt::format("{}{}{}", statement.word, statement.word.empty() ? "" : " ", statement.argument);
}

}  // namespace mptunnel
