// Sends by a tunnel device whatever has no better route than a default route, and yet lets the tunnel's own
// packets, which have a mark, leave as before. No route and no rule of others is touched; this is wg-quick's
// way:
//
//     rule 32500   look up main, but for default routes       what has a route of its own keeps it
//     rule 32501   without the mark: look up TABLE            the rest
//     TABLE        default by the device
//
// What it is not: a lock. If the device goes, so do its routes, and packets leave by the old default route.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/net/notice.h"

namespace mptunnel {

struct FullTunnelSettings {
  std::uint32_t interface = 0;     ///< index of the device, which is up
  std::string name;                ///< and its name
  std::uint32_t mark = 0;          ///< SO_MARK of what the tunnel sends; never 0
  std::uint32_t table = 0;         ///< one of its own, which nobody else has a route in
  std::uint32_t priority = 32500;  ///< of the first rule; the next number is the second's
  bool ipv4 = true;
  bool ipv6 = true;
};

class FullTunnelRoutes {
 public:
  /// Changes nothing yet.
  explicit FullTunnelRoutes(FullTunnelSettings settings, NoticeSink on_notice = nullptr);
  FullTunnelRoutes(const FullTunnelRoutes&) = delete;
  FullTunnelRoutes& operator=(const FullTunnelRoutes&) = delete;
  /// As undo().
  ~FullTunnelRoutes();

  /// Takes over: all of it, or nothing. Before that it removes what an earlier process left with the same
  /// table and priority. The error is a sentence for people.
  ///
  /// With IPv4 it sets net.ipv4.conf.all.src_valid_mark to 1, and says so, as wg-quick does: a check of
  /// sources (rp_filter=1) then looks at the mark that a firewall gave to an answer. It stays when this goes,
  /// since others may count on it by then. Interfaces whose check is strict are named in a warning: without
  /// such a firewall they take no answers to what has the mark.
  tl::expected<void, std::string> start();
  /// Makes again what somebody took away since start(): routes go with the last address of the device.
  tl::expected<void, std::string> restore();
  /// Puts all back as it was. Of several mistakes it says the first, and does the rest.
  tl::expected<void, std::string> undo();

  /// What start() does first, for those that will not start. Both families, whatever the settings say. An
  /// error if it is no leftover: the route leads to another device that is in use.
  static tl::expected<void, std::string> remove_leftovers(const FullTunnelSettings& settings);

 private:
  [[nodiscard]] std::vector<Family> families() const;
  tl::expected<void, std::string> take_over();
  void allow_marks() const;

  FullTunnelSettings settings_;
  NoticeSink on_notice_;
  bool is_started_ = false;
};

}  // namespace mptunnel
