// The codecs of headers and frames. One item is one header or one frame.

#include <array>

#include "mptunnel/wire/frame.h"
#include "mptunnel/wire/header.h"
#include "mptunnel/wire/limits.h"
#include "report.h"

namespace mptunnel::bench {
namespace {

const PacketHeader kHeader{PacketType::data, SessionIndex{0xabcdef}, PacketNumber{123'456}};

void EncodeHeader(benchmark::State& state) {
  std::array<std::uint8_t, kHeaderBytes> bytes{};
  PacketHeader header = kHeader;
  for (auto _ : state) {
    ++header.number.value;
    encode_header(header, bytes);
    benchmark::DoNotOptimize(bytes);
  }
  report_items(state, state.iterations());
}
BENCHMARK(EncodeHeader);

void DecodeHeader(benchmark::State& state) {
  std::array<std::uint8_t, kHeaderBytes> bytes{};
  encode_header(kHeader, bytes);
  for (auto _ : state) {
    benchmark::DoNotOptimize(bytes);
    const auto header = decode_header(bytes);
    benchmark::DoNotOptimize(header);
  }
  report_items(state, state.iterations());
}
BENCHMARK(DecodeHeader);

/// What stands before the payload of a DATAGRAM: flow ids below 64 take a byte, others two.
void EncodeDatagramPrefix(benchmark::State& state) {
  FlowId flow{static_cast<std::uint16_t>(state.range(0))};
  std::array<std::uint8_t, 16> bytes{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(flow);
    ByteWriter writer(bytes);
    encode_datagram_prefix(flow, writer);
    benchmark::DoNotOptimize(bytes);
  }
  report_items(state, state.iterations());
}
BENCHMARK(EncodeDatagramPrefix)->ArgName("flow")->Arg(5)->Arg(500);

/// The frames of an opened packet, to their end.
void read_frames(benchmark::State& state, ConstBytes frames) {
  std::int64_t items = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(frames);
    FrameReader reader(frames);
    while (const auto frame = reader.next()) {
      benchmark::DoNotOptimize(frame);
      ++items;
    }
  }
  report_items(state, items);
}

void ReadDatagram(benchmark::State& state) {
  std::array<std::uint8_t, 1400> bytes{};
  ByteWriter writer(bytes);
  encode_datagram_prefix(FlowId{static_cast<std::uint16_t>(state.range(0))}, writer);
  read_frames(state, bytes);
}
BENCHMARK(ReadDatagram)->ArgName("flow")->Arg(5)->Arg(500);

/// The same as the engines read it: a packet that is one DATAGRAM.
void ReadWholeDatagram(benchmark::State& state) {
  std::array<std::uint8_t, 1400> bytes{};
  ByteWriter writer(bytes);
  encode_datagram_prefix(FlowId{static_cast<std::uint16_t>(state.range(0))}, writer);
  ConstBytes frames = bytes;
  for (auto _ : state) {
    benchmark::DoNotOptimize(frames);
    const auto datagram = whole_datagram(frames);
    benchmark::DoNotOptimize(datagram);
  }
  report_items(state, state.iterations());
}
BENCHMARK(ReadWholeDatagram)->ArgName("flow")->Arg(5)->Arg(500);

void ReadPing(benchmark::State& state) {
  std::array<std::uint8_t, 32> bytes{};
  ByteWriter writer(bytes);
  encode_frame(PingFrame{{PathId{1}, 2, 3, 4, 5}}, writer);
  read_frames(state, ConstBytes(bytes).first(writer.written()));
}
BENCHMARK(ReadPing);

void EncodePing(benchmark::State& state) {
  PathReport report{PathId{1}, 2, 3, 4, 5};
  std::array<std::uint8_t, 32> bytes{};
  for (auto _ : state) {
    ++report.sequence;
    ByteWriter writer(bytes);
    encode_frame(PingFrame{report}, writer);
    benchmark::DoNotOptimize(bytes);
  }
  report_items(state, state.iterations());
}
BENCHMARK(EncodePing);

}  // namespace
}  // namespace mptunnel::bench
