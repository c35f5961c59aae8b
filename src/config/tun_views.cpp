// What --check prints of the device for IP packets; nothing where there is none.
#include <fmt/format.h>

#include "statement_views.h"

namespace mptunnel {
namespace {

template <typename Value>
CheckLines in_one_line(const std::vector<Value>& values) {
  std::vector<std::string> words;
  words.reserve(values.size());
  for (const Value& value : values) words.push_back(value.to_string());
  return lines_of(words);
}

CheckLines lines_if(const TunConfig& tun, const std::string& text) {
  return tun.is_on() ? lines_of(text) : CheckLines{};
}

}  // namespace

CheckLines show_tun(const ClientConfig& config) {
  const TunConfig& tun = config.common.tun;
  return tun.is_automatic ? CheckLines{"an address that mpserver gives"} : in_one_line(tun.addresses);
}

CheckLines show_server_tun(const ServerConfig& config) {
  return in_one_line(config.common.tun.addresses);
}

CheckLines show_tun_name(const CommonConfig& config) {
  return lines_if(config.tun, config.tun.name);
}

CheckLines show_tun_mtu(const CommonConfig& config) {
  return lines_if(config.tun,
                  config.tun.mtu ? std::to_string(*config.tun.mtu) : "what all paths carry whole");
}

CheckLines show_mss_clamp(const CommonConfig& config) {
  return lines_if(config.tun, config.tun.clamps_mss ? "yes" : "no");
}

CheckLines show_routes(const ClientConfig& config) {
  return in_one_line(config.routes);
}

CheckLines show_networks(const ClientConfig& config) {
  return in_one_line(config.common.tun.allow);
}

CheckLines show_allowed(const ServerConfig& config) {
  return in_one_line(config.common.tun.allow);
}

CheckLines show_client_to_client(const ServerConfig& config) {
  return lines_if(config.common.tun,
                  config.client_to_client ? "clients reach each other" : "clients reach this host alone");
}

CheckLines show_up(const CommonConfig& config) {
  return lines_of(config.tun.up);
}

CheckLines show_down(const CommonConfig& config) {
  return lines_of(config.tun.down);
}

}  // namespace mptunnel
