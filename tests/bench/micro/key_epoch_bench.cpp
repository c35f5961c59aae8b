// Sealing and opening DATA packets with a key epoch, by cipher and by the size of the datagram in them. One
// item is one packet. Opening includes the received set.

#include <vector>

#include "mptunnel/session/key_epoch.h"
#include "mptunnel/wire/frame.h"
#include "report.h"
#include "stopwatch.h"

namespace mptunnel::bench {
namespace {

constexpr TimePoint kNow{100s};
constexpr std::size_t kBatch = 256;

KeyEpoch make_epoch(Cipher cipher, Role role) {
  NoiseSplit split;
  split.initiator_to_responder.bytes.fill(1);
  split.responder_to_initiator.bytes.fill(2);
  return {SessionIndex{1}, SessionIndex{2}, derive_traffic_keys(split, kProtocolVersion, cipher, role),
          kKnownFrames, kNow};
}

/// Packets of one size, back to back.
class Packets {
 public:
  explicit Packets(benchmark::State& state)
      : cipher_(static_cast<Cipher>(state.range(0))),
        payload_(static_cast<std::size_t>(state.range(1)), 0x5a),
        client_(make_epoch(cipher_, Role::client)),
        stride_(client_.data_overhead() + datagram_prefix_bytes(FlowId{5}) + payload_.size()),
        bytes_(kBatch * stride_) {
    ByteWriter writer(head_);
    encode_datagram_prefix(FlowId{5}, writer);
    state.SetLabel(name_of(cipher_));
  }

  [[nodiscard]] Cipher cipher() const { return cipher_; }
  [[nodiscard]] std::uint32_t sealed() const { return client_.data_sealed(); }
  Bytes packet(std::size_t i) { return Bytes(bytes_).subspan(i * stride_, stride_); }
  bool seal(std::size_t i) { return client_.seal_data(head_, payload_, packet(i), kNow).has_value(); }

 private:
  Cipher cipher_;
  std::vector<std::uint8_t> payload_;
  std::array<std::uint8_t, datagram_prefix_bytes(FlowId{5})> head_{};
  KeyEpoch client_;
  std::size_t stride_;
  std::vector<std::uint8_t> bytes_;
};

void Seal(benchmark::State& state) {
  Packets packets(state);
  std::size_t at = 0;
  for (auto _ : state) {
    if (!packets.seal(at++ % kBatch)) state.SkipWithError("a packet was not sealed");
  }
  report_items(state, state.iterations());
}

void Open(benchmark::State& state) {
  Packets packets(state);
  KeyEpoch server = make_epoch(packets.cipher(), Role::server);
  Stopwatch stopwatch;
  for (auto _ : state) {
    bool is_fine = true;
    for (std::size_t i = 0; i < kBatch; ++i) is_fine = packets.seal(i) && is_fine;
    server.announce_data(packets.sealed());
    stopwatch.start();
    for (std::size_t i = 0; i < kBatch; ++i) {
      const auto header = decode_header(packets.packet(i));
      is_fine = server.open_data(*header, packets.packet(i), kNow).has_value() && is_fine;
    }
    stopwatch.stop(state);
    if (!is_fine) state.SkipWithError("a packet was not opened");
  }
  report_items(state, state.iterations() * static_cast<std::int64_t>(kBatch));
}

void by_cipher_and_size(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"cipher", "size"});
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305, Cipher::none}) {
    for (const int size : {64, 512, 1400}) benchmark->Args({static_cast<int>(cipher), size});
  }
}
BENCHMARK(Seal)->Apply(by_cipher_and_size);
BENCHMARK(Open)->Apply(by_cipher_and_size)->UseManualTime();

}  // namespace
}  // namespace mptunnel::bench
