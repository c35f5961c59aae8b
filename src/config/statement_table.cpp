#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "check_lines.h"
#include "mptunnel/config/bridge_line.h"
#include "mptunnel/config/choice.h"
#include "mptunnel/config/device_pattern.h"
#include "mptunnel/config/quantity.h"
#include "mptunnel/config/statement.h"
#include "mptunnel/config/text.h"
#include "statement_line.h"
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

tl::expected<std::string, std::string> parse_client_id(std::string_view word) {
  return parse_name_word(word, "client-id");
}

void read_dscp(StatementLine& line, CommonConfig& config) {
  if (const auto copy = line.either()) config.copy_dscp = *copy;
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
    {"client-id", "WORD", Programs::mpclient, Times::once, "",
     "made from the key, the machine, the listen addresses and the path of the file",
     "the name by which mpserver knows this client across restarts",
     read_word<&ClientConfig::client_id, parse_client_id>, show<&ClientConfig::client_id>},
    {"key-file", "FILE", Programs::both, Times::once, "", "none",
     "the key that both ends share; only its owner may be able to read it", read_key_file,
     show<&Settings::key_source>, "key"},
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
    {"control", "FILE|none", Programs::both, Times::once, "", "below the runtime directory",
     "the UNIX socket for --status; none: no socket", read_control, show_control},
};

constexpr bool programs_fit_readers() {
  return std::all_of(std::begin(kStatements), std::end(kStatements), [](const Statement& statement) {
    return statement.read.index() == static_cast<std::size_t>(statement.programs);
  });
}
static_assert(programs_fit_readers());

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
  const auto* const found =
      std::find_if(std::begin(kStatements), std::end(kStatements), [&](const Statement& statement) {
        return statement.word == word && includes(statement.programs, program);
      });
  return found == std::end(kStatements) ? nullptr : found;
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
