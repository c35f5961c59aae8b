// Any bytes as the frames of a packet: every frame that is read is written and read again as the same, every
// payload lies inside the packet, and an error stays.
#include <algorithm>
#include <vector>

#include "mptunnel/wire/frame.h"

namespace {

using namespace mptunnel;

std::vector<std::uint8_t> encoded(const Frame& frame) {
  constexpr std::size_t kLargestWithoutPayload = 32;
  const auto* datagram = std::get_if<DatagramFrame>(&frame);
  std::vector<std::uint8_t> bytes(kLargestWithoutPayload +
                                  (datagram == nullptr ? 0 : datagram->payload.size()));
  ByteWriter writer(bytes);
  encode_frame(frame, writer);
  bytes.resize(writer.written());
  return bytes;
}

void check(const Frame& frame, ConstBytes packet) {
  if (const auto* datagram = std::get_if<DatagramFrame>(&frame)) {
    const ConstBytes payload = datagram->payload;
    if (!payload.empty()) {
      MPT_ASSERT(payload.data() >= packet.data() &&
                 payload.data() + payload.size() <= packet.data() + packet.size());
    }
    // The rest of a large packet is longer than DATAGRAM_LEN can say.
    if (payload.size() > kMaxVarint) return;
  }
  const auto bytes = encoded(frame);
  FrameReader again(bytes);
  const auto same = again.next();
  MPT_ASSERT(same && same->index() == frame.index() && encoded(*same) == bytes && !again.next());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ConstBytes packet(data, size);
  FrameReader reader(packet);
  while (const auto frame = reader.next()) check(*frame, packet);
  const FrameError error = reader.error();
  MPT_ASSERT(!reader.next() && reader.error() == error);
  return 0;
}
