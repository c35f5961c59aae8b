#include "mptunnel/session/inner_routes.h"

#include <algorithm>
#include <limits>

#include "mptunnel/base/cursor.h"
#include "mptunnel/crypto/siphash.h"

namespace mptunnel {
namespace {

/// A client's first choice must be the same after a restart of the server, and is no secret: whoever wants an
/// address may ask for it.
constexpr SipHashKey kChoiceKey{0x6d7074756e6e656cU, 0x696e6e6572206970U};

/// From one choice to the next in a large network: odd, and far (2^64 by the golden ratio).
constexpr std::uint64_t kAddressStep = 0x9e3779b97f4a7c15U;

/// Addresses of a network; as many as 64 bits can count if they are more.
std::uint64_t addresses_in(const Prefix& network) {
  const unsigned bits = network.address.bits() - network.length;
  return bits >= 64 ? std::numeric_limits<std::uint64_t>::max() : std::uint64_t{1} << bits;
}

/// The address with this number in the network.
IpAddress nth_address(const Prefix& network, std::uint64_t number) {
  IpAddress address = network.address;
  for (std::size_t i = address.bits() / 8; i-- > 0 && number != 0; number >>= 8U)
    address.octets[i] |= static_cast<std::uint8_t>(number);
  return address;
}

Prefix alone(const IpAddress& address) {
  return {address, static_cast<std::uint8_t>(address.bits())};
}

}  // namespace

IpAddress address_of(const InnerPrefix& prefix) {
  return {prefix.octets, prefix.family};
}

InnerPrefix inner_prefix(const IpAddress& address, std::uint8_t length) {
  return {address.family, length, address.octets};
}

InnerRoutes::InnerRoutes(const InnerSettings& settings, std::size_t most)
    : settings_(settings),
      most_(most),
      table_(most + 2 * kMaxInnerOfServer),
      idle_(settings.device.size() + 1) {
  MPT_ASSERT(settings.device.size() <= kMaxInnerOfServer);
  for (const AddressPrefix& own : settings_.device) {
    // The address first: it may be all of its network.
    table_.insert(alone(own.address), kDevice);
    table_.insert(own.network(), kNobody);
  }
}

std::vector<SessionHandle> InnerRoutes::reserve(std::vector<InnerReservation> all) {
  reservations_ = InnerReservations(settings_.device, std::move(all));
  std::vector<Slot> lost;
  std::set<SessionHandle> losers;
  for (const auto& [owner, slots] : by_owner_) {
    for (const Slot slot : slots) {
      if (reservations_.allow(owner.key, leases_[slot].prefix)) continue;
      lost.push_back(slot);
      if (leases_[slot].session) losers.insert(*leases_[slot].session);
    }
  }
  for (const Slot slot : lost) remove(slot);
  return {losers.begin(), losers.end()};
}

std::vector<InnerEntry> InnerRoutes::settle(const InnerOwner& owner, SessionHandle session,
                                            std::span<const InnerEntry> wanted) {
  Question question{owner, session, {}};
  std::vector<InnerEntry> answer(wanted.begin(), wanted.end());
  std::size_t addresses = 0;
  for (InnerEntry& entry : answer) {
    if (entry.kind != InnerKind::network && ++addresses > kMaxInnerAddresses) {
      entry.verdict = InnerVerdict::not_allowed;
    } else {
      settle_one(question, entry);
    }
  }
  // What the client does not want any more.
  if (const auto own = by_owner_.find(owner); own != by_owner_.end()) {
    for (const Slot slot : std::vector<Slot>(own->second.begin(), own->second.end())) {
      const bool is_claimed =
          std::find(question.claimed.begin(), question.claimed.end(), slot) != question.claimed.end();
      if (!is_claimed && is_own(question, leases_[slot])) remove(slot);
    }
  }
  for (const AddressPrefix& own : settings_.device)
    answer.push_back({InnerKind::server, inner_prefix(own.address, own.length), InnerVerdict::given});
  return answer;
}

void InnerRoutes::settle_one(Question& question, InnerEntry& entry) {
  if (entry.kind == InnerKind::network) {
    entry.verdict = settle_network(question, entry);
  } else if (!has_family(entry.prefix.family)) {
    entry.verdict = InnerVerdict::no_device;
  } else {
    entry.verdict = entry.kind == InnerKind::address ? settle_address(question, entry)
                                                     : settle_automatic(question, entry);
  }
}

InnerVerdict InnerRoutes::settle_address(Question& question, InnerEntry& entry) {
  const IpAddress address = address_of(entry.prefix);
  const auto pool = pool_of(address);
  if (!pool || !reservations_.allow(question.owner.key, alone(address))) return InnerVerdict::not_allowed;
  if (const auto slot = lease_of(alone(address)); slot && !is_own(question, leases_[*slot])) {
    if (leases_[*slot].session) return InnerVerdict::taken;
    remove(*slot);
  }
  return give(question, entry, address, *pool) ? InnerVerdict::given : InnerVerdict::no_room;
}

InnerVerdict InnerRoutes::settle_automatic(Question& question, InnerEntry& entry) {
  const Family family = entry.prefix.family;
  if (const auto own = by_owner_.find(question.owner); own != by_owner_.end()) {
    for (const Slot slot : own->second) {
      const Lease& lease = leases_[slot];
      const bool is_free =
          std::find(question.claimed.begin(), question.claimed.end(), slot) == question.claimed.end();
      if (lease.kind == InnerKind::automatic && lease.prefix.address.family == family && is_free &&
          is_own(question, lease)) {
        return give(question, entry, lease.prefix.address, lease.pool) ? InnerVerdict::given
                                                                       : InnerVerdict::no_room;
      }
    }
  }
  const IpAddress wish = address_of(entry.prefix);
  const auto wished = pool_of(wish);
  if (wished && !lease_of(alone(wish)) && reservations_.allow(question.owner.key, alone(wish)))
    return give(question, entry, wish, *wished) ? InnerVerdict::given : InnerVerdict::no_room;
  for (std::size_t pool = 0; pool < settings_.device.size(); ++pool) {
    if (settings_.device[pool].address.family != family) continue;
    if (const auto address = free_address(pool, question.owner))
      return give(question, entry, *address, pool) ? InnerVerdict::given : InnerVerdict::no_room;
  }
  for (std::size_t pool = 0; pool < settings_.device.size(); ++pool) {
    if (settings_.device[pool].address.family != family) continue;
    const auto slot = idle_lease(pool, question.owner);
    if (!slot) continue;
    const IpAddress address = leases_[*slot].prefix.address;
    remove(*slot);
    return give(question, entry, address, pool) ? InnerVerdict::given : InnerVerdict::no_room;
  }
  return InnerVerdict::no_room;
}

InnerVerdict InnerRoutes::settle_network(Question& question, InnerEntry& entry) {
  const Prefix network = prefix_of(address_of(entry.prefix), entry.prefix.length);
  entry.prefix = inner_prefix(network.address, network.length);
  const bool is_of_device =
      std::any_of(settings_.device.begin(), settings_.device.end(),
                  [&](const AddressPrefix& own) { return own.network().contains(network); });
  if (is_of_device || network.address.is_multicast() || network.address.is_loopback() ||
      !is_allowed(network) || !reservations_.allow(question.owner.key, network))
    return InnerVerdict::not_allowed;
  const auto in_the_way = in_the_way_of(question, network);
  if (!in_the_way) return InnerVerdict::taken;
  for (const Slot slot : *in_the_way) remove(slot);
  return add(question, InnerKind::network, network, settings_.device.size()) ? InnerVerdict::given
                                                                             : InnerVerdict::no_room;
}

bool InnerRoutes::give(Question& question, InnerEntry& entry, const IpAddress& address, std::size_t pool) {
  if (!add(question, entry.kind, alone(address), pool)) return false;
  entry.prefix = inner_prefix(address, settings_.device[pool].length);
  return true;
}

bool InnerRoutes::add(Question& question, InnerKind kind, const Prefix& prefix, std::size_t pool) {
  if (const auto known = lease_of(prefix)) {
    leases_[*known].kind = kind;
    claim(question, *known);
    return true;
  }
  if (size() >= most_) {
    const std::set<std::pair<TimePoint, Slot>>* oldest = nullptr;
    for (const auto& idle : idle_) {
      if (!idle.empty() && (oldest == nullptr || *idle.begin() < *oldest->begin())) oldest = &idle;
    }
    if (oldest == nullptr) return false;
    remove(oldest->begin()->second);
  }
  Slot slot = static_cast<Slot>(leases_.size());
  if (free_.empty()) {
    leases_.emplace_back();
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  leases_[slot] = {prefix, kind, pool, question.owner, std::nullopt, {}};
  const auto inserted = table_.insert(prefix, slot);
  MPT_ASSERT(inserted == PrefixTable::Inserted::yes);
  by_owner_[question.owner].insert(slot);
  idle_[pool].emplace(leases_[slot].left, slot);
  if (kind == InnerKind::network) networks(prefix.address.family).emplace(prefix, slot);
  claim(question, slot);
  return true;
}

void InnerRoutes::claim(Question& question, Slot slot) {
  set_session(slot, question.session, {});
  question.claimed.push_back(slot);
}

void InnerRoutes::set_session(Slot slot, std::optional<SessionHandle> session, TimePoint left) {
  Lease& lease = leases_[slot];
  if (lease.session == session) return;
  if (lease.session) {
    const auto former = by_session_.find(*lease.session);
    std::erase(former->second, slot);
    if (former->second.empty()) by_session_.erase(former);
  } else {
    idle_[lease.pool].erase({lease.left, slot});
  }
  lease.session = session;
  lease.left = left;
  if (session) {
    by_session_[*session].push_back(slot);
  } else {
    idle_[lease.pool].emplace(left, slot);
  }
}

void InnerRoutes::remove(Slot slot) {
  set_session(slot, std::nullopt, {});
  const Lease& lease = leases_[slot];
  idle_[lease.pool].erase({lease.left, slot});
  table_.erase(lease.prefix);
  if (lease.kind == InnerKind::network) networks(lease.prefix.address.family).erase(lease.prefix);
  const auto owner = by_owner_.find(lease.owner);
  owner->second.erase(slot);
  if (owner->second.empty()) by_owner_.erase(owner);
  free_.push_back(slot);
}

void InnerRoutes::leave(SessionHandle session, TimePoint heard) {
  const auto found = by_session_.find(session);
  if (found == by_session_.end()) return;
  for (const Slot slot : std::vector<Slot>(found->second)) set_session(slot, std::nullopt, heard);
}

void InnerRoutes::hand_over(SessionHandle from, SessionHandle to) {
  const auto found = by_session_.find(from);
  if (found == by_session_.end()) return;
  for (const Slot slot : std::vector<Slot>(found->second)) set_session(slot, to, {});
}

InnerRoutes::Destination InnerRoutes::find(const IpAddress& address) const {
  const auto match = table_.lookup(address);
  if (!match || match->value == kDevice) return {Place::device, {}};
  if (match->value == kNobody || !leases_[match->value].session) return {Place::nobody, {}};
  return {Place::client, *leases_[match->value].session};
}

bool InnerRoutes::has(SessionHandle session, const IpAddress& source) const {
  return source.is_host() && find(source) == Destination{Place::client, session};
}

bool InnerRoutes::is_for_many(const IpAddress& destination) const {
  if (destination.is_multicast() || destination.is_broadcast()) return true;
  return std::any_of(settings_.device.begin(), settings_.device.end(),
                     [&](const AddressPrefix& own) { return own.is_broadcast(destination); });
}

std::vector<InnerEntry> InnerRoutes::entries_of(SessionHandle session) const {
  std::vector<InnerEntry> entries;
  const auto found = by_session_.find(session);
  if (found == by_session_.end()) return entries;
  for (const Slot slot : found->second) {
    const Lease& lease = leases_[slot];
    const bool is_network = lease.kind == InnerKind::network;
    const std::uint8_t length = is_network ? lease.prefix.length : settings_.device[lease.pool].length;
    entries.push_back({lease.kind, inner_prefix(lease.prefix.address, length), InnerVerdict::given});
  }
  return entries;
}

bool InnerRoutes::has_family(Family family) const {
  return std::any_of(settings_.device.begin(), settings_.device.end(),
                     [family](const AddressPrefix& own) { return own.address.family == family; });
}

std::optional<std::size_t> InnerRoutes::pool_of(const IpAddress& address) const {
  for (std::size_t pool = 0; pool < settings_.device.size(); ++pool) {
    if (settings_.device[pool].network().contains(address))
      return is_for_clients(pool, address) ? std::optional(pool) : std::nullopt;
  }
  return std::nullopt;
}

bool InnerRoutes::is_for_clients(std::size_t pool, const IpAddress& address) const {
  const AddressPrefix& own = settings_.device[pool];
  // With one bit for hosts, or none, no address means the network (RFC 3021, RFC 6164).
  const unsigned host_bits = address.bits() - own.length;
  const bool has_network = host_bits >= 2;
  return address != own.address && address.is_host() && !own.is_broadcast(address) &&
         !(has_network && address == own.network().address) && !is_for_many(address) &&
         find(address).place != Place::device;
}

std::optional<InnerRoutes::Slot> InnerRoutes::lease_of(const Prefix& prefix) const {
  const auto value = table_.find(prefix);
  return value && *value < kLeastMark ? value : std::nullopt;
}

std::optional<IpAddress> InnerRoutes::free_address(std::size_t pool, const InnerOwner& owner) const {
  const Prefix network = settings_.device[pool].network();
  const std::vector<Prefix> kept = reservations_.of_device(owner.key);
  for (const Prefix& part : kept) {
    if (!network.contains(part)) continue;
    if (const auto address = free_address(pool, part, owner)) return address;
  }
  return kept.empty() ? free_address(pool, network, owner) : std::nullopt;
}

std::optional<IpAddress> InnerRoutes::free_address(std::size_t pool, const Prefix& part,
                                                   const InnerOwner& owner) const {
  const std::uint64_t all = addresses_in(part);
  std::array<std::uint8_t, sizeof owner.key + sizeof owner.identity> bytes{};
  ByteWriter writer(bytes);
  writer.bytes(owner.key);
  writer.bytes(owner.identity);
  const std::uint64_t first = siphash(kChoiceKey, bytes) % all;
  const auto is_free = [&](const IpAddress& address) {
    return is_for_clients(pool, address) && !lease_of(alone(address)) &&
           reservations_.allow(owner.key, alone(address));
  };
  const std::uint64_t most = std::min<std::uint64_t>(all, kMostAddressesTried);
  for (std::uint64_t i = 0; i < most; ++i) {
    // In a large network not those in a row: others may have taken these to have us search.
    const std::uint64_t number =
        all <= kMostAddressesTried ? (first + i) % all : (first + i * kAddressStep) % all;
    const IpAddress address = nth_address(part, number);
    if (is_free(address)) return address;
  }
  return std::nullopt;
}

std::optional<InnerRoutes::Slot> InnerRoutes::idle_lease(std::size_t pool, const InnerOwner& owner) const {
  std::size_t tried = 0;
  for (const auto& [left, slot] : idle_[pool]) {
    if (reservations_.allow(owner.key, leases_[slot].prefix)) return slot;
    if (++tried == kMostAddressesTried) break;
  }
  return std::nullopt;
}

bool InnerRoutes::is_allowed(const Prefix& network) const {
  return std::any_of(settings_.allowed.begin(), settings_.allowed.end(),
                     [&](const Prefix& allowed) { return allowed.contains(network); });
}

std::optional<Prefix> InnerRoutes::allowed_around(const Prefix& network) const {
  std::optional<Prefix> found = reservations_.around(network);
  for (const Prefix& allowed : settings_.allowed) {
    if (allowed.contains(network) && (!found || allowed.length > found->length)) found = allowed;
  }
  return found;
}

std::optional<std::vector<InnerRoutes::Slot>> InnerRoutes::in_the_way_of(const Question& question,
                                                                         const Prefix& network) const {
  std::vector<Slot> found;
  const auto& all = networks(network.address.family);
  const auto allowed = allowed_around(network);
  /// False if it is there to stay.
  const auto note = [&](const Prefix& other, Slot slot) {
    if (is_own(question, leases_[slot])) return true;
    const bool is_apart = other != network && allowed_around(other) != allowed;
    if (!is_apart) found.push_back(slot);
    return is_apart || !leases_[slot].session;
  };
  // Around it: one of each length at most. Within it: those that follow in order.
  for (unsigned length = 0; length < network.length; ++length) {
    const auto around = all.find(prefix_of(network.address, length));
    if (around != all.end() && !note(around->first, around->second)) return std::nullopt;
  }
  std::size_t tried = 0;
  for (auto within = all.lower_bound(network); within != all.end() && network.contains(within->first.address);
       ++within) {
    if (++tried > kMostNetworksTried || !note(within->first, within->second)) return std::nullopt;
  }
  return found;
}

}  // namespace mptunnel
