// The other half of frame.cpp: frames as bytes.
#include "frame_fields.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/limits.h"

namespace mptunnel {
namespace {

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
  void operator()(const AckFrame& frame) const {
    write_type(FrameType::ack, out);
    MPT_ASSERT(frame.count > 0 && frame.count <= kMaxAckSamples);
    out.u8(frame.path.value);
    out.u32(frame.time);
    out.u32(frame.packets);
    out.u32(frame.bytes);
    out.u8(frame.count);
    for (const AckSample& sample : frame.sampled()) {
      out.u8(static_cast<std::uint8_t>(sample.type));
      out.u32(sample.number.value);
      out.u32(sample.age);
    }
  }
  void operator()(const AckWantedFrame& frame) const {
    write_type(FrameType::ack_wanted, out);
    out.u16(frame.interval);
    out.u16(frame.packets);
  }
  void operator()(const EpochCountsFrame& frame) const {
    write_type(FrameType::epoch_counts, out);
    out.u32(frame.index.value);
    out.u32(frame.sealed);
    out.u32(frame.opened);
    out.u32(frame.recovered);
  }
  void operator()(const IpFrame& frame) const {
    encode_ip_prefix(frame.number, out);
    out.bytes(frame.packet);
  }
  void operator()(const AddressesWantedFrame& frame) const {
    write_addresses(FrameType::addresses_wanted, frame);
  }
  void operator()(const AddressesGivenFrame& frame) const {
    write_addresses(FrameType::addresses_given, frame);
  }

 private:
  template <typename Addresses>
  void write_addresses(FrameType type, const Addresses& frame) const {
    write_type(type, out);
    out.u8(frame.sequence);
    out.u8(frame.count);
    out.bytes(frame.entries);
  }
};

}  // namespace

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
