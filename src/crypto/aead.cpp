#include "mptunnel/crypto/aead.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>

#include "ipsec_mb_aead.h"
#include "openssl.h"

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace mptunnel {
namespace {

/// How much of head and body is put together before it is encrypted. A head of 2 bytes as an update of its
/// own shifts every later block of the cipher: with 1400 bytes behind it that cost ChaCha20-Poly1305 160 to
/// 240 ns more than the copy, and made no difference beyond noise to AES-256-GCM (OpenSSL 3.0, x86-64,
/// 2026-11). From some kilobytes on, the copy is the dearer. A multiple of ChaCha20's block of 64 bytes, so
/// that the rest starts with one.
constexpr std::size_t kAssembledBytes = 2048;

/// Fetched once: a fetch costs more than sealing a packet (crypto(7), "Performance").
const EVP_CIPHER* fetch(Cipher cipher) {
  static EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static EVP_CIPHER* const chacha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  MPT_ASSERT(cipher == Cipher::aes_256_gcm || cipher == Cipher::chacha20_poly1305);
  const EVP_CIPHER* found = cipher == Cipher::aes_256_gcm ? aes : chacha;
  MPT_ASSERT(found != nullptr);
  return found;
}

/// Encrypts or decrypts `in` to `out`, which may be the same. No output pointer: associated data.
void update(EVP_CIPHER_CTX* cipher, std::uint8_t* out, ConstBytes in) {
  if (in.empty()) return;
  int written = 0;
  openssl::require(EVP_CipherUpdate(cipher, out, &written, in.data(), static_cast<int>(in.size())));
}

/// The tag as a parameter list: to be given to a context, or to be filled by it.
std::array<OSSL_PARAM, 2> tag_parameter(Bytes tag) {
  return {OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tag.size()),
          OSSL_PARAM_construct_end()};
}

}  // namespace

void SecretKey::wipe() {
  OPENSSL_cleanse(bytes.data(), bytes.size());
}

Nonce packet_nonce(PacketNumber number) {
  Nonce nonce{};
  for (std::size_t i = 0; i < 4; ++i) nonce[8 + i] = static_cast<std::uint8_t>(number.value >> (24 - 8 * i));
  return nonce;
}

struct Aead::Context {
  Use use = Use::seal;
  std::unique_ptr<IpsecMbAead> ipsec_mb;  // set: it does the work
  openssl::CipherContext cipher;          // else this does
};

Aead::Aead(Cipher cipher, const SecretKey& key, Use use, Library library)
    : context_(std::make_unique<Context>()) {
  MPT_ASSERT(cipher != Cipher::none);
  context_->use = use;
  if (library == Library::fastest) context_->ipsec_mb = IpsecMbAead::make(cipher, key);
  if (context_->ipsec_mb) return;
  context_->cipher.reset(EVP_CIPHER_CTX_new());
  MPT_ASSERT(context_->cipher != nullptr);
  openssl::require(EVP_CipherInit_ex2(context_->cipher.get(), fetch(cipher), key.bytes.data(), nullptr,
                                      use == Use::seal ? 1 : 0, nullptr));
}

Aead::Aead(Aead&&) noexcept = default;
Aead& Aead::operator=(Aead&&) noexcept = default;
Aead::~Aead() = default;

void Aead::seal(const Nonce& nonce, ConstBytes associated, ConstBytes head, ConstBytes body, Bytes out) {
  MPT_ASSERT(context_->use == Use::seal && out.size() == head.size() + body.size() + kTagBytes);
  if (context_->ipsec_mb) {
    const Bytes text = out.first(head.size() + body.size());
    if (!body.empty() && body.data() != text.data() + head.size())
      std::memcpy(text.data() + head.size(), body.data(), body.size());
    if (!head.empty()) std::memcpy(text.data(), head.data(), head.size());
    context_->ipsec_mb->seal(nonce, associated, out);
    return;
  }
  EVP_CIPHER_CTX* cipher = context_->cipher.get();
  openssl::require(EVP_EncryptInit_ex2(cipher, nullptr, nullptr, nonce.data(), nullptr));
  update(cipher, nullptr, associated);

  if (!head.empty()) std::memcpy(out.data(), head.data(), head.size());
  const Bytes text = out.first(head.size() + body.size());
  const bool is_in_place = body.data() == text.data() + head.size();
  const std::size_t room = kAssembledBytes - std::min(head.size(), kAssembledBytes);
  const std::size_t taken = is_in_place ? body.size() : std::min(body.size(), room);
  if (!is_in_place && taken > 0) std::memcpy(text.data() + head.size(), body.data(), taken);
  const Bytes assembled = text.first(head.size() + taken);
  update(cipher, assembled.data(), assembled);
  update(cipher, assembled.data() + assembled.size(), body.subspan(taken));

  int written = 0;
  openssl::require(EVP_EncryptFinal_ex(cipher, out.last(kTagBytes).data(), &written));
  auto tag = tag_parameter(out.last(kTagBytes));
  openssl::require(EVP_CIPHER_CTX_get_params(cipher, tag.data()));
}

bool Aead::open(const Nonce& nonce, ConstBytes associated, Bytes sealed) {
  MPT_ASSERT(context_->use == Use::open);
  if (sealed.size() < kTagBytes) return false;
  if (context_->ipsec_mb) return context_->ipsec_mb->open(nonce, associated, sealed);
  EVP_CIPHER_CTX* cipher = context_->cipher.get();
  const auto tag = tag_parameter(sealed.last(kTagBytes));
  openssl::require(EVP_DecryptInit_ex2(cipher, nullptr, nullptr, nonce.data(), tag.data()));
  update(cipher, nullptr, associated);
  const Bytes text = sealed.first(sealed.size() - kTagBytes);
  update(cipher, text.data(), text);
  std::uint8_t end = 0;
  int written = 0;
  return EVP_DecryptFinal_ex(cipher, &end, &written) == 1;
}

bool has_ipsec_mb(Cipher cipher) {
  return IpsecMbAead::serves(cipher);
}

bool has_fast_aes() {
#if defined(__x86_64__) || defined(__i386__)
  return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
  constexpr unsigned long kWanted = HWCAP_AES | HWCAP_PMULL;
  return (getauxval(AT_HWCAP) & kWanted) == kWanted;
#else
  return false;
#endif
}

}  // namespace mptunnel
