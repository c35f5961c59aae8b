#include <fmt/format.h>

#include <algorithm>
#include <array>

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

constexpr std::array kStatements{
    Statement{.word = "listen",
              .argument = "ADDRESS:PORT",
              .in = Place::mpclient_conf,
              .default_value = "localhost:3000",
              .help = "where applications send to; a PORT alone is that of localhost",
              .repeats = true,
              .read = read_client_listen,
              .show = show_client_listen},
    Statement{.word = "listen",
              .argument = "ADDRESS:PORT",
              .in = Place::mpserver_conf,
              .default_text = kMustBeGiven,
              .help = "where bridges send to; a PORT alone is that of all addresses",
              .repeats = true,
              .read = read_server_listen,
              .show = show_server_listen},
    Statement{.word = "",
              .argument = "HOST PORT [option...]",
              .in = Place::mpclient_conf,
              .default_text = kMustBeGiven,
              .help = "a bridge, where a path begins; 1 to 32 of them",
              .repeats = true,
              .read = read_bridge},
    Statement{.word = "bridge",
              .argument = "HOST PORT [option...]",
              .in = Place::mpclient_conf,
              .help = "the same, for a host whose name is also a statement's",
              .repeats = true,
              .read = read_bridge,
              .show = show_bridges},
    Statement{.word = "target",
              .argument = "HOST:PORT",
              .in = Place::mpserver_conf,
              .default_text = kMustBeGiven,
              .help = "where the datagrams go",
              .read = read_target,
              .show = show_target},
    Statement{.word = "dev-exclude",
              .argument = "PATTERN...",
              .in = Place::mpclient_conf,
              .default_text = "none",
              .help = "interfaces that no pattern in dev= matches",
              .repeats = true,
              .read = read_dev_exclude,
              .show = show_dev_exclude},
    Statement{.word = "min-paths",
              .argument = "N",
              .in = Place::mpclient_conf,
              .default_value = "1",
              .help = "backups carry traffic while fewer other paths are up; 1 to 32",
              .read = read_word<&ClientConfig::min_paths, parse_min_paths>,
              .show = show_min_paths},
    Statement{.word = "keepalive",
              .argument = "SECONDS",
              .in = Place::mpclient_conf,
              .default_value = "10",
              .help = "between probes of a path while nothing is sent; 1 to 60",
              .read = read_word<&ClientConfig::keepalive, parse_keepalive>,
              .show = show_keepalive},
    Statement{.word = "client-id",
              .argument = "WORD",
              .in = Place::mpclient_conf,
              .default_text = "made from the key, the machine, the listen addresses and the path of the file",
              .help = "the name by which mpserver knows this client across restarts",
              .read = read_word<&ClientConfig::client_id, parse_client_id>,
              .show = show_client_id},
    Statement{.word = "key-file",
              .argument = "FILE",
              .in = Place::both,
              .default_text = "none",
              .help = "the key that both ends share; only its owner may be able to read it",
              .read = read_key_file,
              .show = show_key,
              .label = "key"},
    Statement{.word = "encrypt",
              .argument = "yes|no",
              .in = Place::both,
              .default_value = "yes",
              .help = "no: datagrams travel in the clear; both ends must say the same",
              .read = read_switch<&CommonConfig::encrypt, &CommonConfig::encrypt_line>,
              .show = show_encrypt,
              .label = "encryption"},
    Statement{
        .word = "cipher",
        .argument = "auto|aes-256-gcm|chacha20-poly1305",
        .in = Place::both,
        .default_value = "auto",
        .help =
            "AES-256-GCM if both ends offer it; auto offers it where the processor has instructions for it",
        .read = read_word<&CommonConfig::cipher, parse_cipher>,
        .show = show_cipher},
    Statement{.word = "offload",
              .argument = "yes|no",
              .in = Place::both,
              .default_value = "yes",
              .help = "whether the kernel may split and join datagrams",
              .read = read_switch<&CommonConfig::offload, &CommonConfig::offload_line>,
              .show = show_offload},
    Statement{.word = "log-level",
              .argument = "LEVEL",
              .in = Place::both,
              .default_value = "info",
              .help = "debug, info, warning or error",
              .read = read_word<&CommonConfig::log_level, parse_level>,
              .show = show_log_level,
              .label = "log level"},
    Statement{.word = "resolve-interval",
              .argument = "DURATION",
              .in = Place::both,
              .default_value = "5m",
              .help = "how often names that resolve are looked up again; 5s to 24h",
              .read = read_word<&CommonConfig::resolve_interval, parse_resolve_interval>,
              .show = show_resolve_interval,
              .label = "resolve"},
    Statement{.word = "dscp",
              .argument = "copy|none",
              .in = Place::both,
              .default_value = "copy",
              .help = "whether packets carry the DSCP of the datagram that they were made from",
              .read = read_dscp,
              .show = show_dscp},
    Statement{.word = "control",
              .argument = "FILE|none",
              .in = Place::both,
              .default_text = "below the runtime directory",
              .help = "the UNIX socket for --status; none: there is none",
              .read = read_control,
              .show = show_control},
};

constexpr bool places_fit_readers() {
  return std::all_of(kStatements.begin(), kStatements.end(), [](const Statement& statement) {
    return statement.read.index() == static_cast<std::size_t>(statement.in);
  });
}
static_assert(places_fit_readers());

}  // namespace

std::string_view name_of(Program program) {
  return program == Program::mpclient ? "mpclient" : "mpserver";
}

std::string_view name_of(Place place) {
  switch (place) {
    case Place::both:
      return "both";
    case Place::mpclient_conf:
      return "mpclient.conf";
    case Place::mpserver_conf:
      return "mpserver.conf";
  }
  return {};
}

std::span<const Statement> statements() {
  return kStatements;
}

bool may_stand_in(const Statement& statement, Program program) {
  return statement.in == Place::both ||
         (statement.in == Place::mpclient_conf) == (program == Program::mpclient);
}

const Statement* find_statement(Program program, std::string_view word) {
  const auto* const found = std::find_if(
      kStatements.begin(), kStatements.end(),
      [&](const Statement& statement) { return statement.word == word && may_stand_in(statement, program); });
  return found == kStatements.end() ? nullptr : found;
}

std::vector<std::string_view> statement_words(Program program) {
  std::vector<std::string_view> words;
  for (const Statement& statement : kStatements) {
    if (!statement.word.empty() && may_stand_in(statement, program)) words.push_back(statement.word);
  }
  return words;
}

std::string synopsis_of(const Statement& statement) {
  return fmt::format("{}{}{}", statement.word, statement.word.empty() ? "" : " ", statement.argument);
}

}  // namespace mptunnel
