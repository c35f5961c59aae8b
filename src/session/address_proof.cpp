#include "mptunnel/session/address_proof.h"

#include "mptunnel/base/cursor.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {

Cookie AddressProof::make(const Endpoint& address, TimePoint now) {
  renew(now);
  return cookie_of(*present_, address);
}

bool AddressProof::holds(const Cookie& cookie, const Endpoint& address, TimePoint now) {
  if (cookie == Cookie{}) return false;
  renew(now);
  return cookie == cookie_of(*present_, address) || (former_ && cookie == cookie_of(*former_, address));
}

void AddressProof::renew(TimePoint now) {
  if (present_ && now - renewed_ < kCookieLife) return;
  const bool is_former_known = present_ && now - renewed_ < 2 * kCookieLife;
  former_ = is_former_known ? present_ : std::nullopt;
  renewed_ = is_former_known ? renewed_ + kCookieLife : now;
  present_ = Secret{random_siphash_key(random_), random_siphash_key(random_)};
}

Cookie AddressProof::cookie_of(const Secret& secret, const Endpoint& address) {
  const auto bytes = bytes_of(address);
  Cookie cookie{};
  ByteWriter out(cookie);
  out.u64(siphash(secret.first, bytes));
  out.u64(siphash(secret.second, bytes));
  return cookie;
}

}  // namespace mptunnel
