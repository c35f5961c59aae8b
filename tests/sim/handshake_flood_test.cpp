// Forged handshakes by the thousand, from many addresses and from the network of the clients themselves: they
// must keep nobody out, and end no session.

#include <gtest/gtest.h>

#include "mptunnel/session/handshake.h"
#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

struct FloodRow {
  const char* name;
  bool has_key;
  bool from_own_network;  ///< of the clients; else from 10,000 addresses in as many networks
  std::size_t paths;
  int per_second;
  Duration time;
};

/// Makes HANDSHAKE 1 as well as somebody can who has seen those of a client, but has no key.
class Forger {
 public:
  Forger(Bench& bench, const FloodRow& row) : bench_(bench), row_(row) {
    for (std::size_t path = 0; path < bench.client.paths(); ++path) {
      bench.client.lane(path).up->set_tap([this](const Copy& copy) {
        if (copy.packet && copy.packet->type == PacketType::handshake1) seen_ = copy.packet->bytes;
      });
    }
  }

  void run(Duration time) {
    const TimePoint end = bench_.world.now() + time;
    while (bench_.world.now() < end) {
      for (owed_ += row_.per_second / 1000.0; owed_ >= 1; owed_ -= 1) send();
      bench_.run(1ms);
    }
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  void send() {
    Copy copy;
    copy.altered = seen_;
    // Without a key any 32 bytes are a public key, and anybody can make the mac.
    random_.fill(Bytes(*copy.altered).subspan(kHandshakePrefixBytes, row_.has_key ? 40 : kKeyBytes));
    if (!row_.has_key) write_handshake_mac(derive_handshake_key(nullptr).mac, *copy.altered);
    Lane& lane = bench_.client.lane(0);
    const auto number = static_cast<std::uint32_t>(random_.below(10'000));
    copy.from = {row_.from_own_network ? lane.upstream : make_endpoint(0x65000000U + (number << 8U), 1000),
                 lane.server};
    copy.from.remote.port = static_cast<std::uint16_t>(10'000 + random_.below(50'000));
    bytes_ += copy.altered->size();
    lane.up->inject(copy, Duration{});
  }

  Bench& bench_;
  FloodRow row_;
  test::TestRandom random_{5};
  std::vector<std::uint8_t> seen_;
  double owed_ = 0;
  std::uint64_t bytes_ = 0;
};

class HandshakeFlood : public testing::TestWithParam<FloodRow> {};

TEST_P(HandshakeFlood, EndsNoSessionAndKeepsNobodyOut) {
  const FloodRow& row = GetParam();
  BenchOptions options = clean_bench();
  options.client.paths = row.paths;
  if (row.has_key) {
    options.client.handshake.key.emplace().bytes.fill(1);
    options.server.settings.handshake.key = options.client.handshake.key;
  }
  Bench bench(options);
  Forger forger(bench, row);
  bench.world.context().oracle.forgive_handshake2(true);
  bench.begin();
  forger.run(row.time);

  ClientOptions newcomer = bench.client.options();
  newcomer.identity.front() = 9;
  ClientHost& late = bench.world.add_client(newcomer);
  Application& application = late.add_application({});
  late.start();
  bench.world.traffic().start(application);
  const TimePoint asked = bench.world.now();
  forger.run(row.has_key ? 1s : 3s);
  EXPECT_LE(resumed_after(application, asked), row.has_key ? 1s : 3s);

  bench.settle();
  EXPECT_EQ(bench.tally(false).lost() + bench.tally(true).lost(), 0U);
  EXPECT_EQ(bench.count<SessionStarted>(bench.client.events()) > 1, row.time > kRekeyAfter)
      << "renewed in time";
  EXPECT_LE(bench.server().engine().state().pending.size(), kMaxPendingHandshakes);
  std::printf(
      "%s: the attacker sent %.1f MB, %llu handshakes were refused by their mac, %llu asked for a proof, "
      "%llu datagrams lost\n",
      row.name, static_cast<double>(forger.bytes()) / 1e6,
      static_cast<unsigned long long>(bench.server().drops(Drop::handshake_mac)),
      static_cast<unsigned long long>(bench.server().drops(Drop::handshake_unproved)),
      static_cast<unsigned long long>(bench.tally(false).lost() + bench.tally(true).lost()));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, HandshakeFlood,
    testing::Values(FloodRow{"KeyedFromManyOnOnePath", true, false, 1, 50'000, 5s},
                    FloodRow{"KeyedFromManyOnThreePaths", true, false, 3, 50'000, 5s},
                    FloodRow{"KeyedFromTheOwnNetworkThroughARekey", true, true, 1, 5'000, 190s},
                    FloodRow{"KeylessFromManyOnOnePath", false, false, 1, 50'000, 5s},
                    FloodRow{"KeylessFromManyOnThreePaths", false, false, 3, 50'000, 5s},
                    FloodRow{"KeylessFromTheOwnNetworkThroughARekey", false, true, 3, 5'000, 190s}),
    [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace mptunnel::sim
