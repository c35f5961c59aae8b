// Any bytes as a packet header: what is read is written back as the same 8 bytes.
#include <algorithm>
#include <array>

#include "fuzz/targets.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/wire/header.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel::fuzz {

void fuzz_header(ConstBytes input) {
  const auto header = decode_header(input);
  if (!header) return;
  std::array<std::uint8_t, kHeaderBytes> again{};
  encode_header(*header, again);
  MPT_ASSERT(std::equal(again.begin(), again.end(), input.begin()));
}

}  // namespace mptunnel::fuzz
