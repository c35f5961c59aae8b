#include "mptunnel/session/client_handshake.h"

#include <algorithm>

#include "mptunnel/crypto/kdf.h"

namespace mptunnel {
namespace {

std::vector<Cipher> offered_ciphers(const HandshakeSettings& settings) {
  if (!settings.encrypt) return {Cipher::none};
  if (!settings.fast_aes) return {Cipher::chacha20_poly1305};
  return {Cipher::aes_256_gcm, Cipher::chacha20_poly1305};
}

tl::unexpected<HandshakeFailure> failure(Drop drop, Refusal refusal = Refusal::none) {
  return tl::unexpected(HandshakeFailure{drop, refusal});
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
  payload.ciphers = offered_ciphers(settings_);
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
  const std::vector<Cipher> offered = offered_ciphers(settings_);
  const bool is_ours = payload.versions == std::vector{kProtocolVersion} && payload.ciphers.size() == 1 &&
                       std::find(offered.begin(), offered.end(), payload.ciphers.front()) != offered.end();
  if (!is_ours || !payload.server_index) return failure(Drop::handshake_invalid);
  return std::make_unique<KeyEpoch>(
      local, *payload.server_index,
      derive_traffic_keys(split, kProtocolVersion, payload.ciphers.front(), Role::client), payload.frames,
      now);
}

void ClientHandshake::abandon() {
  for (auto& attempt : attempts_) attempt.reset();
}

}  // namespace mptunnel
