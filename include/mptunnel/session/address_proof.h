// Cookies: with one a client proves to a server under load that it gets what is sent to its address, before
// the server computes anything for it. The server keeps nothing of a client meanwhile (RFC 9147,
// section 5.1).
#pragma once

#include <optional>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/random.h"
#include "mptunnel/base/time.h"
#include "mptunnel/crypto/siphash.h"
#include "mptunnel/wire/handshake.h"

namespace mptunnel {

class AddressProof {
 public:
  explicit AddressProof(RandomSource& random) : random_(random) {}

  /// The cookie for this address: it holds for kCookieLife, and for as long again at most.
  Cookie make(const Endpoint& address, TimePoint now);
  /// Whether the cookie was made for this address, not long ago.
  bool holds(const Cookie& cookie, const Endpoint& address, TimePoint now);

 private:
  struct Secret {
    SipHashKey first;
    SipHashKey second;
  };

  void renew(TimePoint now);
  static Cookie cookie_of(const Secret& secret, const Endpoint& address);

  RandomSource& random_;
  std::optional<Secret> present_;
  std::optional<Secret> former_;
  TimePoint renewed_{};
};

}  // namespace mptunnel
