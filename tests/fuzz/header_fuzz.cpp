// Any bytes as a packet header: what is read is written back as the same 8 bytes.
#include <algorithm>
#include <array>

#include "mptunnel/base/assert.h"
#include "mptunnel/wire/header.h"
#include "mptunnel/wire/limits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mptunnel;
  const ConstBytes packet(data, size);
  const auto header = decode_header(packet);
  if (!header) return 0;
  std::array<std::uint8_t, kHeaderBytes> again{};
  encode_header(*header, again);
  MPT_ASSERT(std::equal(again.begin(), again.end(), packet.begin()));
  return 0;
}
