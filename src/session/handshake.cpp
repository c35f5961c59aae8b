#include "mptunnel/session/handshake.h"

#include <algorithm>

#include "mptunnel/crypto/kdf.h"
#include "mptunnel/crypto/noise.h"

namespace mptunnel {
namespace {

tl::unexpected<HandshakeFailure> failure(Drop drop, Refusal refusal = Refusal::none) {
  return tl::unexpected(HandshakeFailure{drop, refusal});
}

}  // namespace

std::vector<Cipher> allowed_ciphers(const HandshakeSettings& settings) {
  if (!settings.encrypt) return {Cipher::none};
  if (!settings.fast_aes) return {Cipher::chacha20_poly1305};
  return {Cipher::aes_256_gcm, Cipher::chacha20_poly1305};
}

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
  const std::vector<Cipher> allowed = allowed_ciphers(settings_);
  const bool is_ours = payload.versions == std::vector{kProtocolVersion} && payload.ciphers.size() == 1 &&
                       std::find(allowed.begin(), allowed.end(), payload.ciphers.front()) != allowed.end();
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
