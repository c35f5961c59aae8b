// The addresses of a bridge's name, which take turns until one answers.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/time.h"

namespace mptunnel {

/// The same addresses, with families taking turns as far as there are two (RFC 8305, section 4).
std::vector<Endpoint> interleave_families(const std::vector<Endpoint>& addresses);

class CandidateList {
 public:
  /// How long an address is given to answer before the next has its turn: longer with each round, for paths
  /// that are slow (RFC 8305, section 8, has 250 ms to connect).
  static constexpr Duration kFirstPatience = std::chrono::milliseconds{300};
  static constexpr Duration kLongestPatience = std::chrono::seconds{10};

  /// Replaces the addresses; keeps those of one family if that is given.
  void assign(const std::vector<Endpoint>& addresses, std::optional<Family> only);

  [[nodiscard]] bool empty() const { return addresses_.empty(); }
  [[nodiscard]] std::size_t size() const { return addresses_.size(); }
  [[nodiscard]] bool contains(const Endpoint& address) const;
  /// Whether there is another of the same family.
  [[nodiscard]] bool has_rival(const Endpoint& address) const;
  [[nodiscard]] const Endpoint& first() const { return addresses_.front(); }
  /// The one whose turn it is after `address`: the first after the last, and after one that is not listed.
  /// Not of an empty list.
  [[nodiscard]] const Endpoint& after(const Endpoint& address) const;

  /// The address in use has not answered in time. A round of these doubles patience().
  void note_unanswered();
  /// An address answers: patience() is back at its first value.
  void note_answered();
  [[nodiscard]] Duration patience() const { return patience_; }

 private:
  std::vector<Endpoint> addresses_;
  Duration patience_ = kFirstPatience;
  std::size_t unanswered_ = 0;  ///< since an address answered
};

}  // namespace mptunnel
