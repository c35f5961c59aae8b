#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string_view>
#include <utility>

#include "mptunnel/config/device_pattern.h"
#include "mptunnel/config/statement.h"
#include "mptunnel/config/value.h"
#include "statement_readers.h"
#include "statement_views.h"

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

void read_scheduler(StatementLine& line, CommonConfig& config) {
  const auto word = line.word();
  if (!word) return;
  constexpr std::array<std::pair<std::string_view, SchedulerChoice>, 4> kChoices{
      {{"copies", SchedulerChoice::copies},
       {"fastest", SchedulerChoice::fastest},
       {"aggregate", SchedulerChoice::aggregate},
       {"auto", SchedulerChoice::automatic}}};
  const auto* choice =
      std::find_if(kChoices.begin(), kChoices.end(), [&](const auto& one) { return one.first == *word; });
  if (choice == kChoices.end())
    return line.wrong("'{}' is not 'copies', 'fastest', 'aggregate' or 'auto'", *word);
  config.scheduler = choice->second;
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
    {"tun", "ADDRESS/PREFIX...|auto", Programs::mpclient, Times::often, "", "no device",
     "carries IP packets besides, by a network interface with these addresses; auto: mpserver gives them",
     read_client_tun, show_tun},
    {"tun", "ADDRESS/PREFIX...", Programs::mpserver, Times::often, "", "no device",
     "carries IP packets, besides or without a target, by a network interface with these addresses",
     read_server_tun, show_server_tun},
    {"tun-name", "NAME", Programs::both, Times::once, "", "the first of tun0, tun1... that is free",
     "the name of the interface; one that was made beforehand needs no rights", read_tun_name, show_tun_name},
    {"tun-mtu", "auto|N", Programs::both, Times::once, "auto", "",
     "the MTU of the interface; auto: what all paths carry whole; 576 to 9000", read_tun_mtu, show_tun_mtu},
    {"mss-clamp", "yes|no", Programs::both, Times::once, "yes", "",
     "whether TCP through the interface is told to send no larger segments than fit", read_mss_clamp,
     show_mss_clamp},
    {"route", "PREFIX...|default", Programs::mpclient, Times::often, "", "none",
     "networks that lead into the interface; default: all, but for what the tunnel sends itself", read_route,
     show_routes, "routes"},
    {"allow", "PREFIX...", Programs::mpclient, Times::often, "", "none",
     "networks behind this client that others reach through its interface, where mpserver allows them",
     read_client_allow, show_networks},
    {"allow", "PREFIX...", Programs::mpserver, Times::often, "", "none",
     "networks that clients may have behind their interfaces", read_server_allow, show_allowed},
    {"client-to-client", "yes|no", Programs::mpserver, Times::once, "no", "",
     "whether clients reach each other through their interfaces", read_client_to_client,
     show_client_to_client, "between"},
    {"up", "COMMAND", Programs::both, Times::once, "", "none",
     "a command for the shell, once the interface is there, or has another address", read_up, show_up},
    {"down", "COMMAND", Programs::both, Times::once, "", "none",
     "a command for the shell, before the interface goes", read_down, show_down},
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
    {"scheduler", "copies|fastest|aggregate|auto", Programs::both, Times::once, "copies", "",
     "which paths a datagram that this end sends goes by: all; the fastest; one, so that they have their "
     "sum; "
     "auto: one if its flow is above 1 Mbit/s and not urgent, else all",
     read_scheduler, show_scheduler},
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
     "whether datagrams of a flow are delivered in their order; auto: while they are repaired, or go by one "
     "path each",
     read_order, show_order},
    {"max-hold", "DURATION", Programs::both, Times::once, "50ms", "",
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
