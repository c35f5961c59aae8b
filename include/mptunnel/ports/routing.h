// What the ports ask of the system's routing. Tests replace it with a fake.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/net/route_query.h"

namespace mptunnel {

/// How strictly the kernel looks at whether an answer came by the right interface (rp_filter).
struct ReversePathFilter {
  bool is_strict = false;
  std::string setting;  ///< which one makes it strict: "net.ipv4.conf.all.rp_filter"
};

/// All as in net/route_query.h.
class Routing {
 public:
  Routing() = default;
  Routing(const Routing&) = delete;
  Routing& operator=(const Routing&) = delete;
  virtual ~Routing() = default;

  virtual tl::expected<NextHop, int> next_hop(const RouteQuestion& question) = 0;
  virtual bool has_route(const RouteQuestion& question) = 0;
  virtual NeighbourState neighbour(const Endpoint& address, std::uint32_t interface) = 0;
  /// Of IPv4 on this interface; IPv6 has none.
  virtual ReversePathFilter reverse_path_filter(const std::string& interface) = 0;
};

class SystemRouting final : public Routing {
 public:
  tl::expected<NextHop, int> next_hop(const RouteQuestion& question) override {
    return next_hop_towards(question);
  }
  bool has_route(const RouteQuestion& question) override { return mptunnel::has_route(question); }
  NeighbourState neighbour(const Endpoint& address, std::uint32_t interface) override {
    return neighbour_state(address, interface);
  }
  ReversePathFilter reverse_path_filter(const std::string& interface) override;
};

}  // namespace mptunnel
