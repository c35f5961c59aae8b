// The crypto layer's own hash as one call. It has no public header: a target that uses it includes
// src/crypto.
#pragma once

#include "hash.h"

namespace mptunnel::test {

inline HashBytes blake2s(ConstBytes data) {
  Hash hash;
  hash.update(data);
  return hash.finish();
}

}  // namespace mptunnel::test
