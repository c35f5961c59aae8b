#include "mptunnel/session/inner_reservations.h"

#include <algorithm>

namespace mptunnel {

InnerReservations::InnerReservations(std::span<const AddressPrefix> device, std::vector<InnerReservation> all)
    : device_(device.begin(), device.end()), all_(std::move(all)), table_(all_.size()) {
  for (std::size_t i = 0; i < all_.size(); ++i) {
    table_.insert(all_[i].prefix, static_cast<PrefixTable::Value>(i));
    bound_.emplace(all_[i].key, kind_of(all_[i].prefix));
  }
}

InnerReservations::Kind InnerReservations::kind_of(const Prefix& prefix) const {
  const bool is_of_device = std::any_of(device_.begin(), device_.end(), [&](const AddressPrefix& own) {
    return own.network().contains(prefix);
  });
  return is_of_device ? Kind::device : Kind::behind;
}

bool InnerReservations::allow(const KeyName& key, const Prefix& wanted) const {
  if (all_.empty()) return true;
  const auto narrowest = around(wanted);
  if (narrowest) return all_[*table_.find(*narrowest)].key == key;
  return !bound_.contains({key, kind_of(wanted)});
}

std::optional<Prefix> InnerReservations::around(const Prefix& wanted) const {
  if (all_.empty()) return std::nullopt;
  if (wanted.length == wanted.address.bits()) {
    const auto match = table_.lookup(wanted.address);
    return match ? std::optional(prefix_of(wanted.address, match->length)) : std::nullopt;
  }
  for (int length = wanted.length; length >= 0; --length) {
    const Prefix prefix = prefix_of(wanted.address, static_cast<unsigned>(length));
    if (table_.find(prefix)) return prefix;
  }
  return std::nullopt;
}

std::vector<Prefix> InnerReservations::of_device(const KeyName& key) const {
  std::vector<Prefix> found;
  if (!bound_.contains({key, Kind::device})) return found;
  for (const InnerReservation& one : all_) {
    if (one.key == key && kind_of(one.prefix) == Kind::device) found.push_back(one.prefix);
  }
  return found;
}

}  // namespace mptunnel
