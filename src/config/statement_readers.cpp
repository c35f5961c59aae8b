#include "statement_readers.h"

#include <fmt/format.h>

#include <algorithm>

#include "mptunnel/config/device_pattern.h"
#include "mptunnel/config/text.h"
#include "mptunnel/config/value.h"

namespace mptunnel {
namespace {

void add_listen(StatementLine& line, ListenAddress address, std::vector<ListenAddress>& addresses) {
  const auto other =
      std::find_if(addresses.begin(), addresses.end(),
                   [&address](const ListenAddress& present) { return overlap(present, address); });
  if (other != addresses.end()) {
    return line.wrong("{} is taken by 'listen' on line {} already: keep one of the two", to_string(address),
                      other->line);
  }
  if (addresses.size() == kMaxListenAddresses) {
    return line.wrong("{} is one too many: listen on at most {} addresses, or on '*'", to_string(address),
                      kMaxListenAddresses);
  }
  address.line = line.line.number;
  addresses.push_back(std::move(address));
}

void read_listen(StatementLine& line, ListenDefault without_host, std::vector<ListenAddress>& addresses) {
  const auto word = line.word();
  if (!word) return;
  const auto parsed = parse_listen(*word, without_host);
  if (!parsed) return line.wrong(parsed.error());
  for (const ListenAddress& address : *parsed) add_listen(line, address, addresses);
}

}  // namespace

std::span<const std::string_view> StatementLine::arguments() const {
  return std::span(line.words).subspan(statement.word.empty() ? 0 : 1);
}

std::optional<std::string_view> StatementLine::word() {
  const auto words = arguments();
  if (words.size() == 1) return words.front();
  const std::string usage = usage_of(statement.word, statement.argument);
  if (words.empty()) {
    wrong("'{}' says nothing: write '{}'", statement.word, usage);
  } else if (words.front() == "=" || words.front() == ":") {
    wrong("'{}' takes no '{}': write '{}'", statement.word, words.front(), usage);
  } else {
    wrong("'{}' takes one word, and {} is too much: write '{}'", statement.word, quote_word(words[1]), usage);
  }
  return std::nullopt;
}

std::optional<bool> StatementLine::either() {
  const auto value = word();
  if (!value) return std::nullopt;
  auto is_first = parse_either(*value, statement.word, statement.argument);
  if (is_first) return *is_first;
  wrong(std::move(is_first.error()));
  return std::nullopt;
}

bool StatementLine::is_plain_path(std::string_view name) {
  if (!name.starts_with('~') && !name.starts_with('"') && !name.starts_with('\'')) return true;
  wrong("{} starts with a '{}', which has no meaning here: write the plain path", quote_word(name),
        name.front());
  return false;
}

std::optional<std::string> StatementLine::path_or_none() {
  const auto name = word();
  if (!name || !is_plain_path(*name)) return std::nullopt;
  if (*name == "none") return std::string();
  // A bridge whose host is called as the statement would vanish without a word.
  if (is_digits(*name)) {
    wrong("'{0} {1}' is no path: write 'bridge {0} {1}' for a bridge, or '{0} ./{1}' for a file",
          statement.word, *name);
    return std::nullopt;
  }
  if (name->ends_with('/')) {
    wrong("{} is a folder: write the path of a file in it", quote_word(*name));
    return std::nullopt;
  }
  return path_of(*name);
}

std::string StatementLine::path_of(std::string_view name) const {
  return name.starts_with('/') ? std::string(name) : file.folder + std::string(name);
}

void read_client_listen(StatementLine& line, ClientConfig& config) {
  read_listen(line, ListenDefault::localhost, config.listen);
}

void read_server_listen(StatementLine& line, ServerConfig& config) {
  read_listen(line, ListenDefault::all, config.listen);
}

void read_target(StatementLine& line, ServerConfig& config) {
  // "target HOST PORT" is what the command line's order leads to.
  if (const auto words = line.arguments(); words.size() == 2) {
    auto host = parse_host(words[0]);
    const auto port = parse_port(words[1]);
    if (host && port) {
      return line.wrong("'target' takes host and port in one word: write 'target {}'",
                        to_string(HostPort{.host = std::move(*host), .port = *port}));
    }
  }
  read_word<&ServerConfig::target, parse_host_port>(line, config);
}

void read_dev_exclude(StatementLine& line, ClientConfig& config) {
  if (line.arguments().empty())
    return line.wrong("'dev-exclude' says nothing: write 'dev-exclude INTERFACE...'");
  for (const std::string_view word : line.arguments()) {
    // One word with commas, as in dev=, would silently be a pattern of its own.
    if (word.find(',') != std::string_view::npos) {
      line.wrong("{} has a comma: write blanks between interfaces here", quote_word(word));
      continue;
    }
    auto pattern = parse_device_pattern(word);
    if (!pattern) {
      line.wrong(pattern.error());
    } else if (config.dev_exclude.size() < kMaxExcludedDevices) {
      config.dev_exclude.push_back(std::move(*pattern));
    } else {
      return line.wrong("{} is one too many: exclude at most {} interfaces, or write patterns",
                        quote_word(word), kMaxExcludedDevices);
    }
  }
}

void read_key_file(StatementLine& line, CommonConfig& config) {
  const auto name = line.word();
  if (!name) return;
  if (looks_like_key(*name)) {
    return line.wrong(
        "'key-file' is followed by a key itself: put the key in a file that only you can read, and write "
        "that file's name here");
  }
  if (!line.is_plain_path(*name)) return;
  config.key_file = line.path_of(*name);
  config.key_file_line = line.line.number;
  if (!line.file.check_key_file) return;
  if (auto reason = line.file.check_key_file(config.key_file)) line.wrong(std::move(*reason));
}

void read_keys(StatementLine& line, ServerConfig& config) {
  const auto name = line.word();
  if (!name || !line.is_plain_path(*name)) return;
  config.keys = line.path_of(*name);
  config.keys_line = line.line.number;
}

void read_control(StatementLine& line, CommonConfig& config) {
  auto path = line.path_or_none();
  if (!path) return;
  config.has_control = !path->empty();
  if (path->size() > kMaxControlPathBytes) {
    return line.wrong("the path {} has {} bytes, and a UNIX socket's has at most {}: write a shorter one",
                      quote_word(*path), path->size(), kMaxControlPathBytes);
  }
  config.control_path = std::move(*path);
}

void read_state(StatementLine& line, ClientConfig& config) {
  auto path = line.path_or_none();
  if (!path) return;
  config.has_state = !path->empty();
  config.state_path = std::move(*path);
}

}  // namespace mptunnel
