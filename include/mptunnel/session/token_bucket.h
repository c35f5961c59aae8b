// Rates that a peer may not exceed.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/time.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

/// Allows `burst` events at once and `per_second` in the long run. Starts full.
class TokenBucket {
 public:
  TokenBucket(double per_second, double burst) : per_second_(per_second), burst_(burst), tokens_(burst) {}

  /// Whether one more event, or one that counts as `amount`, is allowed at `now` and leaves so much of the
  /// burst for others; if so it is charged.
  bool take(TimePoint now, double amount = 1, double leave = 0) {
    if (now > filled_) {
      tokens_ =
          std::min(burst_, tokens_ + per_second_ * std::chrono::duration<double>(now - filled_).count());
      filled_ = now;
    }
    if (tokens_ < amount + leave) return false;
    tokens_ -= amount;
    return true;
  }

 private:
  double per_second_;
  double burst_;
  double tokens_;
  TimePoint filled_{};
};

/// A rate that all strangers together may not exceed, nor those of one source network.
///
/// Whoever asks for much gets what is there, save the last half of a burst: that is for those who ask for
/// little. So one address can't use up its network's rate, nor a few networks that of all; whoever wants to
/// needs many at once.
///
///     of a network   an address that had no more than an eighth of it may take the last half
///     of all         a network that had no more than a thirty-second of it may
class NetworkBudget {
 public:
  /// Events a second, and at once, of one network and of all. `salt` is random: which networks share a budget
  /// can't be known.
  struct Rate {
    double per_second = 0;
    double burst = 0;
  };
  NetworkBudget(const Rate& of_all, const Rate& of_network, std::uint64_t salt)
      : all_(of_all.per_second, of_all.burst),
        networks_(kHandshakeNetworkBuckets, TokenBucket(of_network.per_second, of_network.burst)),
        modest_networks_(kHandshakeNetworkBuckets, share(of_all, kModestNetworkShare)),
        modest_addresses_(kHandshakeNetworkBuckets, share(of_network, kModestAddressShare)),
        kept_of_all_(of_all.burst / 2),
        kept_of_network_(of_network.burst / 2),
        salt_(salt) {}

  /// Whether one more event is allowed from this address at `now`; if so it is charged. One that its
  /// network's budget refuses costs the others nothing.
  bool take(const Endpoint& from, TimePoint now) {
    const std::size_t network = place_of(source_network(from));
    const bool is_address_modest = modest_addresses_[place_of(number_of(from))].take(now);
    if (!networks_[network].take(now, 1, is_address_modest ? 0 : kept_of_network_)) return false;
    return all_.take(now, 1, modest_networks_[network].take(now) ? 0 : kept_of_all_);
  }

 private:
  static TokenBucket share(const Rate& rate, double share) {
    return {rate.per_second * share, std::max(1.0, rate.burst * share)};
  }
  /// The address without its port. Those of IPv6 that are a /64 of the same host count as one.
  static std::uint64_t number_of(const Endpoint& from) {
    std::uint64_t number = source_network(from);
    const std::size_t bytes = from.family == Family::ipv4 ? 4 : 8;
    return number << 8U | from.address[bytes - 1];
  }
  [[nodiscard]] std::size_t place_of(std::uint64_t number) const {
    return (((number ^ salt_) * 0x9e3779b97f4a7c15U) >> 32U) % kHandshakeNetworkBuckets;
  }

  TokenBucket all_;
  std::vector<TokenBucket> networks_;
  std::vector<TokenBucket> modest_networks_;
  std::vector<TokenBucket> modest_addresses_;
  double kept_of_all_;
  double kept_of_network_;
  std::uint64_t salt_;
};

}  // namespace mptunnel
