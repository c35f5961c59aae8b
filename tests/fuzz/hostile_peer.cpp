#include "fuzz/hostile_peer.h"

#include <numeric>

#include "mptunnel/base/assert.h"

namespace mptunnel::fuzz {
namespace {

PathReport some_report(Input& input) {
  PathReport report;
  report.path = PathId{static_cast<std::uint8_t>(input.below(kMaxPaths))};
  report.flags = input.u8();
  report.interval = input.u16();
  report.mtu = input.u16();
  // The counts of a small world, or of one that wraps.
  const auto count = [&] {
    const std::uint8_t byte = input.u8();
    return byte < 0xf0 ? std::uint32_t{byte} : byte < 0xf8 ? input.u32() : 0xffffff00U | byte;
  };
  for (std::uint32_t* field : {&report.sequence, &report.time, &report.echo, &report.held, &report.sent,
                               &report.received, &report.of, &report.first, &report.duplicates,
                               &report.jitter, &report.data_sealed, &report.data_opened, &report.data_of})
    *field = count();
  return report;
}

FragmentFrame some_fragment(Input& input) {
  FragmentFrame fragment;
  const std::uint8_t what = input.u8();
  fragment.type = (what & 1U) == 0 ? PacketType::data : PacketType::control;
  fragment.number = PacketNumber{input.u8()};
  fragment.total = (what & 2U) == 0 ? 1U + input.u16() % 4096U : 60000U;
  fragment.offset = input.u16() % fragment.total;
  fragment.bytes = input.piece(1U + input.u8());
  fragment.bytes =
      fragment.bytes.first(std::min<std::size_t>(fragment.bytes.size(), fragment.total - fragment.offset));
  return fragment;
}

IpFrame some_ip(bool is_numbered, Input& input) {
  IpFrame frame;
  if (is_numbered) frame.number = InnerNumber{input.u8(), input.u8()};
  frame.packet = input.piece(input.u8());
  return frame;
}

AckFrame some_ack(PathId path, Input& input) {
  AckFrame ack{path, input.u16(), input.u8(), input.u16(), static_cast<std::uint8_t>(1 + input.below(8)), {}};
  for (std::size_t i = 0; i < ack.count; ++i)
    ack.samples.at(i) = {input.below(2) == 0 ? PacketType::data : PacketType::control,
                         PacketNumber{input.u8()}, input.u16()};
  return ack;
}

}  // namespace

HandshakeSettings read_settings(Input& input) {
  const std::uint8_t byte = input.u8();
  HandshakeSettings settings;
  settings.encrypt = (byte & 1U) == 0;
  settings.fast_aes = (byte & 2U) == 0;
  if ((byte & 4U) == 0) settings.key.emplace().bytes.fill(7);
  return settings;
}

Packet frame_bytes(const std::vector<Frame>& frames) {
  Packet bytes(4096);
  ByteWriter writer(bytes);
  for (const Frame& frame : frames) encode_frame(frame, writer);
  bytes.resize(writer.written());
  return bytes;
}

Frame some_frame(Input& input) {
  const std::uint8_t type = input.u8();
  const auto flow = [&] {
    const auto id = static_cast<std::uint32_t>(input.below(8));
    return FlowId{id == 7 ? kMaxFlowId : id};
  };
  const auto path = [&] { return PathId{static_cast<std::uint8_t>(input.below(kMaxPaths))}; };
  switch (type % 22U) {
    case 0:
      return FlowOpenFrame{flow(), input.u8()};
    case 1:
      return FlowOpenedFrame{flow()};
    case 2:
      return FlowCloseFrame{flow()};
    case 3:
      return PingFrame{some_report(input)};
    case 4:
      return PongFrame{some_report(input)};
    case 5:
      return ChallengeFrame{input.u8()};
    case 6:
      return EchoFrame{input.u8()};
    case 7:
      return CloseFrame{static_cast<CloseReason>(input.u8())};
    case 8: {
      ClientHelloFrame hello;
      hello.identity.fill(static_cast<std::uint8_t>(input.below(4)));
      hello.process = input.below(8);
      return hello;
    }
    case 9:
      return ServerHelloFrame{input.below(2) == 1};
    case 10: {
      const FragmentFrame fragment = some_fragment(input);
      if (fragment.bytes.empty()) return EchoFrame{0};
      return fragment;
    }
    case 11:
      return MtuProbeFrame{path(), input.u16()};
    case 12:
      return MtuSeenFrame{path(), input.u16()};
    case 13: {
      const PathId named{static_cast<std::uint8_t>(input.below(kMaxPaths + 2))};
      return NameFrame{named.value > kMaxPaths ? kClientItself : named,
                       input.piece(input.below(kMaxNameBytes + 1))};
    }
    case 15:
      return MarkProbeFrame{path(), input.u8()};
    case 16:
      return MarkSeenFrame{path(), input.u8()};
    case 17:
      return DelayFrame{path(), input.u16()};
    case 18:
      return RepairFrame{PacketNumber{input.u8()}, static_cast<std::uint8_t>(1 + input.below(80)), input.u8(),
                         input.piece(kRepairLengthBytes + input.u8())};
    case 19:
      return RepairReportFrame{input.u16(), input.u8(), input.u8(), input.u8(), input.u8()};
    case 20:
      return EpochCountsFrame{SessionIndex{input.u8()}, input.u8(), input.u8(), input.u8()};
    case 14:
      return SeenFromFrame{path(), *parse_numeric_endpoint("203.0.113.7", input.u16())};
    default: {
      // Of the numbers that lead here, those that the corpus has little of.
      if (type == 87 || type == 219) return some_ip(type == 219, input);
      if (type == 109) return AddressesWantedFrame{input.u8(), input.u8(), input.piece(input.u8())};
      if (type == 241) return AddressesGivenFrame{input.u8(), input.u8(), input.piece(input.u8())};
      if (type == 53) return AckWantedFrame{input.u8(), input.u8()};
      if (type == 173) return some_ack(path(), input);
      DatagramFrame datagram{flow(), input.piece(input.u8())};
      if ((type & 0x80U) != 0) datagram.number = input.u16();
      return datagram;
    }
  }
}

bool goes_to_the_end(const Frame& frame) {
  const auto* datagram = std::get_if<DatagramFrame>(&frame);
  return std::holds_alternative<FragmentFrame>(frame) || std::holds_alternative<RepairFrame>(frame) ||
         std::holds_alternative<IpFrame>(frame) || (datagram != nullptr && datagram->number);
}

Packet some_frames(Input& input) {
  const std::uint8_t what = input.u8();
  if (what >= 0xe0) {
    const ConstBytes bytes = input.piece(input.u8());
    return {bytes.begin(), bytes.end()};
  }
  std::vector<Frame> frames;
  for (unsigned i = 0; i <= (what & 3U); ++i) {
    frames.push_back(some_frame(input));
    // It has no length: nothing follows it.
    if (goes_to_the_end(frames.back())) break;
  }
  Packet bytes = frame_bytes(frames);
  // Room for an answer to an address that has proved nothing.
  if ((what & 4U) != 0 && !goes_to_the_end(frames.back()))
    bytes.resize(std::max<std::size_t>(bytes.size(), 300));
  return bytes;
}

Packet seal_control(KeyEpoch& epoch, ConstBytes frames, TimePoint now) {
  Packet packet(KeyEpoch::kControlOverhead + frames.size());
  if (!epoch.seal_control(frames, {}, packet, now)) packet.clear();
  return packet;
}

Packet seal_data(KeyEpoch& epoch, ConstBytes frames, TimePoint now) {
  Packet head;
  if (epoch.is_clear()) {
    head.resize(datagram_prefix_bytes(FlowId{0}));
    ByteWriter writer(head);
    encode_datagram_prefix(FlowId{static_cast<std::uint16_t>(frames.empty() ? 0 : frames.front() % 8U)},
                           writer);
  }
  Packet packet(epoch.data_overhead() + head.size() + frames.size());
  if (!epoch.seal_data(head, frames, packet, now)) packet.clear();
  return packet;
}

Packet open_control(KeyEpoch& epoch, ConstBytes packet, TimePoint now) {
  const auto header = decode_header(packet);
  if (!header || header->type != PacketType::control || header->index != epoch.local_index()) return {};
  Packet copy(packet.begin(), packet.end());
  const auto opened = epoch.open_control(*header, copy, now);
  return opened ? Packet(opened->begin(), opened->end()) : Packet{};
}

void check_link(const SessionLink& link, std::size_t most_epochs) {
  const std::vector<SessionIndex> indices = link.indices();
  MPT_ASSERT(indices.size() <= most_epochs);
  for (const SessionIndex index : indices) {
    const std::size_t blocks = link.hold(index)->keys().data_received().blocks();
    MPT_ASSERT(blocks <= kReceivedSetNumbers / ReceivedSet::kBlockNumbers);
  }
}

std::size_t read_all(const Output& out) {
  std::size_t sum = 0;
  for (const ConstBytes piece : out.pieces) sum = std::accumulate(piece.begin(), piece.end(), sum);
  for (const PacketRun& run : out.runs) {
    const ConstBytes bytes = out.bytes_of(run);
    sum = std::accumulate(bytes.begin(), bytes.end(), sum);
  }
  return sum;
}

}  // namespace mptunnel::fuzz
