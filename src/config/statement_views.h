// What --check prints of the values of statements: of a value by its type, and of those that mean something
// together.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "mptunnel/config/statement.h"
#include "mptunnel/config/value.h"
#include "statement_readers.h"

namespace mptunnel {

std::string line_of(const BridgeConfig& bridge);
std::string line_of(const ListenAddress& address);
CheckLines lines_of(std::size_t number);
CheckLines lines_of(LogLevel level);
CheckLines lines_of(const std::optional<HostPort>& address);
CheckLines lines_of(const KeySource& key);
CheckLines lines_of(const std::string& word);
/// All in one line.
CheckLines lines_of(const std::vector<std::string>& words);

/// A line for each.
template <typename Value>
CheckLines lines_of(const std::vector<Value>& values) {
  CheckLines lines;
  for (const Value& value : values) lines.push_back(line_of(value));
  return lines;
}

/// The value of `Member`.
template <auto Member>
CheckLines show(const decltype(class_of(Member))& source) {
  return lines_of(source.*Member);
}

/// A duration between two things that happen again and again.
template <auto Member>
CheckLines show_interval(const decltype(class_of(Member))& source) {
  return {"every " + duration_text(source.*Member)};
}

/// A switch, and where its value comes from.
template <auto Member, auto Origin>
CheckLines show_switch(const Settings& settings) {
  return {std::string(settings.*Member ? "yes" : "no") + " (" + settings.*Origin + ")"};
}

CheckLines show_mark(const ClientConfig& config);
CheckLines show_key(const Settings& settings);
CheckLines show_keys(const Settings& settings);
CheckLines show_cipher(const Settings& settings);
CheckLines show_repair(const Settings& settings);
CheckLines show_residual(const Settings& settings);
CheckLines show_repair_delay(const Settings& settings);
CheckLines show_repair_budget(const Settings& settings);
CheckLines show_scheduler(const Settings& settings);
CheckLines show_order(const Settings& settings);
CheckLines show_max_hold(const Settings& settings);
CheckLines show_dscp(const CommonConfig& config);
CheckLines show_state(const Settings& settings);
CheckLines show_control(const Settings& settings);
// In tun_views.cpp.
CheckLines show_tun(const ClientConfig& config);
CheckLines show_server_tun(const ServerConfig& config);
CheckLines show_tun_name(const CommonConfig& config);
CheckLines show_tun_mtu(const CommonConfig& config);
CheckLines show_mss_clamp(const CommonConfig& config);
CheckLines show_routes(const ClientConfig& config);
CheckLines show_networks(const ClientConfig& config);
CheckLines show_allowed(const ServerConfig& config);
CheckLines show_client_to_client(const ServerConfig& config);
CheckLines show_up(const CommonConfig& config);
CheckLines show_down(const CommonConfig& config);

}  // namespace mptunnel
