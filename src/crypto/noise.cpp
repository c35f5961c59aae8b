// Names follow the Noise specification, revision 34: ck, h, MixKey, MixHash, MixKeyAndHash, EncryptAndHash,
// Split.

#include "mptunnel/crypto/noise.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "hash.h"

namespace mptunnel {
namespace {

constexpr std::size_t kPublicKeyBytes = 32;
constexpr std::size_t kMaxMessageBytes = 65535;  // section 3
constexpr std::string_view kNameNN = "Noise_NN_25519_ChaChaPoly_BLAKE2s";
constexpr std::string_view kNameNNpsk0 = "Noise_NNpsk0_25519_ChaChaPoly_BLAKE2s";

openssl::PrivateKey load_private_key(const SecretKey& key) {
  openssl::PrivateKey loaded(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, key.bytes.data(), key.bytes.size()));
  MPT_ASSERT(loaded != nullptr);
  return loaded;
}

/// HKDF(ck, input) with 3 outputs, of which some uses need only the first 2 (section 4.3).
struct HkdfOutputs {
  SecretKey first;
  SecretKey second;
  SecretKey third;
};
HkdfOutputs noise_hkdf(const SecretKey& ck, ConstBytes input) {
  constexpr std::array<std::uint8_t, 3> kCounters{1, 2, 3};
  const ConstBytes counters(kCounters);
  const SecretKey temp = hmac(ck.bytes, {input});
  HkdfOutputs out;
  out.first = hmac(temp.bytes, {counters.subspan(0, 1)});
  out.second = hmac(temp.bytes, {out.first.bytes, counters.subspan(1, 1)});
  out.third = hmac(temp.bytes, {out.second.bytes, counters.subspan(2, 1)});
  return out;
}

/// SymmetricState with its CipherState (sections 5.1 and 5.2). A copy is a whole state: what goes wrong on
/// the copy leaves the original as it was.
class SymmetricState {
 public:
  SymmetricState(std::string_view name, ConstBytes prologue) : h_(hash_of(name)), ck_(h_) {
    mix_hash(prologue);
  }

  void mix_hash(ConstBytes data) {
    Hash hash;
    hash.update(h_);
    hash.update(data);
    h_ = hash.finish();
  }
  void mix_key(ConstBytes input) {
    const HkdfOutputs out = noise_hkdf(ck_, input);
    ck_ = out.first;
    set_key(out.second);
  }
  void mix_key_and_hash(ConstBytes input) {
    const HkdfOutputs out = noise_hkdf(ck_, input);
    ck_ = out.first;
    mix_hash(out.second.bytes);
    set_key(out.third);
  }

  /// Appends to `out`.
  void encrypt_and_hash(ConstBytes plaintext, std::vector<std::uint8_t>& out) {
    std::vector<std::uint8_t> text(plaintext.begin(), plaintext.end());
    if (has_key_) {
      text.resize(plaintext.size() + kTagBytes);
      Aead(Cipher::chacha20_poly1305, k_, Aead::Use::seal).seal(first_nonce(), h_, {}, plaintext, text);
    }
    mix_hash(text);
    out.insert(out.end(), text.begin(), text.end());
  }
  std::optional<std::vector<std::uint8_t>> decrypt_and_hash(ConstBytes text) {
    std::vector<std::uint8_t> plaintext(text.begin(), text.end());
    if (has_key_) {
      if (!Aead(Cipher::chacha20_poly1305, k_, Aead::Use::open).open(first_nonce(), h_, plaintext)) {
        return std::nullopt;
      }
      plaintext.resize(text.size() - kTagBytes);
    }
    mix_hash(text);
    return plaintext;
  }

  [[nodiscard]] NoiseSplit split() const {
    const HkdfOutputs out = noise_hkdf(ck_, {});
    return {out.first, out.second, h_};
  }

 private:
  /// h, for a protocol name that is longer than a hash (section 5.2, InitializeSymmetric).
  static HashBytes hash_of(std::string_view name) {
    MPT_ASSERT(name.size() > kHashBytes);
    Hash hash;
    hash.update(bytes_of(name));
    return hash.finish();
  }
  void set_key(const SecretKey& key) {
    k_ = key;
    has_key_ = true;
    is_key_used_ = false;
  }
  /// The nonce of a key's first use, all zero (section 12.3). In these two patterns each key seals one
  /// payload, so the counter of section 5.1 never moves on.
  Nonce first_nonce() {
    MPT_ASSERT(!is_key_used_);
    is_key_used_ = true;
    return {};
  }

  HashBytes h_;
  SecretKey ck_;
  SecretKey k_;
  bool has_key_ = false;
  bool is_key_used_ = false;
};

}  // namespace

std::optional<SecretKey> x25519(const SecretKey& private_key, ConstBytes public_key) {
  MPT_ASSERT(public_key.size() == kPublicKeyBytes);
  const openssl::PrivateKey ours = load_private_key(private_key);
  const openssl::PrivateKey theirs(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, public_key.data(), public_key.size()));
  MPT_ASSERT(theirs != nullptr);
  const openssl::PrivateKeyContext context(EVP_PKEY_CTX_new(ours.get(), nullptr));
  MPT_ASSERT(context != nullptr);
  openssl::require(EVP_PKEY_derive_init(context.get()));
  SecretKey shared;
  std::size_t size = shared.bytes.size();
  if (EVP_PKEY_derive_set_peer(context.get(), theirs.get()) != 1) return std::nullopt;
  if (EVP_PKEY_derive(context.get(), shared.bytes.data(), &size) != 1) return std::nullopt;
  // OpenSSL's own code has refused an all-zero result by now; its code for the hardware of some processors
  // has not.
  const SecretKey zero;
  if (CRYPTO_memcmp(shared.bytes.data(), zero.bytes.data(), zero.bytes.size()) == 0) return std::nullopt;
  return shared;
}

std::array<std::uint8_t, 32> x25519_public(const SecretKey& private_key) {
  const openssl::PrivateKey ours = load_private_key(private_key);
  std::array<std::uint8_t, 32> result{};
  std::size_t size = result.size();
  openssl::require(EVP_PKEY_get_raw_public_key(ours.get(), result.data(), &size));
  return result;
}

struct NoiseHandshake::State {
  Role role;
  std::optional<SecretKey> psk;
  RandomSource& random;
  SymmetricState symmetric;
  SecretKey ephemeral;                                 ///< e, the own private key
  std::array<std::uint8_t, kPublicKeyBytes> theirs{};  ///< re, the peer's public key
  int messages = 0;                                    ///< processed so far

  /// The tokens of one message up to its payload: "psk, e" or "e", then in message 2 "ee". Works on a copy of
  /// the symmetric state, which becomes the state only when the message is good. Nothing: the peer's public
  /// key is a bad point.
  [[nodiscard]] std::optional<SymmetricState> mixed(ConstBytes sender_ephemeral,
                                                    ConstBytes peer_public) const {
    SymmetricState next = symmetric;
    const bool is_first = messages == 0;
    if (is_first && psk) next.mix_key_and_hash(psk->bytes);
    next.mix_hash(sender_ephemeral);
    // Section 9.2: in a handshake with a psk, "e" is mixed into the key as well.
    if (psk) next.mix_key(sender_ephemeral);
    if (is_first) return next;
    const auto shared = x25519(ephemeral, peer_public);
    if (!shared) return std::nullopt;
    next.mix_key(shared->bytes);
    return next;
  }
};

NoiseHandshake::NoiseHandshake(Role role, ConstBytes prologue, const SecretKey* psk, RandomSource& random)
    : state_(new State{role,
                       psk == nullptr ? std::nullopt : std::optional(*psk),
                       random,
                       SymmetricState(psk == nullptr ? kNameNN : kNameNNpsk0, prologue),
                       {},
                       {},
                       0}) {}

NoiseHandshake::NoiseHandshake(NoiseHandshake&&) noexcept = default;
NoiseHandshake& NoiseHandshake::operator=(NoiseHandshake&&) noexcept = default;
NoiseHandshake::~NoiseHandshake() = default;

tl::expected<std::vector<std::uint8_t>, NoiseError> NoiseHandshake::write_message(ConstBytes payload) {
  State& state = *state_;
  MPT_ASSERT(state.messages < 2 && (state.messages == 0) == (state.role == Role::initiator));
  MPT_ASSERT(payload.size() <= kMaxMessageBytes - kPublicKeyBytes - kTagBytes);
  state.random.fill(state.ephemeral.bytes);
  const auto public_key = x25519_public(state.ephemeral);
  auto next = state.mixed(public_key, state.theirs);
  if (!next) return tl::unexpected(NoiseError::bad_point);
  std::vector<std::uint8_t> message(public_key.begin(), public_key.end());
  next->encrypt_and_hash(payload, message);
  state.symmetric = *next;
  ++state.messages;
  return message;
}

tl::expected<std::vector<std::uint8_t>, NoiseError> NoiseHandshake::read_message(ConstBytes message) {
  State& state = *state_;
  const bool is_first = state.messages == 0;
  MPT_ASSERT(state.messages < 2 && is_first == (state.role == Role::responder));
  const std::size_t tag = is_first && !state.psk ? 0 : kTagBytes;
  if (message.size() < kPublicKeyBytes + tag) return tl::unexpected(NoiseError::truncated);
  const ConstBytes public_key = message.first(kPublicKeyBytes);
  auto next = state.mixed(public_key, public_key);
  if (!next) return tl::unexpected(NoiseError::bad_point);
  auto payload = next->decrypt_and_hash(message.subspan(kPublicKeyBytes));
  if (!payload) return tl::unexpected(NoiseError::authentication);
  std::copy(public_key.begin(), public_key.end(), state.theirs.begin());
  state.symmetric = *next;
  ++state.messages;
  return *std::move(payload);
}

NoiseSplit NoiseHandshake::split() const {
  MPT_ASSERT(state_->messages == 2);
  return state_->symmetric.split();
}

}  // namespace mptunnel
