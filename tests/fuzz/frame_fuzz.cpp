// Any bytes as the frames of a packet: every frame that is read is written and read again as the same, every
// payload lies inside the packet, and an error stays.
#include <algorithm>
#include <vector>

#include "fuzz/targets.h"
#include "mptunnel/wire/frame.h"

namespace {

using namespace mptunnel;

/// What a frame shows of the packet that it was read from.
ConstBytes payload_of(const Frame& frame) {
  if (const auto* datagram = std::get_if<DatagramFrame>(&frame)) return datagram->payload;
  if (const auto* fragment = std::get_if<FragmentFrame>(&frame)) return fragment->bytes;
  if (const auto* handshake = std::get_if<HandshakeFrame>(&frame)) return handshake->packet;
  if (const auto* repair = std::get_if<RepairFrame>(&frame)) return repair->symbol;
  if (const auto* name = std::get_if<NameFrame>(&frame)) return name->text;
  if (const auto* ip = std::get_if<IpFrame>(&frame)) return ip->packet;
  if (const auto* wanted = std::get_if<AddressesWantedFrame>(&frame)) return wanted->entries;
  if (const auto* given = std::get_if<AddressesGivenFrame>(&frame)) return given->entries;
  return {};
}

std::vector<std::uint8_t> encoded(const Frame& frame) {
  // An ACK with all samples.
  constexpr std::size_t kLargestWithoutPayload = 15 + 9 * kMaxAckSamples;
  static_assert(kLargestWithoutPayload > 1 + kReportBytes);
  std::vector<std::uint8_t> bytes(kLargestWithoutPayload + payload_of(frame).size());
  ByteWriter writer(bytes);
  encode_frame(frame, writer);
  bytes.resize(writer.written());
  return bytes;
}

/// Those that the frame says are all there, and are what their bytes say.
void check_entries(const Frame& frame) {
  const auto check_all = [](const auto& list, bool with_verdicts) {
    const std::vector<InnerEntry> entries = entries_of(list);
    const auto bytes = inner_entry_bytes(entries, with_verdicts);
    MPT_ASSERT(entries.size() == list.count &&
               std::equal(bytes.begin(), bytes.end(), list.entries.begin(), list.entries.end()));
  };
  if (const auto* wanted = std::get_if<AddressesWantedFrame>(&frame)) check_all(*wanted, false);
  if (const auto* given = std::get_if<AddressesGivenFrame>(&frame)) check_all(*given, true);
}

void check(const Frame& frame, ConstBytes packet) {
  const ConstBytes payload = payload_of(frame);
  if (!payload.empty()) {
    MPT_ASSERT(payload.data() >= packet.data() &&
               payload.data() + payload.size() <= packet.data() + packet.size());
  }
  // The rest of a large packet is longer than DATAGRAM_LEN can say.
  if (std::holds_alternative<DatagramFrame>(frame) && payload.size() > kMaxVarint) return;
  const auto bytes = encoded(frame);
  FrameReader again(bytes);
  const auto same = again.next();
  MPT_ASSERT(same && same->index() == frame.index() && encoded(*same) == bytes && !again.next());
  check_entries(frame);
}

}  // namespace

namespace mptunnel::fuzz {

void fuzz_frame(ConstBytes input) {
  FrameReader reader(input);
  while (const auto frame = reader.next()) check(*frame, input);
  const FrameError error = reader.error();
  MPT_ASSERT(!reader.next() && reader.error() == error);
}

}  // namespace mptunnel::fuzz
