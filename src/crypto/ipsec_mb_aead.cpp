#include "ipsec_mb_aead.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>

#include "mptunnel/base/assert.h"

#if MPTUNNEL_HAS_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

namespace mptunnel {

void IpsecMbAead::seal(const Nonce& nonce, ConstBytes associated, Bytes packet) {
  run(Aead::Use::seal, nonce, associated, packet.first(packet.size() - kTagBytes),
      packet.last(kTagBytes).data());
}

bool IpsecMbAead::open(const Nonce& nonce, ConstBytes associated, Bytes packet) {
  // Never equal to the packet's unless the library has written it.
  std::array<std::uint8_t, kTagBytes> tag{};
  const Bytes wanted = packet.last(kTagBytes);
  std::transform(wanted.begin(), wanted.end(), tag.begin(), [](std::uint8_t byte) { return ~byte; });
  run(Aead::Use::open, nonce, associated, packet.first(packet.size() - kTagBytes), tag.data());
  return CRYPTO_memcmp(tag.data(), wanted.data(), kTagBytes) == 0;
}

#if MPTUNNEL_HAS_IPSEC_MB

namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

/// The library's functions for this processor, and its queue of jobs; nullptr if it can't be used.
Manager make_manager() {
  Manager manager(alloc_mb_mgr(0));
  if (!manager) return nullptr;
  IMB_ARCH arch = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager.get(), &arch);
  const std::uint64_t features = manager->features;
  const bool failed_its_test =
      (features & IMB_FEATURE_SELF_TEST) != 0 && (features & IMB_FEATURE_SELF_TEST_PASS) == 0;
  if (arch == IMB_ARCH_NONE || failed_its_test) return nullptr;
  return manager;
}

/// A thread's own, since jobs of two threads would meet in its queue.
IMB_MGR* manager() {
  thread_local const Manager made = make_manager();
  return made.get();
}

class Gcm final : public IpsecMbAead {
 public:
  explicit Gcm(const SecretKey& key) { IMB_AES256_GCM_PRE(manager(), key.bytes.data(), &key_); }
  Gcm(const Gcm&) = delete;
  Gcm& operator=(const Gcm&) = delete;
  ~Gcm() override {
    OPENSSL_cleanse(&key_, sizeof key_);
    OPENSSL_cleanse(&context_, sizeof context_);
  }

 private:
  void run(Aead::Use use, const Nonce& nonce, ConstBytes associated, Bytes text, std::uint8_t* tag) override {
    const auto function = use == Aead::Use::seal ? manager()->gcm256_enc : manager()->gcm256_dec;
    function(&key_, &context_, text.data(), text.data(), text.size(), nonce.data(), associated.data(),
             associated.size(), tag, kTagBytes);
  }

  alignas(64) gcm_key_data key_;
  gcm_context_data context_;
};

class ChaCha20Poly1305 final : public IpsecMbAead {
 public:
  explicit ChaCha20Poly1305(const SecretKey& key) : key_(key) {}

 private:
  /// As a job, for that has one call where the functions without jobs have three, in half their time.
  void run(Aead::Use use, const Nonce& nonce, ConstBytes associated, Bytes text, std::uint8_t* tag) override {
    const bool is_sealing = use == Aead::Use::seal;
    IMB_JOB* job = IMB_GET_NEXT_JOB(manager());
    job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job->cipher_direction = is_sealing ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    job->chain_order = is_sealing ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job->enc_keys = key_.bytes.data();
    job->dec_keys = key_.bytes.data();
    job->key_len_in_bytes = key_.bytes.size();
    job->iv = nonce.data();
    job->iv_len_in_bytes = nonce.size();
    job->u.CHACHA20_POLY1305.aad = associated.data();
    job->u.CHACHA20_POLY1305.aad_len_in_bytes = associated.size();
    job->src = text.data();
    job->dst = text.data();
    job->cipher_start_src_offset_in_bytes = 0;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = text.size();
    job->msg_len_to_hash_in_bytes = text.size();
    job->auth_tag_output = tag;
    job->auth_tag_output_len_in_bytes = kTagBytes;
    const IMB_JOB* done = IMB_SUBMIT_JOB_NOCHECK(manager());
    // The library does these at once, by itself: nothing waits for others of its kind.
    MPT_ASSERT(done == job && done->status == IMB_STATUS_COMPLETED);
  }

  SecretKey key_;
};

}  // namespace

bool IpsecMbAead::serves(Cipher cipher) {
  if (manager() == nullptr) return false;
  constexpr std::uint64_t kGcm = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
  constexpr std::uint64_t kChaCha = IMB_FEATURE_AVX512_SKX | IMB_FEATURE_AVX512_IFMA;
  const std::uint64_t wanted = cipher == Cipher::aes_256_gcm ? kGcm : kChaCha;
  return (manager()->features & wanted) == wanted;
}

std::unique_ptr<IpsecMbAead> IpsecMbAead::make(Cipher cipher, const SecretKey& key) {
  if (!serves(cipher)) return nullptr;
  if (cipher == Cipher::aes_256_gcm) return std::make_unique<Gcm>(key);
  return std::make_unique<ChaCha20Poly1305>(key);
}

#else

bool IpsecMbAead::serves(Cipher /*cipher*/) {
  return false;
}

std::unique_ptr<IpsecMbAead> IpsecMbAead::make(Cipher /*cipher*/, const SecretKey& /*key*/) {
  return nullptr;
}

#endif

}  // namespace mptunnel
