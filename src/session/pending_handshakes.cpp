#include "mptunnel/session/pending_handshakes.h"

#include <algorithm>
#include <cstring>

#include "mptunnel/crypto/kdf.h"
#include "mptunnel/crypto/noise.h"

namespace mptunnel {

bool PendingHandshakes::IsLess::operator()(const Message& a, const Message& b) const {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::memcmp(a.data(), b.data(), a.size()) < 0;
}

PendingHandshakes::PendingHandshakes(const HandshakeSettings& settings, Keyring& keyring,
                                     RandomSource& random)
    : settings_(settings),
      keyring_(keyring),
      random_(random),
      proof_(random),
      proved_({kHandshakesPerSecond, kHandshakeBurst},
              {kHandshakesPerSecondOfNetwork, kHandshakeBurstOfNetwork}, random.u64()),
      cookies_({kCookiesPerSecond, kCookieBurst}, {kCookiesPerSecondOfNetwork, kCookieBurstOfNetwork},
               random.u64()),
      seen_key_(random_siphash_key(random)) {
  settings_.key.reset();
}

tl::expected<PendingHandshakes::Request, Drop> PendingHandshakes::read(ConstBytes packet) const {
  if (packet.size() < kHandshake1Bytes || packet.size() > kMaxHandshakeBytes)
    return tl::unexpected(Drop::handshake_size);
  const auto prefix = decode_handshake_prefix(packet);
  if (!prefix || prefix->type != PacketType::handshake1) return tl::unexpected(Drop::handshake_invalid);
  KeyAccount* account = keyring_.find(prefix->key_name);
  if (account == nullptr) return tl::unexpected(Drop::handshake_key);
  if (!verifies_handshake_mac(account->handshake_key().mac, packet))
    return tl::unexpected(Drop::handshake_mac);
  if (account->is_disabled()) return tl::unexpected(Drop::handshake_disabled);
  Message message(packet.begin(), packet.end() - kHandshakeMacBytes);
  const HandshakePrefixBytes prologue = handshake_prologue(*prefix);
  std::copy(prologue.begin(), prologue.end(), message.begin());
  return Request{account, *prefix, std::move(message), noise_message_in(packet)};
}

tl::expected<PendingHandshakes::Answer, Drop> PendingHandshakes::answer(ConstBytes packet,
                                                                        const Endpoint& from,
                                                                        const IsIndexFree& is_free,
                                                                        TimePoint now) {
  auto request = read(packet);
  if (!request) return tl::unexpected(request.error());
  if (const auto known = entries_.find(request->message); known != entries_.end())
    return repeat(known->second, now);
  if (was_seen(*request)) return tl::unexpected(Drop::handshake_replay);
  // A key that has used its own budget up costs the others nothing.
  KeyAccount& account = *request->account;
  if (!account.may_handshake(now)) return tl::unexpected(Drop::handshake_rate);
  if (proof_.holds(request->prefix.cookie, from, now)) {
    if (!proved_.take(from, now)) return tl::unexpected(Drop::handshake_rate);
  } else if (!unproved_.take(now)) {
    return ask_for_proof(*request, from, now);
  }
  account.count_handshake(now);
  const auto made = make(std::move(*request), is_free, now);
  if (!made) return tl::unexpected(made.error());
  if (order_.size() >= kMaxPendingHandshakes) erase(order_[random_.below(order_.size())]);
  Entry& entry = (*made)->second;
  entry.about.network = source_network(from);
  entry.place = order_.size();
  order_.push_back(*made);
  return Answer{entry.response, entry.refusal, true, false};
}

tl::expected<PendingHandshakes::Answer, Drop> PendingHandshakes::renew(ConstBytes packet,
                                                                       const Renewal& renewal,
                                                                       const IsIndexFree& is_free,
                                                                       TimePoint now) {
  auto request = read(packet);
  if (!request) return tl::unexpected(request.error());
  if (request->account != &renewal.account) return tl::unexpected(Drop::handshake_key);
  if (const auto known = entries_.find(request->message); known != entries_.end())
    return repeat(known->second, now);
  if (!renewal.budget.take(now)) return tl::unexpected(Drop::handshake_rate);
  const auto made = make(std::move(*request), is_free, now);
  if (!made) return tl::unexpected(made.error());
  Entry& entry = (*made)->second;
  entry.about.renews = renewal.session;
  return Answer{entry.response, entry.refusal, true, false};
}

bool PendingHandshakes::was_seen(const Request& request) const {
  // Without a key anybody can make messages that were never seen.
  return request.account->key() != nullptr && seen_.contains(siphash(seen_key_, request.message));
}

tl::expected<PendingHandshakes::Entries::iterator, Drop> PendingHandshakes::make(Request request,
                                                                                 const IsIndexFree& is_free,
                                                                                 TimePoint now) {
  auto entry = respond(request, is_free, now);
  if (!entry) return tl::unexpected(entry.error());
  if (request.account->key() != nullptr) seen_.insert(siphash(seen_key_, request.message));
  const auto added = entries_.emplace(std::move(request.message), std::move(*entry)).first;
  by_index_.emplace(added->second.index, added);
  return added;
}

tl::expected<PendingHandshakes::Answer, Drop> PendingHandshakes::repeat(Entry& entry, TimePoint now) {
  if (!entry.repeats.take(now)) return tl::unexpected(Drop::handshake_rate);
  return Answer{entry.response, entry.refusal, false, false};
}

tl::expected<PendingHandshakes::Answer, Drop> PendingHandshakes::ask_for_proof(const Request& request,
                                                                               const Endpoint& from,
                                                                               TimePoint now) {
  if (!cookies_.take(from, now)) return tl::unexpected(Drop::handshake_rate);
  HandshakePrefix prefix = request.prefix;
  prefix.type = PacketType::cookie;
  prefix.cookie = proof_.make(from, now);
  cookie_packet_ = handshake_packet(request.account->handshake_key().mac, prefix, {});
  return Answer{cookie_packet_, Refusal::none, false, true};
}

tl::expected<PendingHandshakes::Entry, Drop> PendingHandshakes::respond(const Request& request,
                                                                        const IsIndexFree& is_free,
                                                                        TimePoint now) {
  KeyAccount& account = *request.account;
  NoiseHandshake noise(NoiseHandshake::Role::responder, handshake_prologue(request.prefix), account.key(),
                       random_);
  const auto offer_bytes = noise.read_message(request.noise_message);
  if (!offer_bytes) return tl::unexpected(Drop::handshake_invalid);
  const auto offer = decode_handshake_payload(*offer_bytes);
  if (!offer) return tl::unexpected(Drop::handshake_invalid);

  Entry entry;
  entry.about.account = &account;
  entry.created = now;
  do {
    entry.index = SessionIndex{static_cast<std::uint32_t>(random_.u64() >> (64 - kSessionIndexBits))};
  } while (!is_free(entry.index) || by_index_.contains(entry.index));

  Cipher cipher = Cipher::none;
  HandshakePayload reply;
  reply.refusal = entry.refusal = choose(*offer, cipher);
  reply.versions = {kProtocolVersion};
  reply.ciphers = {cipher};
  reply.frames = kKnownFrames;
  reply.server_index = entry.index;
  const auto reply_message = noise.write_message(encode_handshake_payload(reply));
  if (!reply_message) return tl::unexpected(Drop::handshake_invalid);

  HandshakePrefix reply_prefix = request.prefix;
  reply_prefix.type = PacketType::handshake2;
  reply_prefix.cookie = {};
  entry.response = handshake_packet(account.handshake_key().mac, reply_prefix, *reply_message);
  MPT_ASSERT(entry.response.size() <= kHandshake1Bytes);
  if (entry.refusal == Refusal::none) {
    entry.epoch = std::make_unique<KeyEpoch>(
        entry.index, request.prefix.index,
        derive_traffic_keys(noise.split(), kProtocolVersion, cipher, Role::server), offer->frames, now);
  }
  return entry;
}

Refusal PendingHandshakes::choose(const HandshakePayload& offer, Cipher& cipher) const {
  const auto has = [](const auto& all, auto wanted) {
    return std::find(all.begin(), all.end(), wanted) != all.end();
  };
  if (!has(offer.versions, kProtocolVersion)) return Refusal::version;
  for (const Cipher allowed : allowed_ciphers(settings_)) {
    cipher = allowed;
    if (has(offer.ciphers, cipher)) return Refusal::none;
  }
  return Refusal::cipher;
}

void PendingHandshakes::erase(Entries::iterator entry) {
  if (const auto place = entry->second.place) {
    order_[*place] = order_.back();
    order_[*place]->second.place = place;
    order_.pop_back();
  }
  by_index_.erase(entry->second.index);
  entries_.erase(entry);
}

PendingHandshakes::Unconfirmed PendingHandshakes::find(SessionIndex local) {
  const auto found = by_index_.find(local);
  if (found == by_index_.end()) return {};
  Unconfirmed about = found->second->second.about;
  about.keys = found->second->second.epoch.get();
  return about;
}

std::unique_ptr<KeyEpoch> PendingHandshakes::adopt(SessionIndex local) {
  const auto found = by_index_.find(local);
  MPT_ASSERT(found != by_index_.end());
  return std::move(found->second->second.epoch);
}

template <typename Condition>
void PendingHandshakes::erase_if(Condition is_over) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (is_over(entry->second)) erase(entry);
    entry = next;
  }
}

void PendingHandshakes::withdraw(const KeyAccount& account) {
  erase_if([&](const Entry& entry) { return entry.about.account == &account; });
}

void PendingHandshakes::expire(TimePoint now) {
  erase_if([&](const Entry& entry) { return now - entry.created >= kPendingHandshakeLife; });
}

}  // namespace mptunnel
