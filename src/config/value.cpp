#include "mptunnel/config/value.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// nullopt if the digits are more than 32 bits hold, as no limit of ours is.
std::optional<std::uint32_t> value_of(std::string_view digits) {
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return value;
}

/// nullopt for anything else, and what is not finite.
std::optional<double> decimal_of(std::string_view word) {
  double value = 0;
  const auto parsed = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool is_whole = parsed.ec == std::errc{} && parsed.ptr == word.data() + word.size();
  return is_whole && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

/// What the last letter counts in; nullopt if it is no unit.
std::optional<seconds> unit_of(char letter) {
  if (letter == 's') return seconds{1};
  if (letter == 'm') return minutes{1};
  if (letter == 'h') return hours{1};
  return std::nullopt;
}

struct RateUnit {
  std::string_view name;
  std::uint64_t bits;
};
/// The largest first.
constexpr std::array<RateUnit, 3> kRateUnits{{{"Gbit", 1'000'000'000}, {"Mbit", 1'000'000}, {"kbit", 1000}}};

/// In the order of CipherChoice.
constexpr std::array<std::string_view, 3> kCiphers{"auto", "aes-256-gcm", "chacha20-poly1305"};

}  // namespace

tl::expected<std::uint32_t, std::string> parse_number(std::string_view word, std::uint32_t least,
                                                      std::uint32_t most) {
  if (!is_digits(word)) {
    return mistake("{} is not a number: write one from {} to {}", quote_word(word), least, most);
  }
  const auto value = value_of(word);
  if (!value || *value < least || *value > most) {
    return mistake("{} is out of range: write a number from {} to {}", quote_word(word), least, most);
  }
  return *value;
}

tl::expected<std::uint32_t, std::string> parse_mark(std::string_view word) {
  const bool is_hex = word.starts_with("0x") || word.starts_with("0X");
  const std::string_view digits = is_hex ? word.substr(2) : word;
  std::uint32_t value = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), value, is_hex ? 16 : 10);
  if (parsed.ec != std::errc{} || parsed.ptr != digits.data() + digits.size() || value == 0)
    return mistake("{} is no mark: write a number from 1 to 4294967295, decimal or behind 0x",
                   quote_word(word));
  return value;
}

tl::expected<Duration, std::string> parse_duration(std::string_view word, Duration least, Duration most) {
  const auto unit = word.empty() || is_digits(word) ? seconds{1} : unit_of(word.back());
  const std::string_view digits =
      is_digits(word) ? word : word.substr(0, word.size() - (word.empty() ? 0 : 1));
  if (!unit || !is_digits(digits)) {
    return mistake("{} is not a duration: write a number of seconds, or a number with s, m or h behind it",
                   quote_word(word));
  }
  const auto count = value_of(digits);
  // Compared before they are multiplied: four billion hours are no Duration.
  const bool is_within = count && *count <= most / Duration{*unit};
  const Duration duration = is_within ? Duration{*unit} * *count : Duration::max();
  if (duration < least || duration > most) {
    return mistake("{} is out of range: write a duration from {} to {}", quote_word(word),
                   duration_text(least), duration_text(most));
  }
  return duration;
}

std::string duration_text(Duration duration) {
  const auto whole = std::chrono::duration_cast<seconds>(duration);
  if (whole.count() != 0 && whole % hours{1} == seconds{0}) return fmt::format("{}h", whole / hours{1});
  if (whole.count() != 0 && whole % minutes{1} == seconds{0}) return fmt::format("{}m", whole / minutes{1});
  return fmt::format("{}s", whole.count());
}

tl::expected<Duration, std::string> parse_milliseconds(std::string_view word, Duration least, Duration most) {
  const bool has_unit = word.ends_with("ms");
  const std::string_view digits = word.substr(0, has_unit ? word.size() - 2 : 0);
  if (!is_digits(digits))
    return mistake("{} is not a time: write a number of milliseconds, like 20ms", quote_word(word));
  const auto count = value_of(digits);
  const Duration duration = count ? Duration{std::chrono::milliseconds{*count}} : Duration::max();
  if (duration < least || duration > most) {
    return mistake("{} is out of range: write a time from {} to {}", quote_word(word),
                   milliseconds_text(least), milliseconds_text(most));
  }
  return duration;
}

std::string milliseconds_text(Duration duration) {
  return fmt::format("{}ms", std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

tl::expected<double, std::string> parse_percent(std::string_view word, double least, double most) {
  const bool has_unit = word.ends_with('%');
  const auto value = has_unit ? decimal_of(word.substr(0, word.size() - 1)) : std::nullopt;
  if (!value) return mistake("{} is not a share: write a number with % behind it, like 5%", quote_word(word));
  if (*value / 100 < least || *value / 100 > most) {
    return mistake("{} is out of range: write a share from {} to {}", quote_word(word), percent_text(least),
                   percent_text(most));
  }
  return *value / 100;
}

std::string percent_text(double share) {
  return fmt::format("{:.6g}%", share * 100);
}

tl::expected<double, std::string> parse_fraction(std::string_view word, double least, double most) {
  const auto value = decimal_of(word);
  if (!value)
    return mistake("{} is not a share: write a decimal number, like 0.001 or 1e-5", quote_word(word));
  if (*value < least || *value > most) {
    return mistake("{} is out of range: write a share from {} to {}", quote_word(word), fraction_text(least),
                   fraction_text(most));
  }
  return *value;
}

std::string fraction_text(double share) {
  return fmt::format("{:.6g}", share);
}

/// What a client may have leads to it, and not everything can.
tl::expected<Prefix, std::string> parse_allowed(std::string_view word) {
  auto prefix = parse_prefix(word);
  if (!prefix || prefix->length > 0) return prefix;
  return tl::make_unexpected(fmt::format(
      "{} is everything, and no client can have that: name the networks behind clients", quote_word(word)));
}

tl::expected<std::uint64_t, std::string> parse_rate(std::string_view word, std::uint64_t least,
                                                    std::uint64_t most) {
  const std::size_t digits = std::min(word.find_first_not_of("0123456789"), word.size());
  const std::string unit = lower_case(word.substr(digits));
  const auto* const found = std::find_if(kRateUnits.begin(), kRateUnits.end(), [&](const RateUnit& known) {
    return lower_case(known.name) == unit;
  });
  if (digits == 0 || found == kRateUnits.end()) {
    return mistake("{} is not a rate: write a number with kbit, Mbit or Gbit behind it, like 10Mbit",
                   quote_word(word));
  }
  const auto count = value_of(word.substr(0, digits));
  if (!count || *count > most / found->bits || *count * found->bits < least) {
    return mistake("{} is out of range: write a rate from {} to {}", quote_word(word), rate_text(least),
                   rate_text(most));
  }
  return *count * found->bits;
}

std::string rate_text(std::uint64_t bits_per_second) {
  for (const RateUnit& unit : kRateUnits) {
    if (bits_per_second % unit.bits == 0) return fmt::format("{}{}", bits_per_second / unit.bits, unit.name);
  }
  return fmt::format("{}bit", bits_per_second);
}

tl::expected<std::string, std::string> parse_name_word(std::string_view word, std::string_view what) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-:@";
  if (!word.empty() && word.size() <= kMaxNameWordBytes &&
      word.find_first_not_of(kLetters) == std::string_view::npos) {
    return std::string(word);
  }
  return mistake("{} is not a {}: write up to {} letters, digits and . _ - : @", quote_word(word), what,
                 kMaxNameWordBytes);
}

std::string_view name_of(CipherChoice choice) {
  return kCiphers.at(static_cast<std::size_t>(choice));
}

std::string usage_of(std::string_view word, std::string_view argument) {
  if (std::count(argument.begin(), argument.end(), '|') != 1) return fmt::format("{} {}", word, argument);
  const std::size_t bar = argument.find('|');
  return fmt::format("{0} {1}' or '{0} {2}", word, argument.substr(0, bar), argument.substr(bar + 1));
}

tl::expected<bool, std::string> parse_either(std::string_view value, std::string_view word,
                                             std::string_view argument) {
  const std::size_t bar = argument.find('|');
  const std::string_view first = argument.substr(0, bar);
  const std::string_view second = argument.substr(bar + 1);
  if (value == first || value == second) return value == first;
  return mistake("{} is neither {} nor {}: write '{}'", quote_word(value), first, second,
                 usage_of(word, argument));
}

tl::expected<CipherChoice, std::string> parse_cipher(std::string_view value) {
  const auto* const name = std::find(kCiphers.begin(), kCiphers.end(), lower_case(value));
  if (name != kCiphers.end()) return static_cast<CipherChoice>(name - kCiphers.begin());
  return mistake(
      "{} is no cipher: write auto, aes-256-gcm or chacha20-poly1305 ('encrypt no' turns "
      "encryption off)",
      quote_word(value));
}

tl::expected<LogLevel, std::string> parse_level(std::string_view value) {
  if (const auto level = parse_log_level(value)) return *level;
  return mistake("{} is not a log level: write debug, info, warning or error", quote_word(value));
}

}  // namespace mptunnel
