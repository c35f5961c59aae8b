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
    : settings_(settings), random_(random) {}

void ClientHandshake::begin(SessionIndex local, TimePoint now) {
  HandshakePrefix prefix;
  prefix.type = PacketType::handshake1;
  prefix.index = local;
  random_.fill(prefix.salt);
  const SecretKey* key = settings_.key ? &*settings_.key : nullptr;
  if (key != nullptr) prefix.key_id = derive_key_id(*key, prefix.salt);

  HandshakePayload payload;
  payload.versions = {kProtocolVersion};
  payload.ciphers = allowed_ciphers(settings_);
  payload.frames = kKnownFrames;
  const std::size_t room = kHandshake1Bytes - kHandshakePrefixBytes - noise_message1_overhead(key != nullptr);

  NoiseHandshake noise(NoiseHandshake::Role::initiator, handshake_prologue(prefix), key, random_);
  const auto noise_message = noise.write_message(encode_handshake_payload(payload, room));
  MPT_ASSERT(noise_message.has_value());
  const HandshakePrefixBytes head = encode_handshake_prefix(prefix);
  std::vector<std::uint8_t> message(head.begin(), head.end());
  message.insert(message.end(), noise_message->begin(), noise_message->end());

  attempts_[1] = std::move(attempts_[0]);
  attempts_[0].emplace(Attempt{prefix, std::move(noise), std::move(message), now});
}

tl::expected<std::unique_ptr<KeyEpoch>, HandshakeFailure> ClientHandshake::read(ConstBytes packet,
                                                                                TimePoint now) {
  if (packet.size() > kMaxHandshakeBytes) return failure(Drop::handshake_size);
  const auto prefix = decode_handshake_prefix(packet);
  if (!prefix || prefix->type != PacketType::handshake2) return failure(Drop::handshake_invalid);
  const auto attempt =
      std::find_if(attempts_.begin(), attempts_.end(), [&](const std::optional<Attempt>& candidate) {
        return candidate && candidate->prefix.index == prefix->index &&
               candidate->prefix.salt == prefix->salt && candidate->prefix.key_id == prefix->key_id;
      });
  if (attempt == attempts_.end()) return failure(Drop::handshake_stale);
  if (!answers_.take(now)) return failure(Drop::handshake_rate);
  const auto bytes = (*attempt)->noise.read_message(packet.subspan(kHandshakePrefixBytes));
  if (!bytes) return failure(Drop::handshake_invalid);
  const auto payload = decode_handshake_payload(*bytes);
  if (!payload) {
    attempt->reset();
    return failure(Drop::handshake_invalid);
  }
  return accept(**attempt, *payload, now);
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
    : PendingHandshakes(settings, random, random.u64()) {}

PendingHandshakes::PendingHandshakes(const HandshakeSettings& settings, RandomSource& random,
                                     std::uint64_t salt)
    : settings_(settings),
      random_(random),
      handshakes_({kHandshakesPerSecond, kHandshakeBurst},
                  {kHandshakesPerSecondOfNetwork, kHandshakeBurstOfNetwork}, salt),
      key_checks_({kKeyChecksPerSecond, kKeyCheckBurst},
                  {kKeyChecksPerSecondOfNetwork, kKeyCheckBurstOfNetwork}, salt) {}

tl::expected<PendingHandshakes::Answer, Drop> PendingHandshakes::answer(ConstBytes packet,
                                                                        const Endpoint& from,
                                                                        const IsIndexFree& is_free,
                                                                        TimePoint now) {
  if (packet.size() < kHandshake1Bytes || packet.size() > kMaxHandshakeBytes) {
    return tl::unexpected(Drop::handshake_size);
  }
  const auto prefix = decode_handshake_prefix(packet);
  if (!prefix || prefix->type != PacketType::handshake1) return tl::unexpected(Drop::handshake_invalid);
  Message message(packet.begin(), packet.end());
  const HandshakePrefixBytes prologue = handshake_prologue(*prefix);
  std::copy(prologue.begin(), prologue.end(), message.begin());
  if (const auto known = entries_.find(message); known != entries_.end()) {
    return Answer{known->second.response, known->second.refusal, false};
  }

  if (const auto ours = check_key(*prefix, from, now); !ours) return tl::unexpected(ours.error());
  if (!handshakes_.take(from, now)) return tl::unexpected(Drop::handshake_rate);
  auto made = respond(*prefix, packet.subspan(kHandshakePrefixBytes), is_free, now);
  if (!made) return tl::unexpected(made.error());
  const Entry& entry = insert(std::move(message), std::move(*made));
  return Answer{entry.response, entry.refusal, true};
}

tl::expected<void, Drop> PendingHandshakes::check_key(const HandshakePrefix& prefix, const Endpoint& from,
                                                      TimePoint now) {
  const bool has_key = prefix.key_id != KeyId{};
  if (has_key != settings_.key.has_value()) return tl::unexpected(Drop::handshake_key);
  if (!has_key) return {};
  if (!key_checks_.take(from, now)) return tl::unexpected(Drop::handshake_rate);
  if (prefix.key_id != derive_key_id(*settings_.key, prefix.salt)) return tl::unexpected(Drop::handshake_key);
  return {};
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
  const HandshakePrefixBytes head = encode_handshake_prefix(reply_prefix);
  entry.response.assign(head.begin(), head.end());
  entry.response.insert(entry.response.end(), reply_message->begin(), reply_message->end());
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

const PendingHandshakes::Entry& PendingHandshakes::insert(Message message, Entry entry) {
  if (entries_.size() >= kMaxPendingHandshakes) erase(order_[random_.below(order_.size())]);
  entry.place = order_.size();
  const auto added = entries_.emplace(std::move(message), std::move(entry)).first;
  order_.push_back(added);
  by_index_.emplace(added->second.index, added);
  return added->second;
}

void PendingHandshakes::erase(Entries::iterator entry) {
  const std::size_t place = entry->second.place;
  order_[place] = order_.back();
  order_[place]->second.place = place;
  order_.pop_back();
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
