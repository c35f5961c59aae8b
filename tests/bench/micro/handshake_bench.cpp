// What a HANDSHAKE 1 costs a server that has so many keys: one whose key is not ours, one with a seen prefix
// and a false mac, and a genuine one, which is read and answered. One item is one packet.

#include <string>
#include <vector>

#include "mptunnel/session/pending_handshakes.h"
#include "report.h"
#include "support/test_random.h"

namespace mptunnel::bench {
namespace {

constexpr TimePoint kNow{100s};

SecretKey key_of(std::uint32_t number) {
  SecretKey key;
  for (std::size_t i = 0; i < 4; ++i) key.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
  return key;
}

/// A server with the keys 1 to N in its keyring.
class Server {
 public:
  explicit Server(std::int64_t keys) : keyring_(keys_of(keys)) {}

  Drop answer(ConstBytes packet, TimePoint now) {
    const auto given = pending_.answer(
        packet, from_, [](SessionIndex) { return true; }, now);
    return given ? Drop::count_ : given.error();
  }
  void expire(TimePoint now) { pending_.expire(now); }
  /// HANDSHAKE 1 with this key.
  std::vector<std::uint8_t> message(std::uint32_t key) {
    HandshakeSettings settings;
    settings.key = key_of(key);
    ClientHandshake client(settings, random_);
    client.begin(SessionIndex{1}, kNow);
    const ConstBytes message = client.message();
    return {message.begin(), message.end()};
  }

 private:
  static ServerKeys keys_of(std::int64_t keys) {
    std::vector<NamedKey> named;
    for (std::int64_t i = 1; i <= keys; ++i)
      named.push_back({std::to_string(i), key_of(static_cast<std::uint32_t>(i)), {}, false});
    return {std::nullopt, std::move(named)};
  }

  test::TestRandom random_{1};
  Keyring keyring_;
  PendingHandshakes pending_{{}, keyring_, random_};
  Endpoint from_ = *parse_numeric_endpoint("192.0.2.1", 4000);
};

void refuse(benchmark::State& state, std::uint32_t key, bool is_forged, Drop wanted) {
  Server server(state.range(0));
  auto packet = server.message(key);
  if (is_forged) packet.back() ^= 1U;
  for (auto _ : state) {
    if (server.answer(packet, kNow) != wanted) state.SkipWithError("it was not refused as it should be");
  }
  report_items(state, state.iterations());
}

void OtherKey(benchmark::State& state) {
  refuse(state, 1'000'000, false, Drop::handshake_key);
}
BENCHMARK(OtherKey)->ArgName("keys")->Arg(1)->Arg(1000)->Arg(4096);

void FalseMac(benchmark::State& state) {
  refuse(state, static_cast<std::uint32_t>(state.range(0)), true, Drop::handshake_mac);
}
BENCHMARK(FalseMac)->ArgName("keys")->Arg(1)->Arg(1000)->Arg(4096);

void Genuine(benchmark::State& state) {
  Server server(state.range(0));
  const auto last = static_cast<std::uint32_t>(state.range(0));
  TimePoint now = kNow;
  for (auto _ : state) {
    state.PauseTiming();
    now += 1s;  // within all budgets
    server.expire(now);
    const auto packet = server.message(last);
    state.ResumeTiming();
    if (server.answer(packet, now) != Drop::count_) state.SkipWithError("it was not answered");
  }
  report_items(state, state.iterations());
}
BENCHMARK(Genuine)->ArgName("keys")->Arg(1)->Arg(1000)->Arg(4096);

}  // namespace
}  // namespace mptunnel::bench
