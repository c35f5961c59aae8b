// The datagrams of an application that the target gets, in the order in which it gets them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "sim/world.h"

namespace mptunnel::sim {

class AtTarget {
 public:
  /// Both outlive the object.
  AtTarget(World& world, Application& application) : world_(world), application_(application) {
    application_.on_request = [this](std::uint32_t record) { got(record); };
  }
  AtTarget(const AtTarget&) = delete;
  AtTarget& operator=(const AtTarget&) = delete;
  ~AtTarget() { application_.on_request = {}; }

  /// Forgets what came so far.
  void restart() {
    out_of_order_ = 0;
    delays_.clear();
  }
  [[nodiscard]] std::size_t count() const { return delays_.size(); }
  /// Those that came after a later one.
  [[nodiscard]] std::size_t out_of_order() const { return out_of_order_; }
  /// This share of them took so long at most. Some have come.
  Duration delay(double share) {
    const auto place =
        delays_.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(delays_.size() - 1));
    std::nth_element(delays_.begin(), place, delays_.end());
    return *place;
  }

 private:
  void got(std::uint32_t record) {
    if (record < highest_) ++out_of_order_;
    highest_ = std::max(highest_, record);
    delays_.push_back(world_.now() - world_.context().oracle.ledger()[record].offered);
  }

  World& world_;
  Application& application_;
  std::uint32_t highest_ = 0;
  std::size_t out_of_order_ = 0;
  std::vector<Duration> delays_;
};

}  // namespace mptunnel::sim
