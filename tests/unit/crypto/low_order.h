// Public keys with which X25519 gives zeros, whatever the private key (RFC 7748, section 6.1; RFC 8422,
// section 5.11, has an end that gets one end the handshake).
#pragma once

#include <array>
#include <string_view>

namespace mptunnel::test {

/// The encodings of the points of order 1, 2, 4 and 8, canonical and not, on the curve and its twist
/// (cr.yp.to/ecdh.html, "How do I validate Curve25519 public keys?").
inline constexpr std::array<std::string_view, 7> kLowOrder{
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"};

}  // namespace mptunnel::test
