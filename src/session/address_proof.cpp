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
  const auto word = [this] { return random_.u64(); };
  present_ = Secret{{word(), word()}, {word(), word()}};
}

Cookie AddressProof::cookie_of(const Secret& secret, const Endpoint& address) {
  std::array<std::uint8_t, 1 + 16 + 4 + 2> bytes{};
  ByteWriter writer(bytes);
  writer.u8(static_cast<std::uint8_t>(address.family));
  writer.bytes(address.address);
  writer.u32(address.scope);
  writer.u16(address.port);
  Cookie cookie{};
  ByteWriter out(cookie);
  out.u64(siphash(secret.first, bytes));
  out.u64(siphash(secret.second, bytes));
  return cookie;
}

}  // namespace mptunnel
