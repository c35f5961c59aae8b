#include "mptunnel/config/device_pattern.h"

#include <fmt/format.h>

#include <algorithm>

#include "mptunnel/config/address.h"
#include "mptunnel/config/config.h"
#include "mptunnel/config/text.h"

namespace mptunnel {
namespace {

constexpr std::string_view kWildcards = "*?";
/// A name of 15 letters with a star on every side of each; more stars say nothing more.
constexpr std::size_t kMaxPatternBytes = 31;

bool matches_any(const std::vector<std::string>& patterns, std::string_view name) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [name](const std::string& pattern) { return matches_pattern(pattern, name); });
}

}  // namespace

tl::expected<std::string, std::string> parse_device_pattern(std::string_view word) {
  // Without its stars it must still be a name that an interface can have; else it matches nothing.
  std::string name(word);
  std::erase(name, '*');
  const bool has_star = name.size() < word.size();
  const bool is_name = (has_star && (name.empty() || name == "." || name == "..")) || parse_interface(name);
  if (is_name && word.size() <= kMaxPatternBytes) return std::string(word);
  if (word.find_first_of(kWildcards) == std::string_view::npos)
    return tl::make_unexpected(parse_interface(word).error());
  return mistake(
      "{} can't be the name of any network interface: write up to 15 characters that 'ip link' shows, with "
      "'*' for any of them and '?' for any one",
      quote_word(word));
}

tl::expected<std::vector<std::string>, std::string> parse_device_patterns(std::string_view word) {
  std::vector<std::string> patterns;
  while (true) {
    const std::size_t comma = std::min(word.find(','), word.size());
    const std::string_view one = word.substr(0, comma);
    if (one.empty()) {
      return tl::make_unexpected(
          "a comma has no interface on one of its sides: write dev=wlan0,usb*, without blanks");
    }
    auto pattern = parse_device_pattern(one);
    if (!pattern) return tl::make_unexpected(pattern.error());
    if (std::find(patterns.begin(), patterns.end(), *pattern) != patterns.end()) {
      return mistake("{} stands twice in dev=: write it once", quote_word(one));
    }
    if (patterns.size() == kMaxDevicePatterns) {
      return mistake("dev= has more than {} interfaces: write patterns, as in dev=wlan*,usb*, or dev=*",
                     kMaxDevicePatterns);
    }
    patterns.push_back(std::move(*pattern));
    if (comma == word.size()) return patterns;
    word.remove_prefix(comma + 1);
  }
}

bool matches_pattern(std::string_view pattern, std::string_view name) {
  // Only the last star is ever gone back to: what an earlier one took can't help a later one.
  std::size_t p = 0;
  std::size_t n = 0;
  std::size_t after_star = std::string_view::npos;
  std::size_t taken = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      after_star = ++p;
      taken = n;
    } else if (p < pattern.size() && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (after_star != std::string_view::npos) {
      p = after_star;
      n = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

bool is_pattern(const BridgeConfig& bridge) {
  if (bridge.devices.size() != 1) return bridge.devices.size() > 1;
  return bridge.devices.front().find_first_of(kWildcards) != std::string::npos;
}

bool matches_device(const BridgeConfig& bridge, std::string_view interface) {
  return matches_any(bridge.devices, interface);
}

bool is_excluded(const ClientConfig& config, std::string_view interface) {
  return matches_any(config.dev_exclude, interface);
}

}  // namespace mptunnel
