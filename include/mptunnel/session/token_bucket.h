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

  /// Whether one more event, or one that counts as `amount`, is allowed at `now`; if so it is charged.
  bool take(TimePoint now, double amount = 1) {
    if (now > filled_) {
      tokens_ =
          std::min(burst_, tokens_ + per_second_ * std::chrono::duration<double>(now - filled_).count());
      filled_ = now;
    }
    if (tokens_ < amount) return false;
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
        salt_(salt) {}

  /// Whether one more event is allowed from this address at `now`; if so it is charged. One that its
  /// network's budget refuses costs the others nothing.
  bool take(const Endpoint& from, TimePoint now) {
    const std::uint64_t mixed = (source_network(from) ^ salt_) * 0x9e3779b97f4a7c15U;
    return networks_[(mixed >> 32U) % networks_.size()].take(now) && all_.take(now);
  }

 private:
  TokenBucket all_;
  std::vector<TokenBucket> networks_;
  std::uint64_t salt_;
};

}  // namespace mptunnel
