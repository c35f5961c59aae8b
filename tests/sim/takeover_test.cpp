#include <gtest/gtest.h>

#include "mptunnel/base/cursor.h"
#include "mptunnel/crypto/kdf.h"
#include "sim/attack_report.h"
#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

/// A second machine with the identity of the first.
ClientHost& add_twin(Bench& bench) {
  return bench.world.add_client(bench.client.options());
}

constexpr std::string_view kMachine = "0123456789abcdef";
constexpr std::string_view kListen = "127.0.0.1:3000 ";
constexpr std::string_view kConfiguration = "/etc/mptunnel/mpclient.conf";
constexpr std::string_view kWord = "garage";

/// By hand: HKDF of 32 zero bytes and the parts, which is all that a stranger can know.
ClientIdentity guess(std::string_view salt, std::initializer_list<std::string_view> parts) {
  std::vector<std::uint8_t> info;
  for (const std::string_view part : parts) {
    info.insert(info.end(), {0, 0, 0, static_cast<std::uint8_t>(part.size())});
    info.insert(info.end(), part.begin(), part.end());
  }
  ClientIdentity identity{};
  hkdf(SecretKey().bytes, mptunnel::bytes_of(salt), info, identity);
  return identity;
}

/// How often a stranger with the identity `guessed` takes over a client with this one.
std::size_t takeovers(const ClientIdentity& identity, const ClientIdentity& guessed) {
  BenchOptions options = clean_bench();
  options.client.identity = identity;
  Bench bench(options);
  bench.begin();
  bench.run(1s);
  ClientOptions stranger = bench.client.options();
  stranger.identity = guessed;
  ClientHost& host = bench.world.add_client(stranger);
  Application& application = host.add_application({});
  host.start();
  bench.world.traffic().start(application);
  const TimePoint began = bench.world.now();
  bench.run(5s);
  bench.settle();
  const std::size_t count = bench.count<ClientTakenOver>(bench.server().events());
  if (count == 0) {
    EXPECT_EQ(bench.server().sockets_opened(), 2U);
    EXPECT_EQ(bench.count<IdentitiesClash>(bench.server().events()), 0U);
    EXPECT_EQ(bench.tally(false, began).lost(), 0U);
    EXPECT_EQ(bench.tally(true, began).lost(), 0U);
  }
  return count;
}

TEST(Takeover, StrangerWhoKnowsAllButTheSecretTakesNothingOver) {
  const ClientIdentity by_parts = guess("mptunnel client identity", {kMachine, kListen, kConfiguration});
  const ClientIdentity by_word = guess("mptunnel client id", {kWord});
  SecretKey secret;
  // Where the secret can be guessed, so can the identity.
  EXPECT_EQ(takeovers(derive_client_identity(secret, kMachine, kListen, kConfiguration), by_parts), 1U);
  EXPECT_EQ(takeovers(derive_client_identity(secret, kWord), by_word), 1U);
  test::Prng random(1);
  for (std::uint8_t& byte : secret.bytes) byte = static_cast<std::uint8_t>(random.below(256));
  EXPECT_EQ(takeovers(derive_client_identity(secret, kMachine, kListen, kConfiguration), by_parts), 0U);
  EXPECT_EQ(takeovers(derive_client_identity(secret, kWord), by_word), 0U);
}

TEST(Takeover, RestartedClientKeepsItsSocketToTheTarget) {
  for (const bool new_ports : {false, true}) {
    Bench bench(clean_bench());
    bench.begin();
    bench.run(1s);
    for (int i = 0; i < 5; ++i) {
      bench.client.kill();
      if (new_ports) bench.world.new_sockets(bench.client);
      bench.run(i * 200ms);
      bench.client.start();
      bench.run(1s);
    }
    EXPECT_EQ(bench.server().sockets_opened(), 1U);
    EXPECT_EQ(bench.count<ClientTakenOver>(bench.server().events()), 5U);
    EXPECT_EQ(bench.count<IdentitiesClash>(bench.server().events()), 0U);
    EXPECT_EQ(bench.server().engine().state().table.flows(), 1U);
  }
}

TEST(Takeover, AddressOfTheFormerProcessGetsNothingUnlessTheNewOneHearsIt) {
  BenchOptions options = clean_bench();
  options.traffic = {.interval = 10ms, .push_interval = 2ms};
  Bench bench(options);
  bench.begin();
  bench.run(1s);
  bench.client.kill();
  std::vector<Endpoint> former;
  for (std::size_t i = 0; i < 3; ++i) former.push_back(bench.client.lane(i).upstream);
  bench.world.new_sockets(bench.client);
  // Somebody who can forge addresses, and is faster, has all of the new process come from the old one's.
  for (std::size_t i = 0; i < 3; ++i) {
    Lane& lane = bench.client.lane(i);
    lane.up->set_tap([&lane, from = former[i]](const Copy& copy) {
      Copy forged = copy;
      forged.from.remote = from;
      lane.up->inject(forged, 1ms);
    });
  }
  bench.client.start();
  const TimePoint started = bench.world.now();
  // AddressGuard would see data that goes to the former addresses.
  bench.run(10s);
  EXPECT_EQ(bench.count<ClientTakenOver>(bench.server().events()), 1U);
  EXPECT_LE(resumed_after(bench.application, started), 300ms);
  for (std::size_t i = 0; i < 3; ++i) bench.client.lane(i).up->set_tap(nullptr);
  bench.settle();
  // Replies to the former process are lost with it.
  EXPECT_EQ(bench.tally(false, started).lost(), 0U);
  expect_attack_costs_nothing(bench, {.attacker_bytes = injected_bytes(bench),
                                      .defenders = {{&bench.client, started + 1s}},
                                      .more = "no data went to the former addresses"});
}

TEST(Takeover, FormerSessionIsGoneAfterTenSeconds) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  bench.client.kill();
  bench.client.start();
  bench.run(2s);
  EXPECT_EQ(bench.server().engine().state().table.all().size(), 2U);
  bench.run(10s);
  EXPECT_EQ(bench.server().engine().state().table.all().size(), 1U);
}

TEST(Takeover, RepliesToTheFormerProcessReachNoOtherApplication) {
  BenchOptions options = clean_bench();
  options.traffic = {.interval = 10ms, .push_interval = 5ms};
  Bench bench(options);
  Application& other = bench.client.add_application({.interval = 10ms});
  bench.begin();
  bench.run(1s);
  // The new process knows only the other application, which gets the flow id that the first one had.
  bench.application.traffic.interval = 1h;
  bench.client.kill();
  bench.run(100ms);
  bench.client.start();
  bench.world.traffic().start(other);
  const std::uint64_t before = bench.application.received;
  const std::uint64_t expired = bench.server().drops(Drop::queue_expired);
  bench.run(5s);
  EXPECT_GT(other.round_trips.size(), 200U);
  EXPECT_EQ(bench.application.received, before);
  // The target sent to it all the time.
  EXPECT_GT(bench.server().drops(Drop::queue_expired), expired + 500);
}

TEST(Takeover, TwoLiveProcessesAreSeparatedAfterTwoSeconds) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  ClientHost& twin = add_twin(bench);
  Application& application = twin.add_application({});
  twin.start();
  const TimePoint began = bench.world.now();
  bench.world.traffic().start(application);
  bench.run(1900ms);
  EXPECT_LE(resumed_after(application, began), 300ms);
  EXPECT_EQ(bench.count<IdentitiesClash>(bench.server().events()), 0U);
  bench.run(300ms);
  EXPECT_EQ(bench.count<IdentitiesClash>(bench.server().events()), 1U);
  const TimePoint separated = bench.world.now();
  bench.run(10s);
  EXPECT_LE(resumed_after(bench.application, separated), 200ms);
  EXPECT_LE(resumed_after(application, separated), 200ms);
  EXPECT_EQ(bench.server().engine().state().table.all().size(), 2U);
  EXPECT_EQ(bench.count<IdentitiesClash>(bench.server().events()), 1U);
  EXPECT_EQ(bench.server().sockets_opened(), 3U);
}

TEST(Takeover, SeparatedProcessesLoseNothingAnyMore) {
  Bench bench(clean_bench());
  bench.begin();
  ClientHost& twin = add_twin(bench);
  twin.start();
  bench.world.traffic().start(twin.add_application({}));
  bench.run(5s);
  // Through three rekeys of both.
  const TimePoint separated = bench.world.now();
  bench.run(400s);
  bench.settle();
  EXPECT_EQ(bench.tally(false, separated).lost(), 0U);
  EXPECT_EQ(bench.tally(true, separated).lost(), 0U);
}

TEST(Takeover, HelloThatComesLateTakesNothingOver) {
  Bench bench(clean_bench());
  bench.begin();
  // The last words of the first process before it was killed are held back on path 0.
  std::vector<Copy> held;
  bench.client.lane(0).up->set_tap([&](const Copy& copy) { held.push_back(copy); });
  bench.client.lane(0).up->set_filter([](const Copy&) { return false; });
  bench.server().kill();
  bench.server().start();
  bench.run(2s);
  bench.client.kill();
  bench.client.start();
  bench.run(1s);
  bench.client.lane(0).up->set_tap(nullptr);
  const std::size_t before = bench.count<ClientTakenOver>(bench.server().events());
  for (const Copy& copy : held) bench.client.lane(0).up->inject(copy, 1ms);
  const TimePoint released = bench.world.now();
  bench.run(1s);
  EXPECT_GT(held.size(), 100U);
  EXPECT_EQ(bench.count<ClientTakenOver>(bench.server().events()), before);
  EXPECT_LE(resumed_after(bench.application, released), 100ms);
}

}  // namespace
}  // namespace mptunnel::sim
