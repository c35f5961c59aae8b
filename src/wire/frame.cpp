#include "mptunnel/wire/frame.h"

#include <algorithm>
#include <array>

#include "mptunnel/wire/limits.h"

namespace mptunnel {
namespace {

/// The fields of 4 bytes, in the order of the layout.
template <typename Report>
auto fields_of(Report& report) {
  return std::array{&report.sequence,   &report.time,     &report.echo,        &report.held,
                    &report.sent,       &report.received, &report.of,          &report.first,
                    &report.duplicates, &report.jitter,   &report.data_sealed, &report.data_opened,
                    &report.data_of};
}

/// The same of REPAIR_REPORT.
template <typename Report>
auto counts_of(Report& report) {
  return std::array{&report.of, &report.recovered, &report.lost, &report.runs, &report.useless};
}

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

constexpr std::uint8_t kFamilyIpv4 = 4;
constexpr std::uint8_t kFamilyIpv6 = 6;

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
    case FrameType::epoch_counts:
      return EpochCountsFrame{SessionIndex{fields.u32()}, fields.u32(), fields.u32(), fields.u32()};
    default:
      error = FrameError::unknown;
      return {};
  }
}

void write_type(FrameType type, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(type));
}

void write_flow(FrameType type, FlowId flow, ByteWriter& out) {
  write_type(type, out);
  MPT_ASSERT(flow.value <= kMaxFlowId);
  out.wide_varint(flow.value);
}

void write_report(FrameType type, const PathReport& report, ByteWriter& out) {
  write_type(type, out);
  out.u8(report.path.value);
  out.u8(report.flags);
  out.u16(report.interval);
  out.u16(report.mtu);
  for (const std::uint32_t* field : fields_of(report)) out.u32(*field);
}

void write_number(FrameType type, PathId path, std::uint16_t number, ByteWriter& out) {
  write_type(type, out);
  out.u8(path.value);
  out.u16(number);
}

void write_sequence(FrameType type, PathId path, std::uint32_t sequence, ByteWriter& out) {
  write_type(type, out);
  out.u8(path.value);
  out.u32(sequence);
}

void write_token(FrameType type, std::uint64_t token, ByteWriter& out) {
  write_type(type, out);
  out.u64(token);
}

struct FrameWriter {
  ByteWriter& out;

  void operator()(const DatagramFrame& frame) const {
    if (frame.number) {
      encode_numbered_prefix(frame.flow, *frame.number, out);
      out.bytes(frame.payload);
      return;
    }
    write_flow(FrameType::datagram_len, frame.flow, out);
    MPT_ASSERT(frame.payload.size() <= kMaxVarint);
    out.varint(static_cast<std::uint16_t>(frame.payload.size()));
    out.bytes(frame.payload);
  }
  void operator()(const FlowOpenFrame& frame) const {
    write_flow(FrameType::flow_open, frame.flow, out);
    out.u64(frame.hash);
  }
  void operator()(const FlowOpenedFrame& frame) const { write_flow(FrameType::flow_opened, frame.flow, out); }
  void operator()(const FlowCloseFrame& frame) const { write_flow(FrameType::flow_close, frame.flow, out); }
  void operator()(const PingFrame& frame) const { write_report(FrameType::ping, frame.report, out); }
  void operator()(const PongFrame& frame) const { write_report(FrameType::pong, frame.report, out); }
  void operator()(const ChallengeFrame& frame) const { write_token(FrameType::challenge, frame.token, out); }
  void operator()(const EchoFrame& frame) const { write_token(FrameType::echo, frame.token, out); }
  void operator()(const CloseFrame& frame) const {
    write_type(FrameType::close, out);
    out.u8(static_cast<std::uint8_t>(frame.reason));
  }
  void operator()(const ClientHelloFrame& frame) const {
    write_type(FrameType::client_hello, out);
    out.bytes(frame.identity);
    out.u64(frame.process);
  }
  void operator()(const ServerHelloFrame& frame) const {
    write_type(FrameType::server_hello, out);
    out.u8(frame.resumed ? 1 : 0);
  }
  void operator()(const FragmentFrame& frame) const {
    encode_fragment_prefix(frame, out);
    out.bytes(frame.bytes);
  }
  void operator()(const MtuProbeFrame& frame) const {
    write_number(FrameType::mtu_probe, frame.path, frame.size, out);
  }
  void operator()(const MtuSeenFrame& frame) const {
    write_number(FrameType::mtu_seen, frame.path, frame.size, out);
  }
  void operator()(const HandshakeFrame& frame) const {
    write_type(FrameType::handshake, out);
    out.varint(static_cast<std::uint16_t>(frame.packet.size()));
    out.bytes(frame.packet);
  }
  void operator()(const NameFrame& frame) const {
    write_type(FrameType::name, out);
    MPT_ASSERT(frame.text.size() <= kMaxNameBytes);
    out.u8(frame.path.value);
    out.u8(static_cast<std::uint8_t>(frame.text.size()));
    out.bytes(frame.text);
  }
  void operator()(const SeenFromFrame& frame) const {
    write_type(FrameType::seen_from, out);
    out.u8(frame.path.value);
    out.u8(frame.address.family == Family::ipv4 ? kFamilyIpv4 : kFamilyIpv6);
    out.bytes(frame.address.address);
    out.u16(frame.address.port);
  }
  void operator()(const MarkProbeFrame& frame) const {
    write_sequence(FrameType::mark_probe, frame.path, frame.sequence, out);
  }
  void operator()(const MarkSeenFrame& frame) const {
    write_sequence(FrameType::mark_seen, frame.path, frame.sequence, out);
  }
  void operator()(const DelayFrame& frame) const {
    write_number(FrameType::delay, frame.path, frame.milliseconds, out);
  }
  void operator()(const RepairFrame& frame) const {
    encode_repair_prefix(frame, out);
    out.bytes(frame.symbol);
  }
  void operator()(const RepairReportFrame& frame) const {
    write_type(FrameType::repair_report, out);
    for (const std::uint32_t* count : counts_of(frame)) out.u32(*count);
  }
  void operator()(const EpochCountsFrame& frame) const {
    write_type(FrameType::epoch_counts, out);
    out.u32(frame.index.value);
    out.u32(frame.sealed);
    out.u32(frame.opened);
    out.u32(frame.recovered);
  }
};

}  // namespace

const char* name_of(CloseReason reason) {
  switch (reason) {
    case CloseReason::shutdown:
      return "the program ended";
    case CloseReason::no_room:
      return "no room for another session";
    case CloseReason::key_withdrawn:
      return "its key is not accepted any more";
    case CloseReason::key_sessions:
      return "its key has as many sessions as it may";
  }
  return "unknown reason";
}

namespace {

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

void encode_fragment_prefix(const FragmentFrame& fragment, ByteWriter& out) {
  write_type(FrameType::fragment, out);
  out.u8(static_cast<std::uint8_t>(fragment.type));
  out.u32(fragment.number.value);
  out.u32(fragment.total);
  out.u32(fragment.offset);
}

void encode_repair_prefix(const RepairFrame& repair, ByteWriter& out) {
  write_type(FrameType::repair, out);
  out.u32(repair.first.value);
  out.u8(repair.count);
  out.u16(repair.seed);
}

void encode_datagram_prefix(FlowId flow, ByteWriter& out) {
  write_flow(FrameType::datagram, flow, out);
}

void encode_numbered_prefix(FlowId flow, std::uint16_t number, ByteWriter& out) {
  write_flow(FrameType::numbered, flow, out);
  out.u16(number);
}

void encode_frame(const Frame& frame, ByteWriter& out) {
  std::visit(FrameWriter{out}, frame);
}

}  // namespace mptunnel
