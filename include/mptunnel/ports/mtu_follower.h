// Which MTU a device is to have, as what fits the paths changes: another one once that has lasted. What is
// larger passes in pieces meanwhile, and a path that is new is taken to carry little until more is found.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>

#include "mptunnel/base/time.h"

namespace mptunnel {

class MtuFollower {
 public:
  /// More than before has to fit for so long, and less.
  static constexpr Duration kRaiseAfter = std::chrono::seconds{3};
  static constexpr Duration kLowerAfter = std::chrono::seconds{5};
  /// What paths of the internet carry as a rule, until something is known.
  static constexpr std::size_t kUsual = 1400;

  /// `fixed`: always this. Else `least` to `most`.
  MtuFollower(std::optional<std::size_t> fixed, std::size_t least, std::size_t most)
      : fixed_(fixed), least_(least), most_(most), mtu_(fixed.value_or(std::clamp(kUsual, least, most))) {}

  /// To be called again and again with what fits now; nullopt: not known, and nothing changes.
  std::size_t update(std::optional<std::size_t> fitting, TimePoint now) {
    if (fixed_ || !fitting) return mtu_;
    const std::size_t wanted = std::clamp(*fitting, least_, most_);
    const bool is_less = wanted < mtu_;
    if (wanted == mtu_ || (since_ && is_less != is_less_)) since_.reset();
    if (wanted == mtu_) return mtu_;
    // Of all that was wanted in that time, what is nearest.
    nearest_ = !since_ ? wanted : is_less ? std::max(nearest_, wanted) : std::min(nearest_, wanted);
    is_less_ = is_less;
    if (!since_) since_ = now;
    if (now - *since_ < (is_less ? kLowerAfter : kRaiseAfter)) return mtu_;
    since_.reset();
    mtu_ = nearest_;
    return mtu_;
  }
  [[nodiscard]] std::size_t get() const { return mtu_; }
  [[nodiscard]] bool is_fixed() const { return fixed_.has_value(); }

 private:
  std::optional<std::size_t> fixed_;
  std::size_t least_;
  std::size_t most_;
  std::size_t mtu_;
  std::optional<TimePoint> since_;  ///< all that was wanted since then is less, or all is more
  bool is_less_ = false;
  std::size_t nearest_ = 0;
};

}  // namespace mptunnel
