#include "mptunnel/wire/frame.h"

#include <algorithm>
#include <type_traits>

#include "frame_fields.h"
#include "inner_entries.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {
namespace {

/// Gathers the optional results of several reads, so that a decoder reads like the layout.
class FieldReader {
 public:
  explicit FieldReader(ByteReader& reader) : reader_(reader) {}

  std::uint8_t u8() { return take(reader_.u8()); }
  std::uint16_t u16() { return take(reader_.u16()); }
  std::uint32_t u32() { return take(reader_.u32()); }
  std::uint64_t u64() { return take(reader_.u64()); }
  std::uint16_t varint() { return take(reader_.varint()); }
  FlowId flow() { return FlowId{take(reader_.wide_varint())}; }
  ConstBytes bytes(std::size_t count) { return take(reader_.bytes(count)); }

  [[nodiscard]] bool complete() const { return complete_; }

 private:
  template <typename T>
  T take(std::optional<T> value) {
    complete_ = complete_ && value.has_value();
    return value.value_or(T{});
  }

  ByteReader& reader_;
  bool complete_ = true;
};

PathReport read_report(FieldReader& fields) {
  PathReport report;
  report.path = PathId{fields.u8()};
  report.flags = fields.u8();
  report.interval = fields.u16();
  report.mtu = fields.u16();
  for (std::uint32_t* field : fields_of(report)) *field = fields.u32();
  return report;
}

/// Whether the fragment can be a part of any packet.
bool is_possible(const FragmentFrame& fragment) {
  const bool known = fragment.type == PacketType::data || fragment.type == PacketType::control;
  return known && !fragment.bytes.empty() && fragment.total <= kMaxSealedBytes - kHeaderBytes &&
         fragment.offset < fragment.total && fragment.bytes.size() <= fragment.total - fragment.offset;
}

FragmentFrame read_fragment(FieldReader& fields, const ByteReader& reader, FrameError& error) {
  const FragmentFrame fragment{static_cast<PacketType>(fields.u8()), PacketNumber{fields.u32()}, fields.u32(),
                               fields.u32(), fields.bytes(reader.rest().size())};
  if (fields.complete() && !is_possible(fragment)) error = FrameError::invalid;
  return fragment;
}

RepairFrame read_repair(FieldReader& fields, const ByteReader& reader, FrameError& error) {
  const RepairFrame repair{PacketNumber{fields.u32()}, fields.u8(), fields.u16(),
                           fields.bytes(reader.rest().size())};
  const bool is_possible = repair.count > 0 && repair.symbol.size() >= kRepairLengthBytes &&
                           repair.first.value <= kRejectAfterPackets - repair.count;
  if (fields.complete() && !is_possible) error = FrameError::invalid;
  return repair;
}

RepairReportFrame read_repair_report(FieldReader& fields) {
  RepairReportFrame report;
  for (std::uint32_t* count : counts_of(report)) *count = fields.u32();
  return report;
}

DatagramFrame read_numbered(FieldReader& fields, const ByteReader& reader) {
  const FlowId flow = fields.flow();
  const std::uint16_t number = fields.u16();
  return {flow, fields.bytes(reader.rest().size()), number};
}

AckFrame read_ack(FieldReader& fields, FrameError& error) {
  AckFrame ack{PathId{fields.u8()}, fields.u32(), fields.u32(), fields.u32(), fields.u8(), {}};
  if (ack.count == 0 || ack.count > kMaxAckSamples) {
    // Behind a field that is cut short others may seem to be there.
    if (fields.complete()) error = FrameError::invalid;
    return ack;
  }
  for (std::size_t i = 0; i < ack.count; ++i) {
    AckSample& sample = ack.samples.at(i);
    sample = {static_cast<PacketType>(fields.u8()), PacketNumber{fields.u32()}, fields.u32()};
    if (fields.complete() && sample.type != PacketType::data && sample.type != PacketType::control)
      error = FrameError::invalid;
  }
  return ack;
}

ServerHelloFrame read_server_hello(FieldReader& fields, FrameError& error) {
  const std::uint8_t resumed = fields.u8();
  if (resumed > 1) error = FrameError::invalid;
  return {resumed == 1};
}

ClientHelloFrame read_client_hello(FieldReader& fields) {
  ClientHelloFrame hello;
  const ConstBytes identity = fields.bytes(hello.identity.size());
  std::copy(identity.begin(), identity.end(), hello.identity.begin());
  hello.process = fields.u64();
  return hello;
}

NameFrame read_name(FieldReader& fields, FrameError& error) {
  const PathId path{fields.u8()};
  const std::size_t length = fields.u8();
  if (length > kMaxNameBytes) error = FrameError::invalid;
  return {path, fields.bytes(length)};
}

SeenFromFrame read_seen_from(FieldReader& fields, FrameError& error) {
  SeenFromFrame seen{PathId{fields.u8()}, {}};
  const std::uint8_t family = fields.u8();
  const ConstBytes address = fields.bytes(seen.address.address.size());
  std::copy(address.begin(), address.end(), seen.address.address.begin());
  seen.address.port = fields.u16();
  seen.address.family = family == kFamilyIpv4 ? Family::ipv4 : Family::ipv6;
  if (family != kFamilyIpv4 && family != kFamilyIpv6 && fields.complete()) error = FrameError::invalid;
  return seen;
}

IpFrame read_ip_numbered(FieldReader& fields, const ByteReader& reader) {
  const InnerNumber number{fields.u16(), fields.u16()};
  return {fields.bytes(reader.rest().size()), number};
}

template <typename Addresses>
Addresses read_addresses(FieldReader& fields, const ByteReader& reader, FrameError& error) {
  Addresses frame{fields.u8(), fields.u8(), {}};
  constexpr bool kHasVerdicts = std::is_same_v<Addresses, AddressesGivenFrame>;
  const InnerEntriesSize size = measure_inner_entries(reader.rest(), frame.count, kHasVerdicts);
  if (!size.is_possible) error = FrameError::invalid;
  // Past the end if they are cut short.
  frame.entries = fields.bytes(size.is_complete ? size.bytes : reader.rest().size() + 1);
  return frame;
}

/// Those of TUN devices.
Frame read_inner_frame(FrameType type, FieldReader& fields, const ByteReader& reader, FrameError& error) {
  switch (type) {
    case FrameType::ip:
      return IpFrame{fields.bytes(reader.rest().size())};
    case FrameType::ip_numbered:
      return read_ip_numbered(fields, reader);
    case FrameType::addresses_wanted:
      return read_addresses<AddressesWantedFrame>(fields, reader, error);
    case FrameType::addresses_given:
      return read_addresses<AddressesGivenFrame>(fields, reader, error);
    default:
      error = FrameError::unknown;
      return {};
  }
}

/// `error` is set if the type is unknown or its fields contradict each other.
Frame read_frame(FrameType type, FieldReader& fields, const ByteReader& reader, FrameError& error) {
  // The fields between braces are read from left to right.
  switch (type) {
    case FrameType::datagram:
      return DatagramFrame{fields.flow(), fields.bytes(reader.rest().size())};
    case FrameType::datagram_len:
      return DatagramFrame{fields.flow(), fields.bytes(fields.varint())};
    case FrameType::numbered:
      return read_numbered(fields, reader);
    case FrameType::flow_open:
      return FlowOpenFrame{fields.flow(), fields.u64()};
    case FrameType::flow_opened:
      return FlowOpenedFrame{fields.flow()};
    case FrameType::flow_close:
      return FlowCloseFrame{fields.flow()};
    case FrameType::ping:
      return PingFrame{read_report(fields)};
    case FrameType::pong:
      return PongFrame{read_report(fields)};
    case FrameType::challenge:
      return ChallengeFrame{fields.u64()};
    case FrameType::echo:
      return EchoFrame{fields.u64()};
    case FrameType::close:
      return CloseFrame{static_cast<CloseReason>(fields.u8())};
    case FrameType::client_hello:
      return read_client_hello(fields);
    case FrameType::server_hello:
      return read_server_hello(fields, error);
    case FrameType::fragment:
      return read_fragment(fields, reader, error);
    case FrameType::mtu_probe:
      return MtuProbeFrame{PathId{fields.u8()}, fields.u16()};
    case FrameType::mtu_seen:
      return MtuSeenFrame{PathId{fields.u8()}, fields.u16()};
    case FrameType::handshake:
      return HandshakeFrame{fields.bytes(fields.varint())};
    case FrameType::name:
      return read_name(fields, error);
    case FrameType::seen_from:
      return read_seen_from(fields, error);
    case FrameType::mark_probe:
      return MarkProbeFrame{PathId{fields.u8()}, fields.u32()};
    case FrameType::mark_seen:
      return MarkSeenFrame{PathId{fields.u8()}, fields.u32()};
    case FrameType::delay:
      return DelayFrame{PathId{fields.u8()}, fields.u16()};
    case FrameType::repair:
      return read_repair(fields, reader, error);
    case FrameType::repair_report:
      return read_repair_report(fields);
    case FrameType::ack:
      return read_ack(fields, error);
    case FrameType::ack_wanted:
      return AckWantedFrame{fields.u16(), fields.u16()};
    case FrameType::epoch_counts:
      return EpochCountsFrame{SessionIndex{fields.u32()}, fields.u32(), fields.u32(), fields.u32()};
    default:
      return read_inner_frame(type, fields, reader, error);
  }
}

bool is_possible_flow(const Frame& frame) {
  return std::visit(
      [](const auto& kind) {
        if constexpr (requires { kind.flow; }) {
          return kind.flow.value <= kMaxFlowId;
        } else {
          return true;
        }
      },
      frame);
}

}  // namespace

std::optional<Frame> FrameReader::next() {
  std::optional<std::uint8_t> type;
  do {
    type = reader_.u8();
  } while (type == static_cast<std::uint8_t>(FrameType::padding));
  if (!type || error_ != FrameError::none) return std::nullopt;
  FieldReader fields(reader_);
  const Frame frame = read_frame(static_cast<FrameType>(*type), fields, reader_, error_);
  if (error_ == FrameError::none && !fields.complete()) error_ = FrameError::truncated;
  if (error_ == FrameError::none && !is_possible_flow(frame)) error_ = FrameError::invalid;
  if (error_ != FrameError::none) return std::nullopt;
  return frame;
}

}  // namespace mptunnel
