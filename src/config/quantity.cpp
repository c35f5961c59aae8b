#include "mptunnel/config/quantity.h"

#include <fmt/format.h>

#include <charconv>
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

/// What the last letter counts in; nullopt if it is no unit.
std::optional<seconds> unit_of(char letter) {
  switch (letter) {
    case 's':
      return seconds{1};
    case 'm':
      return minutes{1};
    case 'h':
      return hours{1};
    default:
      return std::nullopt;
  }
}

}  // namespace

tl::expected<std::uint32_t, std::string> parse_number(std::string_view word, std::uint32_t least,
                                                      std::uint32_t most) {
  if (!is_digits(word)) {
    return tl::make_unexpected(
        fmt::format("{} is not a number: write one from {} to {}", quote_word(word), least, most));
  }
  const auto value = value_of(word);
  if (!value || *value < least || *value > most) {
    return tl::make_unexpected(
        fmt::format("{} is out of range: write a number from {} to {}", quote_word(word), least, most));
  }
  return *value;
}

tl::expected<Duration, std::string> parse_duration(std::string_view word, Duration least, Duration most) {
  const auto unit = word.empty() || is_digits(word) ? seconds{1} : unit_of(word.back());
  const std::string_view digits =
      is_digits(word) ? word : word.substr(0, word.size() - (word.empty() ? 0 : 1));
  if (!unit || !is_digits(digits)) {
    return tl::make_unexpected(
        fmt::format("{} is not a duration: write a number of seconds, or a number with s, m or h behind it",
                    quote_word(word)));
  }
  const auto count = value_of(digits);
  // Compared before they are multiplied: four billion hours are no Duration.
  const bool is_within = count && *count <= most / Duration{*unit};
  const Duration duration = is_within ? Duration{*unit} * *count : Duration::max();
  if (duration < least || duration > most) {
    return tl::make_unexpected(fmt::format("{} is out of range: write a duration from {} to {}",
                                           quote_word(word), duration_text(least), duration_text(most)));
  }
  return duration;
}

std::string duration_text(Duration duration) {
  const auto whole = std::chrono::duration_cast<seconds>(duration);
  if (whole.count() != 0 && whole % hours{1} == seconds{0}) return fmt::format("{}h", whole / hours{1});
  if (whole.count() != 0 && whole % minutes{1} == seconds{0}) return fmt::format("{}m", whole / minutes{1});
  return fmt::format("{}s", whole.count());
}

}  // namespace mptunnel
