// The random source of the programs: OpenSSL's generator, seeded by the kernel.
#pragma once

#include "mptunnel/base/random.h"

namespace mptunnel {

class SystemRandom final : public RandomSource {
 public:
  /// Aborts the process if the generator fails: nothing safe could follow.
  void fill(Bytes out) override;
};

}  // namespace mptunnel
