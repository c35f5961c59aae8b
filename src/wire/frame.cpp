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

/// Gathers the optional results of several reads, so that a decoder reads like the layout.
class FieldReader {
 public:
  explicit FieldReader(ByteReader& reader) : reader_(reader) {}

  std::uint8_t u8() { return take(reader_.u8()); }
  std::uint16_t u16() { return take(reader_.u16()); }
  std::uint32_t u32() { return take(reader_.u32()); }
  std::uint64_t u64() { return take(reader_.u64()); }
  std::uint16_t varint() { return take(reader_.varint()); }
  FlowId flow() { return FlowId{varint()}; }
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

DatagramFrame read_datagram(FieldReader& fields, const ByteReader& reader) {
  const FlowId flow = fields.flow();
  return {flow, fields.bytes(reader.rest().size())};
}

DatagramFrame read_datagram_len(FieldReader& fields) {
  const FlowId flow = fields.flow();
  const std::uint16_t length = fields.varint();
  return {flow, fields.bytes(length)};
}

FlowOpenFrame read_flow_open(FieldReader& fields) {
  const FlowId flow = fields.flow();
  return {flow, fields.u64()};
}

/// Whether the fragment can be a part of any packet.
bool is_possible(const FragmentFrame& fragment) {
  const bool known = fragment.type == PacketType::data || fragment.type == PacketType::control;
  return known && !fragment.bytes.empty() && fragment.total <= kMaxSealedBytes - kHeaderBytes &&
         fragment.offset < fragment.total && fragment.bytes.size() <= fragment.total - fragment.offset;
}

FragmentFrame read_fragment(FieldReader& fields, const ByteReader& reader, FrameError& error) {
  FragmentFrame fragment;
  fragment.type = static_cast<PacketType>(fields.u8());
  fragment.number = PacketNumber{fields.u32()};
  fragment.total = fields.u32();
  fragment.offset = fields.u32();
  fragment.bytes = fields.bytes(reader.rest().size());
  if (fields.complete() && !is_possible(fragment)) error = FrameError::invalid;
  return fragment;
}

ServerHelloFrame read_server_hello(FieldReader& fields, FrameError& error) {
  const std::uint8_t resumed = fields.u8();
  if (resumed > 1) error = FrameError::invalid;
  return {resumed == 1};
}

/// MTU_PROBE or MTU_SEEN.
template <typename SizeFrame>
SizeFrame read_size(FieldReader& fields) {
  const PathId path{fields.u8()};
  return {path, fields.u16()};
}

ClientHelloFrame read_client_hello(FieldReader& fields) {
  ClientHelloFrame hello;
  const ConstBytes identity = fields.bytes(hello.identity.size());
  std::copy(identity.begin(), identity.end(), hello.identity.begin());
  hello.process = fields.u64();
  return hello;
}

void write_type(FrameType type, ByteWriter& out) {
  out.u8(static_cast<std::uint8_t>(type));
}

void write_flow(FrameType type, FlowId flow, ByteWriter& out) {
  write_type(type, out);
  out.varint(flow.value);
}

void write_report(FrameType type, const PathReport& report, ByteWriter& out) {
  write_type(type, out);
  out.u8(report.path.value);
  out.u8(report.flags);
  out.u16(report.interval);
  out.u16(report.mtu);
  for (const std::uint32_t* field : fields_of(report)) out.u32(*field);
}

void write_size(FrameType type, PathId path, std::uint16_t size, ByteWriter& out) {
  write_type(type, out);
  out.u8(path.value);
  out.u16(size);
}

void write_token(FrameType type, std::uint64_t token, ByteWriter& out) {
  write_type(type, out);
  out.u64(token);
}

struct FrameWriter {
  ByteWriter& out;

  void operator()(const DatagramFrame& frame) const {
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
    write_size(FrameType::mtu_probe, frame.path, frame.size, out);
  }
  void operator()(const MtuSeenFrame& frame) const {
    write_size(FrameType::mtu_seen, frame.path, frame.size, out);
  }
};

}  // namespace

const char* name_of(CloseReason reason) {
  switch (reason) {
    case CloseReason::shutdown:
      return "the program ended";
    case CloseReason::no_room:
      return "no room for another session";
  }
  return "unknown reason";
}

std::optional<Frame> FrameReader::next() {
  if (error_ != FrameError::none) return std::nullopt;
  while (const auto type = reader_.u8()) {
    if (static_cast<FrameType>(*type) != FrameType::padding) return read(static_cast<FrameType>(*type));
  }
  return std::nullopt;
}

std::optional<Frame> FrameReader::read(FrameType type) {
  FieldReader fields(reader_);
  Frame frame;
  switch (type) {
    case FrameType::datagram:
      frame = read_datagram(fields, reader_);
      break;
    case FrameType::datagram_len:
      frame = read_datagram_len(fields);
      break;
    case FrameType::flow_open:
      frame = read_flow_open(fields);
      break;
    case FrameType::flow_opened:
      frame = FlowOpenedFrame{fields.flow()};
      break;
    case FrameType::flow_close:
      frame = FlowCloseFrame{fields.flow()};
      break;
    case FrameType::ping:
      frame = PingFrame{read_report(fields)};
      break;
    case FrameType::pong:
      frame = PongFrame{read_report(fields)};
      break;
    case FrameType::challenge:
      frame = ChallengeFrame{fields.u64()};
      break;
    case FrameType::echo:
      frame = EchoFrame{fields.u64()};
      break;
    case FrameType::close:
      frame = CloseFrame{static_cast<CloseReason>(fields.u8())};
      break;
    case FrameType::client_hello:
      frame = read_client_hello(fields);
      break;
    case FrameType::server_hello:
      frame = read_server_hello(fields, error_);
      break;
    case FrameType::fragment:
      frame = read_fragment(fields, reader_, error_);
      break;
    case FrameType::mtu_probe:
      frame = read_size<MtuProbeFrame>(fields);
      break;
    case FrameType::mtu_seen:
      frame = read_size<MtuSeenFrame>(fields);
      break;
    default:
      error_ = FrameError::unknown;
  }
  if (error_ == FrameError::none && !fields.complete()) error_ = FrameError::truncated;
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

void encode_datagram_prefix(FlowId flow, ByteWriter& out) {
  write_flow(FrameType::datagram, flow, out);
}

void encode_frame(const Frame& frame, ByteWriter& out) {
  std::visit(FrameWriter{out}, frame);
}

}  // namespace mptunnel
