// A rate that all strangers together may not exceed, nor those of one source network.
#pragma once

#include <cstdint>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/session/token_bucket.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

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
