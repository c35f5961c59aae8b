#include "mptunnel/config/statements.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "mptunnel/config/quantity.h"
#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

constexpr std::array kCipherChoices{CipherChoice::automatic, CipherChoice::aes_256_gcm,
                                    CipherChoice::chacha20_poly1305};

constexpr std::array<std::string_view, 8> kCommonStatements{
    "key-file", "encrypt", "cipher", "offload", "log-level", "resolve-interval", "dscp", "control"};

constexpr Duration kShortestResolveInterval = std::chrono::seconds{5};
constexpr Duration kLongestResolveInterval = std::chrono::hours{24};

constexpr bool is_control(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

/// Up to and with the last slash; empty where there is none.
std::string_view folder_of(std::string_view file_name) {
  const std::size_t slash = file_name.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : file_name.substr(0, slash + 1);
}

/// Whether the name of a file is a plain path; else the report gets the mistake.
bool is_plain_path(std::string_view name, int line, ConfigReport& report) {
  if (!name.starts_with('~') && !name.starts_with('"') && !name.starts_with('\'')) return true;
  report.add(line, fmt::format("{} starts with a '{}', which has no meaning here: write the plain path",
                               quote_word(name), name.front()));
  return false;
}

/// One line into words, or into the report.
void read_line(std::string_view line, int number, std::vector<ConfigLine>& lines, ConfigReport& report) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > kMaxConfigLineBytes) {
    report.add(number,
               fmt::format("the line has {} bytes: write at most {}", line.size(), kMaxConfigLineBytes));
    return;
  }
  const auto control = std::find_if(line.begin(), line.end(), is_control);
  if (control != line.end()) {
    report.add(number,
               fmt::format("byte {} of the line is 0x{:02x}, which is no text: write a plain text file",
                           control - line.begin() + 1, static_cast<unsigned char>(*control)));
    return;
  }
  auto words = split_words(line.substr(0, line.find('#')));
  if (!words.empty()) lines.push_back({.number = number, .words = std::move(words)});
}

}  // namespace

std::string_view name_of(CipherChoice choice) {
  switch (choice) {
    case CipherChoice::automatic:
      return "auto";
    case CipherChoice::aes_256_gcm:
      return "aes-256-gcm";
    case CipherChoice::chacha20_poly1305:
      return "chacha20-poly1305";
  }
  return "auto";
}

std::string to_string(const ConfigError& error) {
  return fmt::format("{}:{}: {}", error.file, error.line, error.reason);
}

void ConfigReport::add(int line, std::string reason) {
  if (errors_.size() < kMaxConfigErrors) {
    errors_.push_back({.file = file_, .line = line, .reason = std::move(reason)});
  } else {
    ++untold_;
  }
}

std::vector<ConfigError> ConfigReport::take() {
  std::stable_sort(errors_.begin(), errors_.end(),
                   [](const ConfigError& a, const ConfigError& b) { return a.line < b.line; });
  if (untold_ > 0) {
    errors_.push_back({.file = file_,
                       .line = errors_.back().line,
                       .reason = fmt::format("and {} more mistakes: correct the ones above first", untold_)});
  }
  return std::move(errors_);
}

ConfigLines read_config_lines(std::string_view text, ConfigReport& report) {
  ConfigLines result;
  if (text.size() > kMaxConfigBytes) {
    report.add(1, fmt::format("the file has {} bytes: a configuration has at most {}", text.size(),
                              kMaxConfigBytes));
    return result;
  }
  if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) {
    report.add(1, "the file is UTF-16: save it as plain text or UTF-8");
    return result;
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  int number = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    read_line(text.substr(0, end), ++number, result.lines, report);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  result.last_number = std::max(number, 1);
  return result;
}

bool SingleStatement::take(const ConfigLine& line, ConfigReport& report) {
  if (given()) {
    report.add(line.number,
               fmt::format("'{}' stands on line {} already: keep one of the two", line.words.front(), line_));
    return false;
  }
  line_ = line.number;
  return true;
}

std::optional<std::string_view> single_argument(const ConfigLine& line, std::string_view usage,
                                                ConfigReport& report) {
  if (line.words.size() == 2) return line.words[1];
  const std::string_view statement = line.words.front();
  if (line.words.size() == 1) {
    report.add(line.number, fmt::format("'{}' says nothing: write '{}'", statement, usage));
  } else if (line.words[1] == "=" || line.words[1] == ":") {
    report.add(line.number, fmt::format("'{}' takes no '{}': write '{}'", statement, line.words[1], usage));
  } else {
    report.add(line.number, fmt::format("'{}' takes one word, and {} is too much: write '{}'", statement,
                                        quote_word(line.words[2]), usage));
  }
  return std::nullopt;
}

std::optional<bool> switch_argument(const ConfigLine& line, ConfigReport& report) {
  const std::string usage = fmt::format("{0} yes' or '{0} no", line.words.front());
  const auto word = single_argument(line, usage, report);
  if (!word) return std::nullopt;
  if (*word == "yes" || *word == "no") return *word == "yes";
  report.add(line.number, fmt::format("{} is neither yes nor no: write '{}'", quote_word(*word), usage));
  return std::nullopt;
}

CommonStatements::CommonStatements(std::string_view file_name, const KeyFileCheck& check_key_file)
    : folder_(folder_of(file_name)), check_key_file_(check_key_file) {}

bool CommonStatements::knows(std::string_view word) {
  return std::find(kCommonStatements.begin(), kCommonStatements.end(), word) != kCommonStatements.end();
}

void CommonStatements::read(const ConfigLine& line, ConfigReport& report) {
  const std::string_view statement = line.words.front();
  if (statement == "key-file") read_key_file(line, report);
  if (statement == "encrypt" && encrypt_.take(line, report)) {
    config_.encrypt = switch_argument(line, report);
    config_.encrypt_line = line.number;
  }
  if (statement == "cipher") read_cipher(line, report);
  if (statement == "offload" && offload_.take(line, report)) {
    config_.offload = switch_argument(line, report);
    config_.offload_line = line.number;
  }
  if (statement == "log-level") read_log_level(line, report);
  if (statement == "resolve-interval") read_resolve_interval(line, report);
  if (statement == "dscp") read_dscp(line, report);
  if (statement == "control") read_control(line, report);
}

std::string CommonStatements::path_of(std::string_view name) const {
  return name.starts_with('/') ? std::string(name) : folder_ + std::string(name);
}

void CommonStatements::read_key_file(const ConfigLine& line, ConfigReport& report) {
  if (!key_file_.take(line, report)) return;
  const auto name = single_argument(line, "key-file FILE", report);
  if (!name) return;
  if (looks_like_key(*name)) {
    report.add(line.number,
               "'key-file' is followed by a key itself: put the key in a file that only you can read, "
               "and write that file's name here");
    return;
  }
  if (!is_plain_path(*name, line.number, report)) return;
  config_.key_file = path_of(*name);
  config_.key_file_line = line.number;
  if (!check_key_file_) return;
  if (auto reason = check_key_file_(config_.key_file)) report.add(line.number, std::move(*reason));
}

void CommonStatements::read_cipher(const ConfigLine& line, ConfigReport& report) {
  if (!cipher_.take(line, report)) return;
  const auto word = single_argument(line, "cipher auto|aes-256-gcm|chacha20-poly1305", report);
  if (!word) return;
  const auto choice = std::find_if(kCipherChoices.begin(), kCipherChoices.end(),
                                   [&](CipherChoice known) { return name_of(known) == *word; });
  if (choice != kCipherChoices.end()) {
    config_.cipher = *choice;
  } else {
    report.add(
        line.number,
        fmt::format("{} is no cipher: write auto, aes-256-gcm or chacha20-poly1305 ('encrypt no' turns "
                    "encryption off)",
                    quote_word(*word)));
  }
}

void CommonStatements::read_log_level(const ConfigLine& line, ConfigReport& report) {
  if (!log_level_.take(line, report)) return;
  const auto word = single_argument(line, "log-level LEVEL", report);
  if (!word) return;
  config_.log_level = parse_log_level(*word);
  if (!config_.log_level) {
    report.add(line.number,
               fmt::format("{} is not a log level: write debug, info, warning or error", quote_word(*word)));
  }
}

void CommonStatements::read_resolve_interval(const ConfigLine& line, ConfigReport& report) {
  if (!resolve_interval_.take(line, report)) return;
  const auto word = single_argument(line, "resolve-interval DURATION", report);
  if (!word) return;
  const auto duration = parse_duration(*word, kShortestResolveInterval, kLongestResolveInterval);
  if (!duration) return report.add(line.number, duration.error());
  config_.resolve_interval = *duration;
}

void CommonStatements::read_dscp(const ConfigLine& line, ConfigReport& report) {
  if (!dscp_.take(line, report)) return;
  const auto word = single_argument(line, "dscp copy' or 'dscp none", report);
  if (!word) return;
  if (*word != "copy" && *word != "none") {
    report.add(line.number, fmt::format("{} is neither copy nor none: write 'dscp copy' or 'dscp none'",
                                        quote_word(*word)));
    return;
  }
  config_.copy_dscp = *word == "copy";
}

void CommonStatements::read_control(const ConfigLine& line, ConfigReport& report) {
  if (!control_.take(line, report)) return;
  const auto name = single_argument(line, "control FILE' or 'control none", report);
  if (!name) return;
  config_.has_control = *name != "none";
  if (!config_.has_control || !is_plain_path(*name, line.number, report)) return;
  // A bridge whose host is called control would vanish without a word.
  if (is_digits(*name)) {
    report.add(line.number,
               fmt::format("'control {0}' is no path: write 'bridge control {0}' for a bridge, or "
                           "'control ./{0}' for a file",
                           *name));
    return;
  }
  if (name->ends_with('/')) {
    report.add(line.number, fmt::format("{} is a folder: write the path of a file in it", quote_word(*name)));
    return;
  }
  std::string path = path_of(*name);
  if (path.size() > kMaxControlPathBytes) {
    report.add(
        line.number,
        fmt::format("the path {} has {} bytes, and a UNIX socket's has at most {}: write a shorter one",
                    quote_word(path), path.size(), kMaxControlPathBytes));
    return;
  }
  config_.control_path = std::move(path);
}

void ListenStatements::read(const ConfigLine& line, ConfigReport& report) {
  given_ = true;
  const auto word = single_argument(line, "listen ADDRESS:PORT", report);
  if (!word) return;
  const auto parsed = parse_listen(*word, without_host_);
  if (!parsed) {
    report.add(line.number, parsed.error());
    return;
  }
  for (const ListenAddress& address : *parsed) add(address, line, report);
}

void ListenStatements::add(const ListenAddress& address, const ConfigLine& line, ConfigReport& report) {
  const auto other = std::find_if(addresses_.begin(), addresses_.end(), [&](const ListenAddress& present) {
    return overlap(present.endpoint, address.endpoint);
  });
  if (other != addresses_.end()) {
    report.add(line.number, fmt::format("{} is taken by 'listen' on line {} already: keep one of the two",
                                        address.endpoint.to_string(), other->line));
    return;
  }
  if (addresses_.size() == kMaxListenAddresses) {
    report.add(line.number, fmt::format("{} is one too many: listen on at most {} addresses, or on '*'",
                                        address.endpoint.to_string(), kMaxListenAddresses));
    return;
  }
  addresses_.push_back(address);
  addresses_.back().line = line.number;
}

std::string explain_unknown_statement(const ConfigLine& line, std::span<const std::string_view> known) {
  const std::string_view word = line.words.front();
  const auto is_known = [known](std::string_view text) {
    return std::find(known.begin(), known.end(), text) != known.end();
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
  if (std::any_of(word.begin(), word.end(), [](char letter) { return letter >= '0' && letter <= '9'; }))
    return {};
  const std::string_view nearest = nearest_word(word, known);
  if (nearest.empty()) return {};
  return fmt::format("{} is not a known statement: did you mean '{}'?", quote_word(word), nearest);
}

std::optional<std::string> loop_error(const HostPort& target, const std::vector<ListenAddress>& listen,
                                      std::string_view what) {
  for (const ListenAddress& address : listen) {
    if (!leads_to(target, address.endpoint)) continue;
    return fmt::format("{} {} is where this program itself listens: write the address of the other end", what,
                       to_string(target));
  }
  return std::nullopt;
}

}  // namespace mptunnel
