#include <algorithm>
#include <cstring>

#include "mptunnel/crypto/kdf.h"
#include "mptunnel/session/handshake.h"

namespace mptunnel {
namespace {

bool contains(const std::vector<Cipher>& ciphers, Cipher wanted) {
  return std::find(ciphers.begin(), ciphers.end(), wanted) != ciphers.end();
}

}  // namespace

std::size_t PendingHandshakes::HashOfHash::operator()(const MessageHash& hash) const {
  std::size_t value = 0;
  std::memcpy(&value, hash.data(), sizeof value);
  return value;
}

PendingHandshakes::PendingHandshakes(const HandshakeSettings& settings, RandomSource& random)
    : settings_(settings),
      random_(random),
      budget_(kHandshakesPerSecond, kHandshakeBurst),
      networks_(kHandshakeNetworkBuckets,
                TokenBucket(kHandshakesPerSecondOfNetwork, kHandshakeBurstOfNetwork)),
      network_salt_(random.u64()) {}

tl::expected<PendingHandshakes::Answer, Drop> PendingHandshakes::answer(ConstBytes packet,
                                                                        const Endpoint& from,
                                                                        const IsIndexFree& is_free,
                                                                        TimePoint now) {
  if (packet.size() < kHandshake1Bytes || packet.size() > kMaxHandshakeBytes) {
    return tl::unexpected(Drop::handshake_size);
  }
  const auto prefix = decode_handshake_prefix(packet);
  if (!prefix || prefix->type != PacketType::handshake1) return tl::unexpected(Drop::handshake_invalid);
  const KeyId expected = settings_.key ? derive_key_id(*settings_.key, prefix->salt) : KeyId{};
  if (prefix->key_id != expected) return tl::unexpected(Drop::handshake_key);

  std::vector<std::uint8_t> message(packet.begin(), packet.end());
  const HandshakePrefixBytes prologue = handshake_prologue(*prefix);
  std::copy(prologue.begin(), prologue.end(), message.begin());
  const MessageHash hash = blake2s(message);
  const auto known = entries_.find(hash);
  if (known != entries_.end()) return Answer{known->second.response, known->second.refusal, false};

  if (!is_allowed(from, now)) return tl::unexpected(Drop::handshake_rate);
  auto entry = respond(*prefix, packet.subspan(kHandshakePrefixBytes), is_free, now);
  if (!entry) return tl::unexpected(entry.error());
  insert(hash, std::move(*entry));
  const Entry& stored = entries_.at(hash);
  return Answer{stored.response, stored.refusal, true};
}

bool PendingHandshakes::is_allowed(const Endpoint& from, TimePoint now) {
  const std::uint64_t mixed = (source_network(from) ^ network_salt_) * 0x9e3779b97f4a7c15U;
  return networks_[(mixed >> 32U) % networks_.size()].take(now) && budget_.take(now);
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
  if (std::find(offer.versions.begin(), offer.versions.end(), kProtocolVersion) == offer.versions.end()) {
    return Refusal::version;
  }
  if (!settings_.encrypt) {
    cipher = Cipher::none;
  } else if (settings_.fast_aes && contains(offer.ciphers, Cipher::aes_256_gcm)) {
    cipher = Cipher::aes_256_gcm;
  } else {
    cipher = Cipher::chacha20_poly1305;
  }
  return contains(offer.ciphers, cipher) ? Refusal::none : Refusal::cipher;
}

void PendingHandshakes::insert(const MessageHash& hash, Entry entry) {
  if (entries_.size() >= kMaxPendingHandshakes) erase(entries_.find(order_[random_.below(order_.size())]));
  entry.place = order_.size();
  order_.push_back(hash);
  by_index_.emplace(entry.index, hash);
  entries_.emplace(hash, std::move(entry));
}

void PendingHandshakes::erase(Entries::iterator entry) {
  const std::size_t place = entry->second.place;
  order_[place] = order_.back();
  entries_.at(order_[place]).place = place;
  order_.pop_back();
  by_index_.erase(entry->second.index);
  entries_.erase(entry);
}

KeyEpoch* PendingHandshakes::find(SessionIndex local) {
  const auto found = by_index_.find(local);
  return found == by_index_.end() ? nullptr : entries_.at(found->second).epoch.get();
}

std::unique_ptr<KeyEpoch> PendingHandshakes::adopt(SessionIndex local) {
  const auto found = by_index_.find(local);
  MPT_ASSERT(found != by_index_.end());
  return std::move(entries_.at(found->second).epoch);
}

void PendingHandshakes::expire(TimePoint now) {
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto next = std::next(entry);
    if (now - entry->second.created >= kPendingHandshakeLife) erase(entry);
    entry = next;
  }
}

}  // namespace mptunnel
