#include "mptunnel/config/keyring_file.h"

#include <fmt/format.h>

#include <array>
#include <map>

#include "line_options.h"
#include "mptunnel/config/config_lines.h"
#include "mptunnel/config/limits.h"
#include "mptunnel/config/value.h"

namespace mptunnel {
namespace {

tl::expected<std::uint32_t, std::string> parse_max_sessions(std::string_view value) {
  return parse_number(value, 1, kMostClients);
}
tl::expected<std::uint32_t, std::string> parse_max_flows(std::string_view value) {
  return parse_number(value, 1, kMostFlowsOfKey);
}
tl::expected<std::uint64_t, std::string> parse_max_rate(std::string_view value) {
  return parse_rate(value, kLowestRate, kHighestRate);
}
std::optional<std::string> read_disabled(std::string_view /*value*/, KeyringLine& line) {
  line.is_disabled = true;
  return std::nullopt;
}

tl::expected<std::vector<Prefix>, std::string> parse_allow(std::string_view value) {
  std::vector<Prefix> all;
  while (true) {
    const std::size_t comma = value.find(',');
    auto prefix = parse_allowed(value.substr(0, comma));
    if (!prefix) return tl::make_unexpected(std::move(prefix.error()));
    if (all.size() == kMaxTunNetworks)
      return tl::make_unexpected(fmt::format("'allow' takes at most {} networks", kMaxTunNetworks));
    all.push_back(*prefix);
    if (comma == std::string_view::npos) return all;
    value.remove_prefix(comma + 1);
  }
}

// word, how to write it, what it is like without it, its reader
constexpr std::array<KeyOption, 5> kKeyOptions{{
    {"max-sessions", "max-sessions=N", "16",
     read_option_value<&KeyringLine::max_sessions, parse_max_sessions>},
    {"max-flows", "max-flows=N", "what mpserver has",
     read_option_value<&KeyringLine::max_flows, parse_max_flows>},
    {"max-rate", "max-rate=RATE", "any", read_option_value<&KeyringLine::max_rate, parse_max_rate>},
    {"allow", "allow=PREFIX[,PREFIX...]", "any that is free",
     read_option_value<&KeyringLine::allow, parse_allow>},
    {"disabled", "", "no", read_disabled},
}};
constexpr std::string_view kClientForm = "write a client as 'NAME KEY'";

class KeyringReader {
 public:
  KeyringReader(std::string_view file_name, const KeyCheck& check_key)
      : report_(file_name), check_key_(check_key) {}

  ConfigResult<std::vector<KeyringLine>> read(std::string_view text) {
    const ConfigLines file = read_config_lines(text, report_);
    check_end(text, file);
    for (const ConfigLine& line : file.lines) {
      if (lines_.size() == kMaxKeyringLines) {
        report_.add(line.number, "this is client {}: write at most {}", kMaxKeyringLines + 1,
                    kMaxKeyringLines);
        break;
      }
      read_line(line);
    }
    if (!report_.empty()) return tl::make_unexpected(report_.take());
    return std::move(lines_);
  }

 private:
  /// What was cut while it was written, or not written at all, would withdraw keys, or allow one again.
  void check_end(std::string_view text, const ConfigLines& file) {
    if (!report_.empty()) return;
    if (file.lines.empty() && text.find('#') == std::string_view::npos) {
      report_.add(
          1, "there is no client and no comment: is the file whole? If nobody may come, write a comment");
    } else if (!text.ends_with('\n')) {
      report_.add(file.last_number, "the last line has no end: is the file whole? End it with a newline");
    }
  }
  void read_line(const ConfigLine& line) {
    const auto& words = line.words;
    // No word is repeated that might be a key, or a piece of one.
    if (looks_like_key(words[0]))
      return report_.add(line.number, "the name stands before the key: {}", kClientForm);
    if (words.size() == 1) return report_.add(line.number, "there is only one word: {}", kClientForm);
    KeyringLine client;
    client.line = line.number;
    auto name = parse_name_word(words[0], "name");
    if (!name) {
      report_.add(line.number, "the first word is not a name: write up to {} letters, digits and . _ - : @",
                  kMaxNameWordBytes);
    } else if (const auto [other, added] = names_.emplace(*name, line.number); !added) {
      report_.add(line.number, "{} stands on line {} already: give each client a name of its own",
                  quote_word(*name), other->second);
    } else {
      client.name = std::move(*name);
    }
    client.key = SecretText(std::string(words[1]));
    if (check_key_) {
      if (auto reason = check_key_(words[1])) report_.add(line.number, std::move(*reason));
    }
    LineOptions<KeyringLine> options(kKeyOptions);
    for (std::size_t i = 2; i < words.size(); ++i) {
      auto mistake = options.read(words[i], client, [&](std::string_view /*unknown*/) {
        return fmt::format("word {} is not a known option: a client has {}", i + 1, options.list("and"));
      });
      if (mistake) report_.add(line.number, std::move(*mistake));
    }
    for (const Prefix& prefix : client.allow) {
      if (const auto [other, added] = allowed_.emplace(prefix, line.number); !added) {
        report_.add(line.number, "{} stands on line {} already: one client alone can have it",
                    prefix.to_string(), other->second);
      }
    }
    lines_.push_back(std::move(client));
  }

  ConfigReport report_;
  const KeyCheck& check_key_;
  std::map<std::string, int> names_;
  std::map<Prefix, int> allowed_;
  std::vector<KeyringLine> lines_;
};

}  // namespace

std::span<const KeyOption> key_options() {
  return kKeyOptions;
}

ConfigResult<std::vector<KeyringLine>> parse_keyring(std::string_view text, std::string_view file_name,
                                                     const KeyCheck& check_key) {
  return KeyringReader(file_name, check_key).read(text);
}

}  // namespace mptunnel
