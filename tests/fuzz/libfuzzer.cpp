// One fuzz target as libFuzzer calls it. MPTUNNEL_FUZZ_TARGET is its function.
#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mptunnel::fuzz::MPTUNNEL_FUZZ_TARGET(mptunnel::ConstBytes(data, size));
  return 0;
}
