// Which client has which inner address, and which network behind it: what mpserver gives on request, and
// where a packet of its device goes. First come, first served, while a session lives; what no session has is
// kept for its client until somebody else needs it. See docs/protocol.md, "Inner packets". It sends nothing.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/base/time.h"
#include "mptunnel/ip/prefix.h"
#include "mptunnel/ip/prefix_table.h"
#include "mptunnel/session/inner_reservations.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

/// What a server with a TUN device gives.
struct InnerSettings {
  /// The device's own, at most kMaxInnerOfServer: clients get addresses in their networks.
  std::vector<AddressPrefix> device;
  /// Networks behind clients lie within one of these.
  std::vector<Prefix> allowed;
  bool client_to_client = false;  ///< whether packets of one client for another are passed on
  bool copies_dscp = true;        ///< and whether those of the tunnel get their DSCP then
};

/// A client as it owns addresses: an identity means something under its key alone.
struct InnerOwner {
  KeyName key{};  ///< zeros without one
  ClientIdentity identity{};
  friend auto operator<=>(const InnerOwner&, const InnerOwner&) = default;
};

/// Of an entry; its bits behind the prefix stay.
IpAddress address_of(const InnerPrefix& prefix);
InnerPrefix inner_prefix(const IpAddress& address, std::uint8_t length);

class InnerRoutes {
 public:
  /// At most `most` addresses and networks of all clients together: beyond, what no session has goes first.
  InnerRoutes(const InnerSettings& settings, std::size_t most);

  /// What is kept for the clients of a key from now on. Returns the sessions that lost something by it.
  std::vector<SessionHandle> reserve(std::vector<InnerReservation> all);
  /// All that this session of the owner wants, in place of what it had. Returns the answer, with the server's
  /// own entries at its end.
  std::vector<InnerEntry> settle(const InnerOwner& owner, SessionHandle session,
                                 std::span<const InnerEntry> wanted);
  /// The session has ended; its client was heard last at that time.
  void leave(SessionHandle session, TimePoint heard);
  /// Another process of the same client speaks from now on.
  void hand_over(SessionHandle from, SessionHandle to);

  /// Where packets for an address go.
  enum class Place : std::uint8_t {
    device,  ///< the server's own address, or one that is no client's business
    client,
    nobody  ///< it may be a client's, but no session has it
  };
  struct Destination {
    Place place = Place::device;
    SessionHandle session{};  ///< if it is a client's
    friend bool operator==(const Destination&, const Destination&) = default;
  };
  [[nodiscard]] Destination find(const IpAddress& address) const;
  /// Whether the session may send from this address: it has it, and one host may.
  [[nodiscard]] bool has(SessionHandle session, const IpAddress& source) const;
  /// To many: multicast, or a broadcast address of the device's networks.
  [[nodiscard]] bool is_for_many(const IpAddress& destination) const;
  /// What a session has, as it was told.
  [[nodiscard]] std::vector<InnerEntry> entries_of(SessionHandle session) const;
  [[nodiscard]] bool has_any(SessionHandle session) const { return by_session_.contains(session); }
  [[nodiscard]] bool passes_on() const { return settings_.client_to_client; }
  /// As outer_marks() takes it, for what is passed on.
  [[nodiscard]] std::optional<std::uint8_t> fixed_dscp() const {
    return settings_.copies_dscp ? std::nullopt : std::optional(std::uint8_t{0});
  }
  [[nodiscard]] std::size_t size() const { return leases_.size() - free_.size(); }

 private:
  using Slot = PrefixTable::Value;
  /// In the table, in place of a slot: addresses of the device, and of its networks.
  static constexpr Slot kDevice = 0xffffffff;
  static constexpr Slot kNobody = 0xfffffffe;
  static constexpr Slot kLeastMark = kNobody;

  struct Lease {
    Prefix prefix;  ///< of one address, if it is no network
    InnerKind kind{};
    std::size_t pool = 0;  ///< number of its device address; of networks the number behind the last
    InnerOwner owner;
    std::optional<SessionHandle> session;
    TimePoint left{};  ///< since when it has none
  };
  /// One question as it is answered.
  struct Question {
    const InnerOwner& owner;
    SessionHandle session;
    std::vector<Slot> claimed;
  };

  void settle_one(Question& question, InnerEntry& entry);
  InnerVerdict settle_address(Question& question, InnerEntry& entry);
  InnerVerdict settle_automatic(Question& question, InnerEntry& entry);
  InnerVerdict settle_network(Question& question, InnerEntry& entry);
  /// Whether the owner's session has the lease, or may have it back.
  [[nodiscard]] bool is_own(const Question& question, const Lease& lease) const {
    return lease.owner == question.owner && (!lease.session || lease.session == question.session);
  }
  void claim(Question& question, Slot slot);
  /// A lease for the session. False if there is no room for another.
  bool add(Question& question, InnerKind kind, const Prefix& prefix, std::size_t pool);
  bool give(Question& question, InnerEntry& entry, const IpAddress& address, std::size_t pool);
  void remove(Slot slot);
  void set_session(Slot slot, std::optional<SessionHandle> session, TimePoint left);

  [[nodiscard]] bool has_family(Family family) const;
  /// The pool that the address is in, if a client may have it.
  [[nodiscard]] std::optional<std::size_t> pool_of(const IpAddress& address) const;
  [[nodiscard]] bool is_for_clients(std::size_t pool, const IpAddress& address) const;
  [[nodiscard]] std::optional<Slot> lease_of(const Prefix& prefix) const;
  /// An address of the pool that nobody has: one that is kept for the owner, or else the one that it is to
  /// get, or, of a small network, the next; of a large one, of those that are tried, the first.
  [[nodiscard]] std::optional<IpAddress> free_address(std::size_t pool, const InnerOwner& owner) const;
  [[nodiscard]] std::optional<IpAddress> free_address(std::size_t pool, const Prefix& part,
                                                      const InnerOwner& owner) const;
  /// Of an address of the pool that no session has, and that the owner may have.
  [[nodiscard]] std::optional<Slot> idle_lease(std::size_t pool, const InnerOwner& owner) const;
  [[nodiscard]] bool is_allowed(const Prefix& network) const;
  /// The narrowest allowed or reserved network around this one; nullopt if there is none.
  [[nodiscard]] std::optional<Prefix> allowed_around(const Prefix& network) const;
  /// The networks that overlap this one, other than the owner's, and are set apart by no narrower allowed
  /// one; nullopt if one of them has a session, or there are very many.
  [[nodiscard]] std::optional<std::vector<Slot>> in_the_way_of(const Question& question,
                                                               const Prefix& network) const;
  [[nodiscard]] std::map<Prefix, Slot>& networks(Family family) { return networks_[family == Family::ipv4]; }
  [[nodiscard]] const std::map<Prefix, Slot>& networks(Family family) const {
    return networks_[family == Family::ipv4];
  }

  InnerSettings settings_;
  InnerReservations reservations_;
  std::size_t most_;
  PrefixTable table_;
  std::vector<Lease> leases_;
  std::vector<Slot> free_;  ///< of leases_
  std::map<InnerOwner, std::set<Slot>> by_owner_;
  std::unordered_map<SessionHandle, std::vector<Slot>> by_session_;
  std::vector<std::set<std::pair<TimePoint, Slot>>> idle_;  ///< by pool: without a session, by age
  std::array<std::map<Prefix, Slot>, 2> networks_;          ///< behind clients, by family
};

}  // namespace mptunnel
