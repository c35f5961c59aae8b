#include "mptunnel/session/handshake.h"

#include <algorithm>
#include <cstring>

#include "mptunnel/crypto/kdf.h"
#include "mptunnel/crypto/noise.h"

namespace mptunnel {
namespace {

/// Best first. Neither end takes any other.
std::vector<Cipher> allowed_ciphers(const HandshakeSettings& settings) {
  if (!settings.encrypt) return {Cipher::none};
  if (!settings.fast_aes) return {Cipher::chacha20_poly1305};
  return {Cipher::aes_256_gcm, Cipher::chacha20_poly1305};
}

tl::unexpected<HandshakeFailure> failure(Drop drop, Refusal refusal = Refusal::none) {
  return tl::unexpected(HandshakeFailure{drop, refusal});
}

template <typename T>
bool contains(const std::vector<T>& all, T wanted) {
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

}  // namespace

ClientHandshake::ClientHandshake(const HandshakeSettings& settings, RandomSource& random)
    : settings_(settings),
      key_(derive_handshake_key(settings.key ? &*settings.key : nullptr)),
      random_(random) {}

void ClientHandshake::begin(SessionIndex local, TimePoint now) {
  HandshakePrefix prefix;
  prefix.type = PacketType::handshake1;
  prefix.index = local;
  random_.fill(prefix.salt);
  prefix.key_name = key_.name;
  const SecretKey* key = settings_.key ? &*settings_.key : nullptr;

  HandshakePayload payload;
  payload.versions = {kProtocolVersion};
  payload.ciphers = allowed_ciphers(settings_);
  payload.frames = kKnownFrames;
  const std::size_t room = kHandshake1Bytes - kHandshakeAroundBytes - noise_message1_overhead(key != nullptr);

  NoiseHandshake noise(NoiseHandshake::Role::initiator, handshake_prologue(prefix), key, random_);
  const auto noise_message = noise.write_message(encode_handshake_payload(payload, room));
  MPT_ASSERT(noise_message.has_value());
  auto message = handshake_packet(key_.mac, prefix, *noise_message);

  attempts_[1] = std::move(attempts_[0]);
  attempts_[0].emplace(Attempt{prefix, std::move(noise), std::move(message), now});
}

tl::expected<std::unique_ptr<KeyEpoch>, HandshakeFailure> ClientHandshake::read(ConstBytes packet,
                                                                                TimePoint now) {
  if (packet.size() > kMaxHandshakeBytes) return failure(Drop::handshake_size);
  const auto prefix = decode_handshake_prefix(packet);
  if (!prefix || prefix->type != PacketType::handshake2) return failure(Drop::handshake_invalid);
  std::optional<Attempt>* attempt = find(*prefix);
  if (attempt == nullptr) return failure(Drop::handshake_stale);
  if (!verifies_handshake_mac(key_.mac, packet)) return failure(Drop::handshake_mac);
  if (!answers_.take(now)) return failure(Drop::handshake_rate);
  const auto bytes = (*attempt)->noise.read_message(noise_message_in(packet));
  if (!bytes) return failure(Drop::handshake_invalid);
  const auto payload = decode_handshake_payload(*bytes);
  if (!payload) {
    attempt->reset();
    return failure(Drop::handshake_invalid);
  }
  return accept(**attempt, *payload, now);
}

std::optional<ClientHandshake::Attempt>* ClientHandshake::find(const HandshakePrefix& answer) {
  for (std::optional<Attempt>& attempt : attempts_) {
    if (!attempt) continue;
    const HandshakePrefix& asked = attempt->prefix;
    if (asked.index == answer.index && asked.salt == answer.salt && asked.key_name == answer.key_name)
      return &attempt;
  }
  return nullptr;
}

tl::expected<void, Drop> ClientHandshake::read_cookie(ConstBytes packet, PathId path, TimePoint now) {
  if (packet.size() != kHandshakeAroundBytes) return tl::unexpected(Drop::handshake_size);
  const auto prefix = decode_handshake_prefix(packet);
  if (!prefix || prefix->type != PacketType::cookie) return tl::unexpected(Drop::handshake_invalid);
  if (find(*prefix) == nullptr) return tl::unexpected(Drop::handshake_stale);
  if (!verifies_handshake_mac(key_.mac, packet)) return tl::unexpected(Drop::handshake_mac);
  std::optional<Shown>& cookie = cookies_.at(path.value);
  if (cookie && now - cookie->since < kCookieShownEach) return tl::unexpected(Drop::handshake_rate);
  cookie = {prefix->cookie, now};
  return {};
}

std::vector<std::uint8_t> ClientHandshake::message_for(PathId path) const {
  const Attempt& attempt = *attempts_.front();
  const std::optional<Shown>& cookie = cookies_.at(path.value);
  if (!cookie) return attempt.message;
  HandshakePrefix prefix = attempt.prefix;
  prefix.cookie = cookie->cookie;
  return handshake_packet(key_.mac, prefix, noise_message_in(attempt.message));
}

PathSet ClientHandshake::paths_with_cookies(TimePoint now) {
  PathSet paths;
  for (std::size_t i = 0; i < cookies_.size(); ++i) {
    if (cookies_[i] && now - cookies_[i]->since >= kCookieLife) cookies_[i].reset();
    if (cookies_[i]) paths.insert(PathId{static_cast<std::uint8_t>(i)});
  }
  return paths;
}

tl::expected<std::unique_ptr<KeyEpoch>, HandshakeFailure> ClientHandshake::accept(
    Attempt& attempt, const HandshakePayload& payload, TimePoint now) {
  const SessionIndex local = attempt.prefix.index;
  const NoiseSplit split = attempt.noise.split();
  abandon();
  if (payload.refusal != Refusal::none) return failure(Drop::handshake_invalid, payload.refusal);
  const bool is_ours = payload.versions == std::vector{kProtocolVersion} && payload.ciphers.size() == 1 &&
                       contains(allowed_ciphers(settings_), payload.ciphers.front());
  if (!is_ours || !payload.server_index) return failure(Drop::handshake_invalid);
  return std::make_unique<KeyEpoch>(
      local, *payload.server_index,
      derive_traffic_keys(split, kProtocolVersion, payload.ciphers.front(), Role::client), payload.frames,
      now);
}

void ClientHandshake::abandon() {
  for (auto& attempt : attempts_) attempt.reset();
}

bool PendingHandshakes::IsLess::operator()(const Message& a, const Message& b) const {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::memcmp(a.data(), b.data(), a.size()) < 0;
}

PendingHandshakes::PendingHandshakes(const HandshakeSettings& settings, RandomSource& random)
    : settings_(settings),
      key_(derive_handshake_key(settings.key ? &*settings.key : nullptr)),
      random_(random),
      proof_(random),
      proved_({kHandshakesPerSecond, kHandshakeBurst},
              {kHandshakesPerSecondOfNetwork, kHandshakeBurstOfNetwork}, random.u64()),
      cookies_({kCookiesPerSecond, kCookieBurst}, {kCookiesPerSecondOfNetwork, kCookieBurstOfNetwork},
               random.u64()),
      seen_key_(random_siphash_key(random)) {}

tl::expected<PendingHandshakes::Request, Drop> PendingHandshakes::read(ConstBytes packet) const {
  if (packet.size() < kHandshake1Bytes || packet.size() > kMaxHandshakeBytes)
    return tl::unexpected(Drop::handshake_size);
  const auto prefix = decode_handshake_prefix(packet);
  if (!prefix || prefix->type != PacketType::handshake1) return tl::unexpected(Drop::handshake_invalid);
  if (prefix->key_name != key_.name) return tl::unexpected(Drop::handshake_key);
  if (!verifies_handshake_mac(key_.mac, packet)) return tl::unexpected(Drop::handshake_mac);
  Message message(packet.begin(), packet.end() - kHandshakeMacBytes);
  const HandshakePrefixBytes prologue = handshake_prologue(*prefix);
  std::copy(prologue.begin(), prologue.end(), message.begin());
  return Request{*prefix, std::move(message), noise_message_in(packet)};
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
  if (proof_.holds(request->prefix.cookie, from, now)) {
    if (!proved_.take(from, now)) return tl::unexpected(Drop::handshake_rate);
  } else if (!unproved_.take(now)) {
    return ask_for_proof(request->prefix, from, now);
  }
  const auto made = make(std::move(*request), is_free, now);
  if (!made) return tl::unexpected(made.error());
  if (order_.size() >= kMaxPendingHandshakes) erase(order_[random_.below(order_.size())]);
  Entry& entry = (*made)->second;
  entry.place = order_.size();
  order_.push_back(*made);
  return Answer{entry.response, entry.refusal, true, false};
}

tl::expected<PendingHandshakes::Answer, Drop> PendingHandshakes::renew(ConstBytes packet, TokenBucket& budget,
                                                                       const IsIndexFree& is_free,
                                                                       TimePoint now) {
  auto request = read(packet);
  if (!request) return tl::unexpected(request.error());
  if (const auto known = entries_.find(request->message); known != entries_.end())
    return repeat(known->second, now);
  if (!budget.take(now)) return tl::unexpected(Drop::handshake_rate);
  const auto made = make(std::move(*request), is_free, now);
  if (!made) return tl::unexpected(made.error());
  return Answer{(*made)->second.response, (*made)->second.refusal, true, false};
}

bool PendingHandshakes::was_seen(const Request& request) const {
  // Without a key anybody can make messages that were never seen.
  return settings_.key && seen_.contains(siphash(seen_key_, request.message));
}

tl::expected<PendingHandshakes::Entries::iterator, Drop> PendingHandshakes::make(Request request,
                                                                                 const IsIndexFree& is_free,
                                                                                 TimePoint now) {
  auto entry = respond(request.prefix, request.noise_message, is_free, now);
  if (!entry) return tl::unexpected(entry.error());
  if (settings_.key) seen_.insert(siphash(seen_key_, request.message));
  const auto added = entries_.emplace(std::move(request.message), std::move(*entry)).first;
  by_index_.emplace(added->second.index, added);
  return added;
}

tl::expected<PendingHandshakes::Answer, Drop> PendingHandshakes::repeat(Entry& entry, TimePoint now) {
  if (!entry.repeats.take(now)) return tl::unexpected(Drop::handshake_rate);
  return Answer{entry.response, entry.refusal, false, false};
}

tl::expected<PendingHandshakes::Answer, Drop> PendingHandshakes::ask_for_proof(HandshakePrefix prefix,
                                                                               const Endpoint& from,
                                                                               TimePoint now) {
  if (!cookies_.take(from, now)) return tl::unexpected(Drop::handshake_rate);
  prefix.type = PacketType::cookie;
  prefix.cookie = proof_.make(from, now);
  cookie_packet_ = handshake_packet(key_.mac, prefix, {});
  return Answer{cookie_packet_, Refusal::none, false, true};
}

tl::expected<PendingHandshakes::Entry, Drop> PendingHandshakes::respond(const HandshakePrefix& prefix,
                                                                        ConstBytes noise_message,
                                                                        const IsIndexFree& is_free,
                                                                        TimePoint now) {
  const SecretKey* key = settings_.key ? &*settings_.key : nullptr;
  NoiseHandshake noise(NoiseHandshake::Role::responder, handshake_prologue(prefix), key, random_);
  const auto offer_bytes = noise.read_message(noise_message);
  if (!offer_bytes) return tl::unexpected(Drop::handshake_invalid);
  const auto offer = decode_handshake_payload(*offer_bytes);
  if (!offer) return tl::unexpected(Drop::handshake_invalid);

  Entry entry;
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

  HandshakePrefix reply_prefix = prefix;
  reply_prefix.type = PacketType::handshake2;
  reply_prefix.cookie = {};
  entry.response = handshake_packet(key_.mac, reply_prefix, *reply_message);
  MPT_ASSERT(entry.response.size() <= kHandshake1Bytes);
  if (entry.refusal == Refusal::none) {
    entry.epoch = std::make_unique<KeyEpoch>(
        entry.index, prefix.index, derive_traffic_keys(noise.split(), kProtocolVersion, cipher, Role::server),
        offer->frames, now);
  }
  return entry;
}

Refusal PendingHandshakes::choose(const HandshakePayload& offer, Cipher& cipher) const {
  if (!contains(offer.versions, kProtocolVersion)) return Refusal::version;
  for (const Cipher allowed : allowed_ciphers(settings_)) {
    cipher = allowed;
    if (contains(offer.ciphers, cipher)) return Refusal::none;
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

KeyEpoch* PendingHandshakes::find(SessionIndex local) {
  const auto found = by_index_.find(local);
  return found == by_index_.end() ? nullptr : found->second->second.epoch.get();
}

std::unique_ptr<KeyEpoch> PendingHandshakes::adopt(SessionIndex local) {
  const auto found = by_index_.find(local);
  MPT_ASSERT(found != by_index_.end());
  return std::move(found->second->second.epoch);
}

void PendingHandshakes::expire(TimePoint now) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (now - entry->second.created >= kPendingHandshakeLife) erase(entry);
    entry = next;
  }
}

}  // namespace mptunnel
