#include "mptunnel/crypto/system_random.h"

#include <openssl/rand.h>

#include "openssl.h"

namespace mptunnel {

void SystemRandom::fill(Bytes out) {
  openssl::require(RAND_bytes(out.data(), static_cast<int>(out.size())));
}

}  // namespace mptunnel
