// What a configuration says of the device for IP packets: its addresses, its name, what may and shall pass.
// Values only; nothing here opens a device.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/ip/prefix.h"

namespace mptunnel {

struct TunConfig {
  std::vector<AddressPrefix> addresses;  ///< at most kMaxTunAddresses
  bool is_automatic = false;             ///< mpclient: mpserver gives the addresses
  std::string name;                      ///< of the device; empty: the kernel chooses
  std::optional<std::size_t> mtu;        ///< kLeastTunMtu to kMostTunMtu; nullopt: what the paths carry whole
  bool clamps_mss = true;                ///< TCP is told to send what fits
  /// mpserver: networks that clients may have behind them. mpclient: those that it has. At most
  /// kMaxTunPrefixes.
  std::vector<Prefix> allow;
  std::string up;    ///< a command of the shell: the device is there; empty: none
  std::string down;  ///< the same: it goes

  /// Whether there is a device.
  [[nodiscard]] bool is_on() const { return is_automatic || !addresses.empty(); }
};

/// As parse_address_prefix(), and no link-local address. The error is for people.
tl::expected<AddressPrefix, std::string> parse_tun_address(std::string_view word);
/// What is wrong with the name of a network interface; nullopt if nothing is.
std::optional<std::string> tun_name_error(std::string_view word);

}  // namespace mptunnel
