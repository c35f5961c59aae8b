// A deterministic random source, for tests only: the programs never link it.
#pragma once

#include <cstdint>
#include <random>

#include "mptunnel/base/random.h"

namespace mptunnel::test {

class TestRandom final : public RandomSource {
 public:
  explicit TestRandom(std::uint64_t seed) : engine_(seed) {}

  void fill(Bytes out) override {
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace mptunnel::test
