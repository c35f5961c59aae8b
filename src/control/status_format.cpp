#include "mptunnel/control/status_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace mptunnel {
namespace {

/// From here on minutes, then hours, are too fine.
constexpr std::int64_t kMinutesOfTwoDays = std::int64_t{48} * 60;

/// Three digits at least: "1.23", "12.3", "123"; never "100.0" for 99.96.
std::string three_digits(double value) {
  if (value < 9.995) return fmt::format("{:.2f}", value);
  if (value < 99.95) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

/// Two digits at least: "1.2", "12", "123"; never "10.0" for 9.96.
std::string two_digits(double value) {
  return value < 9.95 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value);
}

/// Whether so many are the fate of packets where all is well: copies always; a few that came late, or were
/// tried to find what a path carries.
bool is_normal(Drop reason, std::uint64_t count) {
  constexpr std::uint64_t kFew = 10;
  if (reason == Drop::copy) return true;
  const bool is_stray = reason == Drop::handshake_stale || reason == Drop::message_size ||
                        reason == Drop::unknown_index || reason == Drop::key_expired;
  return is_stray && count < kFew;
}

}  // namespace

std::string format_span(Duration span) {
  const double seconds = std::max(0., std::chrono::duration<double>(span).count());
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  if (seconds < 59.5) return fmt::format("{:.0f} s", seconds);
  const auto minutes = static_cast<std::int64_t>(std::llround(seconds / 60));
  if (minutes < 60) return fmt::format("{} min", minutes);
  if (minutes < kMinutesOfTwoDays) return fmt::format("{} h {} min", minutes / 60, minutes % 60);
  const std::int64_t hours = minutes / 60;
  return fmt::format("{} d {} h", hours / 24, hours % 24);
}

std::string format_ago(Duration span) {
  const double seconds = std::max(0., std::chrono::duration<double>(span).count());
  if (seconds < 0.95) return fmt::format("{:.1f} s ago", seconds);
  if (seconds < 59.5) return fmt::format("{:.0f} s ago", seconds);
  const auto minutes = static_cast<std::int64_t>(std::llround(seconds / 60));
  if (minutes < 60) return fmt::format("{} min ago", minutes);
  return minutes < kMinutesOfTwoDays ? fmt::format("{} h ago", minutes / 60)
                                     : fmt::format("{} d ago", minutes / 1440);
}

std::string format_delay(Duration delay) {
  const double value = milliseconds(delay);
  return value < 9999.5 ? three_digits(value) + " ms" : three_digits(value / 1000) + " s";
}

std::string format_fraction(std::optional<double> fraction) {
  if (!fraction || !std::isfinite(*fraction) || *fraction < 0) return "-";
  if (*fraction == 0) return "0 %";
  if (*fraction == 1) return "100 %";
  const double percent = *fraction * 100;
  if (percent < 0.01) return "<0.01 %";
  if (percent < 0.995) return fmt::format("{:.2f} %", percent);
  return fmt::format("{:.1f} %", *fraction < 1 ? std::min(percent, 99.9) : percent);
}

std::string format_rare(std::optional<double> fraction) {
  constexpr double kLeastShown = 1e-6;
  if (!fraction || !(*fraction > 0) || *fraction >= 1e-4) return format_fraction(fraction);
  return *fraction < kLeastShown ? "<0.0001 %" : fmt::format("{:.4f} %", *fraction * 100);
}

std::string format_rate(std::uint64_t rate_bps) {
  if (rate_bps == 0) return "0";
  if (rate_bps < 1000) return fmt::format("{} bit/s", rate_bps);
  constexpr std::array<const char*, 4> kUnits{"kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"};
  double value = static_cast<double>(rate_bps) / 1000;
  std::size_t unit = 0;
  for (; value >= 999.5 && unit + 1 < kUnits.size(); value /= 1000) ++unit;
  return two_digits(value) + ' ' + kUnits.at(unit);
}

std::string format_drops(const DropCounters& drops) {
  std::string text;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    if (drops[reason] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name_of(reason), drops[reason]);
  }
  return text;
}

DropCounters unusual(const DropCounters& drops) {
  DropCounters result;
  for (std::size_t i = 0; i < kDropReasons; ++i) {
    const auto reason = static_cast<Drop>(i);
    if (!is_normal(reason, drops[reason])) result.add(reason, drops[reason]);
  }
  return result;
}

std::string size_advice(std::size_t largest) {
  // WireGuard's type, receiver and counter, and the tag; the payload is padded to 16 bytes.
  constexpr std::size_t kWireguardBytes = 32;
  const std::size_t wireguard = largest > kWireguardBytes ? (largest - kWireguardBytes) / 16 * 16 : 0;
  return fmt::format("set 'mssfix {}' in OpenVPN, or an MTU of {} in WireGuard", largest, wireguard);
}

std::string format_dscp(std::uint8_t dscp) {
  constexpr unsigned kExpedited = 46;
  const unsigned group = dscp >> 3U;
  const unsigned rest = dscp & 7U;
  std::string name;
  if (dscp == kExpedited) {
    name = "EF";
  } else if (rest == 0) {
    name = fmt::format("CS{}", group);
  } else if (group >= 1 && group <= 4 && rest % 2 == 0) {
    name = fmt::format("AF{}{}", group, rest / 2);
  }
  return name.empty() ? fmt::format("DSCP {}", dscp) : fmt::format("{} (DSCP {})", name, dscp);
}

std::string printable(std::string_view text) {
  std::string result(text);
  std::replace_if(
      result.begin(), result.end(), [](char letter) { return letter < ' ' || letter > '~'; }, '?');
  return result;
}

}  // namespace mptunnel
