#include "mptunnel/ports/bridges.h"

#include <fmt/format.h>

#include <algorithm>

#include "mptunnel/host/log.h"
#include "mptunnel/ports/interface_rules.h"

namespace mptunnel {
namespace {

std::function<TimePoint()> clock_of(const PortContext& ports) {
  return [&clock = ports.clock] { return clock.now(); };
}

}  // namespace

Bridges::Bridges(const ClientConfig& config, const ClientIdentity& identity, const PortContext& ports,
                 const InterfaceTable& interfaces, BridgeEvents& events, KnownAddresses* known)
    : config_(config),
      context_{ports, interfaces, events, identity, config.common.resolve_interval, config.fwmark, known},
      full_lines_(clock_of(ports)) {
  for (std::size_t id = 0; id < kMaxPaths; ++id)
    lines_.push_back({LimitedLog(clock_of(ports)), LimitedLog(clock_of(ports))});
}

void Bridges::start() {
  make_missing();
  for (const std::string& problem : problems()) log_warning("{}", problem);
}

void Bridges::on_interfaces() {
  remove_unfit();
  for_each([](Bridge& bridge) { bridge.on_interfaces(); });
  make_missing();
}

void Bridges::on_routes() {
  for_each([](Bridge& bridge) { bridge.on_routes(); });
}

void Bridges::make_missing() {
  // Lines of one path come first: patterns take what is left.
  for (std::size_t line = 0; line < config_.bridges.size(); ++line) {
    const BridgeConfig& bridge = config_.bridges[line];
    if (!is_pattern(bridge)) make(line, bridge.devices.empty() ? std::string() : bridge.devices.front());
  }
  for (std::size_t line = 0; line < config_.bridges.size(); ++line) {
    if (!is_pattern(config_.bridges[line])) continue;
    for (const auto& [index, interface] : context_.interfaces.interfaces()) {
      if (fits_pattern(config_, config_.bridges[line], interface)) make(line, interface.name);
    }
  }
}

void Bridges::remove_unfit() {
  for (auto& bridge : bridges_) {
    if (!bridge) continue;
    const PathId id = bridge->id();
    const BridgeConfig& line = config_.bridges[owners_.at(id.value)->first];
    if (!is_pattern(line)) continue;
    const NetworkInterface* interface = context_.interfaces.find(bridge->device());
    if (interface != nullptr && fits_pattern(config_, line, *interface)) continue;
    lines_[id.value].interface.say(
        LogLevel::info,
        fmt::format("bridge {}: interface {} is gone, down or without an address, its path is removed",
                    bridge->name(), bridge->device()));
    context_.events.on_bridge_available(id, false);
    bridge.reset();
    said_full_ = false;
  }
}

std::optional<PathId> Bridges::take_id(std::size_t line, const std::string& device) {
  const Owner owner{line, device};
  std::optional<PathId> best;
  for (std::size_t i = kMaxPaths; i-- > 0;) {
    if (bridges_.at(i)) continue;
    const PathId id{static_cast<std::uint8_t>(i)};
    if (owners_.at(i) == owner) return id;
    // One that nobody had before is better than one that another may want back.
    if (!best || !owners_.at(i) || owners_.at(best->value)) best = id;
  }
  return best;
}

void Bridges::make(std::size_t line, const std::string& device) {
  const bool is_made = std::any_of(bridges_.begin(), bridges_.end(), [&](const auto& bridge) {
    return bridge && owners_.at(bridge->id().value) == Owner{line, device};
  });
  if (is_made) return;
  const BridgeConfig& config = config_.bridges[line];
  const auto id = take_id(line, device);
  if (!id) {
    if (!said_full_)
      full_lines_.say(LogLevel::warning, fmt::format("bridge {} over {}: there are {} paths already",
                                                     config.name, device, kMaxPaths));
    said_full_ = true;
    return;
  }
  owners_.at(id->value) = Owner{line, device};
  std::string name = config.name;
  if (is_pattern(config)) {
    // The default name ends in the patterns: the interface replaces them.
    const std::string plain = to_string(config.remote);
    name = fmt::format("{}@{}", name.starts_with(plain) ? plain : name, device);
    lines_[id->value].interface.say(
        LogLevel::info, fmt::format("bridge {}: interface {} is up, a path is made over it", name, device));
  }
  auto& bridge = bridges_.at(id->value);
  bridge = std::make_unique<Bridge>(*id, config, name, device, context_, lines_[id->value].bridge);
  context_.events.on_bridge_made(*bridge);
  bridge->start();
}

std::vector<std::string> Bridges::problems() const {
  std::vector<std::string> problems;
  for (std::size_t line = 0; line < config_.bridges.size(); ++line) {
    const bool has_path = std::any_of(bridges_.begin(), bridges_.end(), [&](const auto& bridge) {
      return bridge && owners_.at(bridge->id().value)->first == line;
    });
    if (has_path) continue;
    problems.push_back(fmt::format("bridge {}: {}", config_.bridges[line].name,
                                   is_pattern(config_.bridges[line])
                                       ? "no interface that it could use is up and has an address"
                                       : "there are too many paths already"));
  }
  return problems;
}

}  // namespace mptunnel
