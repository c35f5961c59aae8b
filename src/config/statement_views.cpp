#include "statement_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace mptunnel {
namespace {

bool has_sum(const Settings& settings) {
  return settings.scheduler == SchedulerChoice::aggregate || settings.scheduler == SchedulerChoice::automatic;
}

// What the statements of repair mean together.
bool is_repaired(const Settings& settings) {
  return settings.encrypt && settings.repair.mode != RepairConfig::Mode::none;
}

}  // namespace

std::string line_of(const BridgeConfig& bridge) {
  std::string from;
  if (bridge.bind) {
    from += " from " + (bridge.bind->port == 0 ? bridge.bind->address_string() : bridge.bind->to_string());
  }
  if (!bridge.devices.empty()) {
    from += is_pattern(bridge) ? " over each of " : " over ";
    from += fmt::format("{}", fmt::join(bridge.devices, ", "));
  }
  std::string delay;
  if (bridge.delay > Duration{}) {
    delay = fmt::format(", {} ms after the others",
                        std::chrono::duration_cast<std::chrono::milliseconds>(bridge.delay).count());
  }
  const std::string_view kind = bridge.metered ? ", metered" : bridge.backup ? ", backup" : "";
  return fmt::format("{}{}, called {}{}{}", to_string(bridge.remote), from, bridge.name, kind, delay);
}

std::string line_of(const ListenAddress& address) {
  return to_string(address) + (address.may_be_missing ? " (where this host has IPv6)" : "");
}

CheckLines lines_of(std::size_t number) {
  return {std::to_string(number)};
}

CheckLines show_mark(const ClientConfig& config) {
  if (config.fwmark == 0) return {};
  return {fmt::format("{:#x} ({})", config.fwmark, config.fwmark)};
}

CheckLines lines_of(LogLevel level) {
  return {std::string(name_of(level))};
}

CheckLines lines_of(const std::optional<HostPort>& address) {
  return address ? CheckLines{to_string(*address)} : CheckLines{};
}

CheckLines lines_of(const KeySource& key) {
  switch (key.kind) {
    case KeySource::Kind::none:
      return {"none"};
    case KeySource::Kind::text:
      return {fmt::format("set ({})", key.origin)};
    case KeySource::Kind::file:
      return {fmt::format("in {} ({})", key.value.text(), key.origin)};
  }
  return {};
}

CheckLines lines_of(const std::string& word) {
  return word.empty() ? CheckLines{} : CheckLines{word};
}

CheckLines lines_of(const std::vector<std::string>& words) {
  return words.empty() ? CheckLines{} : CheckLines{fmt::format("{}", fmt::join(words, ", "))};
}

CheckLines show_key(const Settings& settings) {
  CheckLines lines = lines_of(settings.key_source);
  if (!settings.fingerprint.empty()) lines.push_back("fingerprint " + settings.fingerprint);
  return lines;
}

CheckLines show_keys(const Settings& settings) {
  if (settings.keys_source.kind == KeySource::Kind::none) return {};
  CheckLines lines = lines_of(settings.keys_source);
  for (const std::string& name : settings.named_fingerprints) lines.push_back("fingerprint of " + name);
  return lines;
}

CheckLines show_cipher(const Settings& settings) {
  return settings.encrypt ? CheckLines{std::string(name_of(settings.cipher))} : CheckLines{};
}

CheckLines show_repair(const Settings& settings) {
  const RepairConfig& repair = settings.repair;
  if (repair.mode == RepairConfig::Mode::none) return {"no"};
  if (!settings.encrypt) return {"no: nothing is repaired in the clear"};
  if (repair.mode == RepairConfig::Mode::fixed)
    return {fmt::format("{} always, whatever is lost", percent_text(repair.share))};
  return {"as little as does, and nothing on clean paths"};
}

CheckLines show_residual(const Settings& settings) {
  if (!is_repaired(settings) || settings.repair.mode == RepairConfig::Mode::fixed) return {};
  return {fmt::format("at most {} of the datagrams may stay lost", fraction_text(settings.repair.residual))};
}

CheckLines show_repair_delay(const Settings& settings) {
  if (!is_repaired(settings)) return {};
  return {fmt::format("a lost datagram is back at most {} later", milliseconds_text(settings.repair.delay))};
}

CheckLines show_repair_budget(const Settings& settings) {
  if (!is_repaired(settings) || settings.repair.mode == RepairConfig::Mode::fixed) return {};
  return {fmt::format("at most {} of the datagrams' bytes, 300% of a flow below 100 kbit/s",
                      percent_text(settings.repair.budget))};
}

CheckLines show_scheduler(const Settings& settings) {
  switch (settings.scheduler) {
    case SchedulerChoice::copies:
      return {"copies: each datagram by all paths"};
    case SchedulerChoice::fastest:
      return {"fastest: each datagram by the path that takes least time"};
    case SchedulerChoice::aggregate:
      return {"aggregate: each datagram by one path, for the sum of them"};
    case SchedulerChoice::automatic:
      return {"auto: aggregate of flows above 1 Mbit/s, copies of the others and of EF and CS5 to CS7"};
  }
  return {};
}

CheckLines show_order(const Settings& settings) {
  const OrderConfig::Mode mode = settings.order.mode;
  if (mode == OrderConfig::Mode::none) return {"no"};
  if (!settings.encrypt) return {"no: nothing is numbered in the clear"};
  if (mode == OrderConfig::Mode::always) return {"yes, of flows above 100 kbit/s"};
  if (has_sum(settings)) return {"what goes by one path each, of flows above 100 kbit/s"};
  if (!is_repaired(settings)) return {"what the other end repairs, of flows above 100 kbit/s"};
  return {"while something is repaired, of flows above 100 kbit/s"};
}

CheckLines show_max_hold(const Settings& settings) {
  const OrderConfig& order = settings.order;
  if (order.mode == OrderConfig::Mode::none || !settings.encrypt) return {};
  std::string line =
      fmt::format("a datagram waits at most {} for an earlier one", milliseconds_text(order.max_hold));
  const Duration of_repair = std::min(order.max_hold, settings.repair.delay);
  // What repair brings is there within its delay.
  if (order.mode != OrderConfig::Mode::always && of_repair < order.max_hold)
    line += fmt::format(", {} where the other end sends copies", milliseconds_text(of_repair));
  return {line};
}

CheckLines show_dscp(const CommonConfig& config) {
  return {config.copy_dscp ? "copy" : "none"};
}

CheckLines show_state(const Settings& settings) {
  if (settings.state.empty()) return {};
  const bool is_used = settings.key_source.kind == KeySource::Kind::none;
  return {settings.state + (is_used ? "" : " (not used: there is a key)")};
}

CheckLines show_control(const Settings& settings) {
  return {settings.control.empty() ? settings.default_control : settings.control};
}

}  // namespace mptunnel
