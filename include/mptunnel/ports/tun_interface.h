// The device for IP packets as an interface of this host: opened, named, with its addresses, MTU and routes,
// with the user's commands when it comes and goes; set up again when somebody took it down or removed it.
// Its packets are the business of ports/tun_port.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

#include "mptunnel/base/random.h"
#include "mptunnel/config/tun_config.h"
#include "mptunnel/host/hook.h"
#include "mptunnel/net/full_tunnel_routes.h"
#include "mptunnel/net/interfaces.h"
#include "mptunnel/net/link_config.h"
#include "mptunnel/net/tun_device.h"
#include "mptunnel/ports/mtu_follower.h"
#include "mptunnel/ports/port_context.h"
#include "mptunnel/ports/tun_port.h"

namespace mptunnel {

/// The table of the default route into the device.
inline constexpr std::uint32_t kTunTable = 0x6d70;

struct TunInterfaceSettings {
  TunConfig config;
  /// Networks that lead into the device. One of length 0 takes all but what has `mark`.
  std::vector<Prefix> routes;
  std::uint32_t mark = 0;
  bool copies_dscp = true;
};

class TunInterface {
 public:
  /// `on_readable`: the device has packets, and read() is to be called. `fitting`: how large a packet goes
  /// whole, to whoever is at the other end; nullopt: not known. It is asked once a second. `context` outlives
  /// this.
  TunInterface(TunInterfaceSettings settings, const PortContext& context, RandomSource& random,
               LoopCallback on_readable, std::function<std::optional<std::size_t>()> fitting);
  TunInterface(const TunInterface&) = delete;
  TunInterface& operator=(const TunInterface&) = delete;
  /// Has the command for that run, for some seconds at most, and puts back what stays without us.
  ~TunInterface();

  /// Opens the device and sets it up. The error is for people.
  tl::expected<void, std::string> start();
  /// As TunPort::read(); a device that is gone is opened again later.
  void read(const TunPort::Take& take, TimePoint now);
  [[nodiscard]] TunPort& port() { return port_; }
  [[nodiscard]] const TunPort& port() const { return port_; }
  /// For `tun auto`: the other end gave these, in place of those before.
  void set_addresses(std::vector<AddressPrefix> addresses);
  /// The other end has answered: from now on a default route may lead here. Before, it would only cut this
  /// host off, names of bridges included.
  void on_answer();
  /// Interfaces have changed: what somebody took away is put back.
  void on_interfaces(const InterfaceTable& table);

  struct Status {
    std::string name;  ///< empty while there is none
    std::vector<AddressPrefix> addresses;
    std::size_t mtu = 0;
    TunOffload offload = TunOffload::none;
    TunCounters counters;
    std::vector<std::string> problems;  ///< for people
  };
  [[nodiscard]] Status status() const;

 private:
  tl::expected<void, std::string> open();
  /// MTU, addresses, up, routes.
  void set_up();
  void apply_addresses();
  void apply_mtu();
  void apply_routes();
  void apply_default_route();
  /// Takes from a device that stays what it was given here.
  void clean_up();
  void lose(int error);
  void on_alarm();
  void run_hook(const std::string& command);
  /// What can't be had is a line in the log when it is new, and stands in the status as long as it is so.
  void note(std::string_view what, const tl::expected<void, std::string>& result);
  [[nodiscard]] bool has_problem(std::string_view what) const;

  struct Problem {
    std::string what;
    std::string text;
  };

  TunInterfaceSettings settings_;
  const PortContext& context_;
  LoopCallback on_readable_;
  std::function<std::optional<std::size_t>()> fitting_;
  std::string name_;  ///< of the device, or of the last one
  std::optional<TunDevice> device_;
  std::unique_ptr<ReadWatcher> watcher_;
  std::optional<LinkConfig> link_;
  TunPort port_;
  std::optional<FullTunnelRoutes> full_tunnel_;
  std::pair<bool, bool> full_families_;  ///< of full_tunnel_: IPv4, IPv6
  std::unique_ptr<Alarm> alarm_;
  MtuFollower mtu_;
  std::vector<AddressPrefix> addresses_;  ///< that the device is to have
  std::vector<AddressPrefix> added_;      ///< those of them that we gave it, and others did not
  std::vector<Prefix> routed_;            ///< the same of routes
  std::optional<NetworkInterface> seen_;  ///< as it was last
  bool is_unsure_ = false;                ///< something has changed since, and perhaps there and back
  std::vector<Problem> problems_;
  Hooks hooks_;
  bool has_answered_ = false;  ///< the other end
  bool is_announced_ = false;  ///< `up` was run for what there is now
  bool was_up_ = false;        ///< `up` was run
};

}  // namespace mptunnel
