#include "mptunnel/config/choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

constexpr std::array kCiphers{CipherChoice::automatic, CipherChoice::aes_256_gcm,
                              CipherChoice::chacha20_poly1305};

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
  return tl::make_unexpected(fmt::format("{} is neither {} nor {}: write '{}'", quote_word(value), first,
                                         second, usage_of(word, argument)));
}

tl::expected<CipherChoice, std::string> parse_cipher(std::string_view value) {
  const auto choice = std::find_if(kCiphers.begin(), kCiphers.end(),
                                   [value](CipherChoice known) { return name_of(known) == value; });
  if (choice != kCiphers.end()) return *choice;
  return tl::make_unexpected(
      fmt::format("{} is no cipher: write auto, aes-256-gcm or chacha20-poly1305 ('encrypt no' turns "
                  "encryption off)",
                  quote_word(value)));
}

tl::expected<LogLevel, std::string> parse_level(std::string_view value) {
  if (const auto level = parse_log_level(value)) return *level;
  return tl::make_unexpected(
      fmt::format("{} is not a log level: write debug, info, warning or error", quote_word(value)));
}

}  // namespace mptunnel
