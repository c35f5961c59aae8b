// Any bytes as a handshake's prefix, and as the payload inside a Noise message: what is read is written and
// read again as the same.
#include <algorithm>

#include "fuzz/targets.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/wire/handshake.h"

namespace {

using namespace mptunnel;

void check_prefix(ConstBytes packet) {
  const auto prefix = decode_handshake_prefix(packet);
  if (!prefix) return;
  const auto bytes = encode_handshake_prefix(*prefix);
  MPT_ASSERT(std::equal(bytes.begin(), bytes.end(), packet.begin()));
  auto without_cookie = *prefix;
  without_cookie.cookie = {};
  MPT_ASSERT(handshake_prologue(*prefix) == encode_handshake_prefix(without_cookie));
}

void check_payload(ConstBytes bytes, std::size_t at_least) {
  const auto payload = decode_handshake_payload(bytes);
  if (!payload) return;
  const auto again = decode_handshake_payload(encode_handshake_payload(*payload, at_least));
  MPT_ASSERT(again && again->versions == payload->versions && again->ciphers == payload->ciphers &&
             again->frames == payload->frames && again->server_index == payload->server_index &&
             again->refusal == payload->refusal);
}

}  // namespace

namespace mptunnel::fuzz {

void fuzz_handshake(ConstBytes input) {
  check_prefix(input);
  // Padding never changes what is read: the size asked for follows the input.
  check_payload(input, input.size());
  check_payload(input, input.empty() ? 0 : 16 * std::size_t{input.front()});
}

}  // namespace mptunnel::fuzz
