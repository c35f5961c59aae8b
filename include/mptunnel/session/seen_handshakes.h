// The handshakes that a server has answered, so that none is worth anything to whoever recorded it. Bounded:
// the oldest are forgotten. Only genuine messages get in.
#pragma once

#include <cstdint>
#include <unordered_set>
#include <utility>

#include "mptunnel/wire/limits.h"

namespace mptunnel {

class SeenHandshakes {
 public:
  /// `fingerprint` is a keyed hash of the message.
  [[nodiscard]] bool contains(std::uint64_t fingerprint) const {
    return recent_.contains(fingerprint) || older_.contains(fingerprint);
  }
  void insert(std::uint64_t fingerprint) {
    if (recent_.size() >= kSeenHandshakes / 2) older_ = std::exchange(recent_, {});
    recent_.insert(fingerprint);
  }

 private:
  std::unordered_set<std::uint64_t> recent_;  ///< at most half of kSeenHandshakes each
  std::unordered_set<std::uint64_t> older_;
};

}  // namespace mptunnel
