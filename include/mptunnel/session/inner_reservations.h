// Inner addresses and networks that are kept for the clients of one key: `allow=` in the keyring. Whoever has
// some has no others of that kind, and nobody else has these. What it is not: the list of who has what now;
// that is InnerRoutes.
#pragma once

#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "mptunnel/ip/prefix.h"
#include "mptunnel/ip/prefix_table.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

struct InnerReservation {
  KeyName key{};
  Prefix prefix;  ///< of the device's networks: an address, or a part of them; else a network behind clients
};

class InnerReservations {
 public:
  InnerReservations() = default;
  /// `device` as in InnerSettings. Of two for the very same prefix the first counts.
  InnerReservations(std::span<const AddressPrefix> device, std::vector<InnerReservation> all);

  /// Whether a client with this key may have an address, or a network behind it, as far as reservations go:
  /// the narrowest one around it is its key's; or there is none, and the key has none of that kind.
  [[nodiscard]] bool allow(const KeyName& key, const Prefix& wanted) const;
  /// The narrowest reserved prefix that contains all of this one.
  [[nodiscard]] std::optional<Prefix> around(const Prefix& wanted) const;
  /// What the key has within the device's networks, in the order of the keyring.
  [[nodiscard]] std::vector<Prefix> of_device(const KeyName& key) const;

 private:
  enum class Kind : bool { device, behind };
  [[nodiscard]] Kind kind_of(const Prefix& prefix) const;

  std::vector<AddressPrefix> device_;
  std::vector<InnerReservation> all_;
  PrefixTable table_{0};  ///< to the place in all_
  std::set<std::pair<KeyName, Kind>> bound_;
};

}  // namespace mptunnel
