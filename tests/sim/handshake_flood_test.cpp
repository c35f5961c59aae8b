// Forged handshakes by the thousand, from many addresses and from the network of the clients themselves: they
// must keep nobody out, and end no session.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "mptunnel/session/handshake.h"
#include "sim/attack_report.h"
#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kIsSanitized = true;
#elif defined(__has_feature)
constexpr bool kIsSanitized = __has_feature(address_sanitizer);
#else
constexpr bool kIsSanitized = false;
#endif

/// Forged handshakes a second.
struct Rates {
  int from_many = 0;         ///< from 10,000 addresses in as many networks
  int from_own_network = 0;  ///< of the clients
};

/// Makes HANDSHAKE 1 as well as somebody can who has seen those of a client, but has no key.
class Forger {
 public:
  Forger(Bench& bench, bool has_key) : bench_(bench), has_key_(has_key) {
    for (std::size_t path = 0; path < bench.client.paths(); ++path) {
      bench.client.lane(path).up->set_tap([this](const Copy& copy) {
        if (copy.packet && copy.packet->type == PacketType::handshake1) seen_ = copy.packet->bytes;
      });
    }
    bench.world.context().oracle.forgive_handshake2(true);
  }

  void run(const Rates& rates, Duration time) {
    const TimePoint end = bench_.world.now() + time;
    while (bench_.world.now() < end) {
      for (owed_by_many_ += rates.from_many / 1000.0; owed_by_many_ >= 1; --owed_by_many_) send(false);
      for (owed_ += rates.from_own_network / 1000.0; owed_ >= 1; --owed_) send(true);
      bench_.run(1ms);
    }
  }

 private:
  void send(bool from_own_network) {
    Copy copy;
    copy.altered = seen_;
    // Without a key any 32 bytes are a public key, and anybody can make the mac.
    random_.fill(Bytes(*copy.altered).subspan(kHandshakePrefixBytes, has_key_ ? 40 : kKeyBytes));
    if (!has_key_) write_handshake_mac(mac_key_, *copy.altered);
    Lane& lane = bench_.client.lane(0);
    const auto number = static_cast<std::uint32_t>(random_.below(10'000));
    copy.from = {from_own_network ? lane.upstream : make_endpoint(0x65000000U + (number << 8U), 1000),
                 lane.server};
    if (from_own_network) copy.from.remote.address[3] = static_cast<std::uint8_t>(random_.below(256));
    copy.from.remote.port = static_cast<std::uint16_t>(10'000 + random_.below(50'000));
    lane.up->inject(copy, Duration{});
  }

  Bench& bench_;
  bool has_key_;
  SipHashKey mac_key_ = derive_handshake_key(nullptr).mac;
  test::TestRandom random_{5};
  std::vector<std::uint8_t> seen_;
  double owed_by_many_ = 0;
  double owed_ = 0;
};

struct FloodRow {
  const char* name;
  bool has_key;
  std::size_t paths;
  Rates rates{};
};

class HandshakeFlood : public testing::TestWithParam<FloodRow> {
 protected:
  static BenchOptions options() {
    BenchOptions options = clean_bench();
    options.client.paths = GetParam().paths;
    if (GetParam().has_key) {
      options.client.handshake.key.emplace().bytes.fill(1);
      options.server.settings.handshake.key = options.client.handshake.key;
    }
    return options;
  }
  [[nodiscard]] static Duration bound() { return GetParam().has_key ? 1s : 3s; }

  /// A new client in the network of the first one begins now.
  Application& add_newcomer() {
    ClientOptions newcomer = bench_.client.options();
    newcomer.identity.front() = ++newcomers_;
    ClientHost& host = bench_.world.add_client(newcomer);
    for (std::size_t path = 0; path < host.paths(); ++path) {
      Endpoint place = bench_.client.lane(path).upstream;
      place.address[3] = static_cast<std::uint8_t>(20 * newcomers_ + path);
      bench_.world.rebind_to(host, path, place);
    }
    Application& application = host.add_application({.interval = 200ms});
    host.start();
    bench_.world.traffic().start(application);
    return application;
  }
  void expect_nothing_lost(std::string_view more) {
    bench_.settle();
    EXPECT_LE(bench_.server().engine().state().pending.size(), kMaxPendingHandshakes);
    EXPECT_EQ(bench_.count<ClientSessionSilent>(bench_.server().events()), 0U);
    expect_attack_costs_nothing(
        bench_,
        {.attacker_bytes = injected_bytes(bench_),
         .more = fmt::format("{}; {} handshakes refused by their mac, {} asked for a proof, {} beyond a "
                             "budget",
                             more, bench_.server().drops(Drop::handshake_mac),
                             bench_.server().drops(Drop::handshake_unproved),
                             bench_.server().drops(Drop::handshake_rate))});
  }

  Bench bench_{options()};
  Forger forger_{bench_, GetParam().has_key};

 private:
  std::uint8_t newcomers_ = 0;
};

double in_ms(Duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

TEST_P(HandshakeFlood, EndsNoSessionAndKeepsNobodyOut) {
  bench_.begin();
  forger_.run(GetParam().rates, 5s);
  const TimePoint asked = bench_.world.now();
  const Application& newcomer = add_newcomer();
  forger_.run(GetParam().rates, bound());
  const Duration in = resumed_after(newcomer, asked);
  EXPECT_LE(in, bound());
  expect_nothing_lost(fmt::format("a new client was in after {:.0f} ms", in_ms(in)));
}

INSTANTIATE_TEST_SUITE_P(Rows, HandshakeFlood,
                         testing::Values(FloodRow{"KeyedFromManyOnOnePath", true, 1, {50'000, 0}},
                                         FloodRow{"KeyedFromManyOnThreePaths", true, 3, {50'000, 0}},
                                         FloodRow{"KeyedFromTheOwnNetworkOnOnePath", true, 1, {0, 5'000}},
                                         FloodRow{"KeyedFromTheOwnNetworkOnThreePaths", true, 3, {0, 5'000}},
                                         FloodRow{"KeylessFromManyOnOnePath", false, 1, {50'000, 0}},
                                         FloodRow{"KeylessFromManyOnThreePaths", false, 3, {50'000, 0}},
                                         FloodRow{"KeylessFromTheOwnNetworkOnOnePath", false, 1, {0, 5'000}},
                                         FloodRow{
                                             "KeylessFromTheOwnNetworkOnThreePaths", false, 3, {0, 5'000}}),
                         [](const auto& row) { return std::string(row.param.name); });

/// Ten minutes. At the rates above that would be 33 million packets a row. What the server does for strangers
/// is bounded by budgets, so the flood is as thin as still exhausts each of them:
///
///     handshakes without a proof, 48 a second           by either flood, all the time
///     cookies of a network, 2,000 a second              by 2,500 a second from the clients' own, all the
///     time cookies of all, 50,000 a second and 5,000 at once by 120,000 a second from many, for 100 ms each
///     10 s
///
/// With a key none of these is reached: the mac ends the forged ones.
constexpr Rates kThin{0, 2'500};
constexpr Rates kBurst{120'000, 2'500};
constexpr Duration kBurstTime = 100ms;
constexpr Duration kBurstsBegin = 10s;
// Sanitizers make it eight times as long; a rekey falls within three minutes.
constexpr int kBursts = kIsSanitized ? 18 : 60;
constexpr int kBurstsPerNewcomer = 6;

class LongHandshakeFlood : public HandshakeFlood {
 protected:
  /// The longest that the client used one key, so far.
  void watch_key() {
    const LinkEpoch* epoch = bench_.client.engine().state().link.current();
    ASSERT_NE(epoch, nullptr);
    longest_key_ = std::max(longest_key_, bench_.world.now() - epoch->keys().created());
  }
  /// The longest time between two answers that came to the first application.
  [[nodiscard]] Duration longest_gap() const {
    Duration longest{};
    const auto& trips = bench_.application.round_trips;
    for (std::size_t i = 1; i < trips.size(); ++i)
      longest = std::max(longest, trips[i].answered - trips[i - 1].answered);
    return longest;
  }

  Duration longest_key_{};
};

TEST_P(LongHandshakeFlood, DelaysNoRekeyAndKeepsNobodyOut) {
  bench_.begin();
  std::vector<Duration> in;
  for (int burst = 0; burst < kBursts; ++burst) {
    const TimePoint began = bench_.world.now();
    // The newcomer begins in the middle of a burst, when nothing is left of any budget.
    forger_.run(kBurst, kBurstTime / 2);
    const TimePoint asked = bench_.world.now();
    Application* newcomer = burst % kBurstsPerNewcomer == 0 ? &add_newcomer() : nullptr;
    forger_.run(kBurst, kBurstTime / 2);
    while (bench_.world.now() < began + kBurstsBegin) {
      forger_.run(kThin, 100ms);
      watch_key();
    }
    if (newcomer == nullptr) continue;
    in.push_back(resumed_after(*newcomer, asked));
    EXPECT_LE(in.back(), bound()) << "newcomer " << in.size();
    Traffic::stop(*newcomer);
  }
  const auto seconds = kBursts * kBurstsBegin / 1s;
  EXPECT_EQ(bench_.count<SessionStarted>(bench_.client.events()),
            1U + static_cast<std::size_t>(seconds / (kRekeyAfter / 1s)));
  EXPECT_LE(longest_key_, kRekeyAfter + 1s) << "renewed in time";
  EXPECT_LE(longest_gap(), 60ms) << "datagrams leave each 10 to 30 ms, and take 20 ms there and back";
  expect_nothing_lost(
      fmt::format("{} s, the longest gap {:.0f} ms, a key was used {:.1f} s at most, {} new "
                  "clients were in after {:.0f} ms at most",
                  seconds, in_ms(longest_gap()), in_ms(longest_key_) / 1000, in.size(),
                  in_ms(*std::max_element(in.begin(), in.end()))));
}

INSTANTIATE_TEST_SUITE_P(Rows, LongHandshakeFlood,
                         testing::Values(FloodRow{"KeyedOnOnePath", true, 1},
                                         FloodRow{"KeyedOnThreePaths", true, 3},
                                         FloodRow{"KeylessOnOnePath", false, 1},
                                         FloodRow{"KeylessOnThreePaths", false, 3}),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace mptunnel::sim
