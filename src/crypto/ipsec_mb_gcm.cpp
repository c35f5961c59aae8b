#include "ipsec_mb_gcm.h"

#include <openssl/crypto.h>

#include "mptunnel/base/assert.h"

#if MPTUNNEL_HAS_IPSEC_MB
#include <intel-ipsec-mb.h>

#include <algorithm>
#include <array>
#endif

namespace mptunnel {

#if MPTUNNEL_HAS_IPSEC_MB

namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};

/// The library's table of functions for this processor; nullptr if it can't be used.
IMB_MGR* make_manager() {
  static std::unique_ptr<IMB_MGR, FreeManager> manager(alloc_mb_mgr(0));
  if (!manager) return nullptr;
  IMB_ARCH arch = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager.get(), &arch);
  constexpr std::uint64_t kWanted = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
  const std::uint64_t features = manager->features;
  const bool failed_its_test =
      (features & IMB_FEATURE_SELF_TEST) != 0 && (features & IMB_FEATURE_SELF_TEST_PASS) == 0;
  const bool is_usable = arch != IMB_ARCH_NONE && (features & kWanted) == kWanted;
  return is_usable && !failed_its_test ? manager.get() : nullptr;
}

IMB_MGR* manager() {
  static IMB_MGR* const made = make_manager();
  return made;
}

}  // namespace

struct IpsecMbGcm::State {
  alignas(64) gcm_key_data key;
  gcm_context_data context;
};

bool IpsecMbGcm::is_available() {
  return manager() != nullptr;
}

IpsecMbGcm::IpsecMbGcm(const SecretKey& key) : state_(std::make_unique<State>()) {
  MPT_ASSERT(is_available());
  IMB_AES256_GCM_PRE(manager(), key.bytes.data(), &state_->key);
}

IpsecMbGcm::~IpsecMbGcm() {
  OPENSSL_cleanse(state_.get(), sizeof *state_);
}

void IpsecMbGcm::seal(const Nonce& nonce, ConstBytes associated, Bytes packet) {
  const Bytes text = packet.first(packet.size() - kTagBytes);
  IMB_AES256_GCM_ENC(manager(), &state_->key, &state_->context, text.data(), text.data(), text.size(),
                     nonce.data(), associated.data(), associated.size(), packet.last(kTagBytes).data(),
                     kTagBytes);
}

bool IpsecMbGcm::open(const Nonce& nonce, ConstBytes associated, Bytes packet) {
  const Bytes text = packet.first(packet.size() - kTagBytes);
  // Never equal to the packet's unless the library has written it.
  std::array<std::uint8_t, kTagBytes> tag{};
  const Bytes wanted = packet.last(kTagBytes);
  std::transform(wanted.begin(), wanted.end(), tag.begin(), [](std::uint8_t byte) { return ~byte; });
  IMB_AES256_GCM_DEC(manager(), &state_->key, &state_->context, text.data(), text.data(), text.size(),
                     nonce.data(), associated.data(), associated.size(), tag.data(), kTagBytes);
  return CRYPTO_memcmp(tag.data(), wanted.data(), kTagBytes) == 0;
}

#else

struct IpsecMbGcm::State {};

bool IpsecMbGcm::is_available() {
  return false;
}

IpsecMbGcm::IpsecMbGcm(const SecretKey& /*key*/) {
  MPT_ASSERT(is_available());
}

IpsecMbGcm::~IpsecMbGcm() = default;

void IpsecMbGcm::seal(const Nonce& /*nonce*/, ConstBytes /*associated*/, Bytes /*packet*/) {
  MPT_ASSERT(is_available());
}

bool IpsecMbGcm::open(const Nonce& /*nonce*/, ConstBytes /*associated*/, Bytes /*packet*/) {
  MPT_ASSERT(is_available());
  return false;
}

#endif

}  // namespace mptunnel
