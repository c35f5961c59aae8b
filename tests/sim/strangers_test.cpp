// What peers and strangers try at the server's tables and its log, and what it costs the others: nothing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <numeric>

#include "sim/attack_report.h"
#include "sim/bench.h"

namespace mptunnel::sim {
namespace {

ClientHost& add_peer(Bench& bench, std::size_t number, std::size_t paths = 1) {
  ClientOptions options = bench.client.options();
  options.identity[0] = static_cast<std::uint8_t>(number);
  options.identity[1] = static_cast<std::uint8_t>(1 + number / 256);
  options.paths = paths;
  return bench.world.add_client(options);
}

bool has_type(const Copy& copy, PacketType type) {
  return copy.bytes()[0] == static_cast<std::uint8_t>(type);
}

/// Hosts that make handshakes from their own addresses, and send all that follows from a forged one.
class Forgers {
 public:
  /// The source is another one of the victim's network.
  Forgers(Bench& bench, std::size_t count, const Endpoint& victim) : bench_(bench) {
    for (std::size_t i = 0; i < count; ++i) {
      ClientHost& host = add_peer(bench, 100 + i);
      hosts_.push_back(&host);
      Route forged{victim.with_port(static_cast<std::uint16_t>(1000 + i)), host.lane(0).server};
      forged.remote.address[3] = 200;
      Link& up = *host.lane(0).up;
      up.set_filter([](const Copy& copy) { return has_type(copy, PacketType::handshake1); });
      up.set_tap([&up, forged](const Copy& copy) {
        if (has_type(copy, PacketType::handshake1)) return;
        Copy sent = copy;
        sent.from = forged;
        up.inject(sent, 5ms);
      });
    }
  }
  Forgers(const Forgers&) = delete;
  Forgers& operator=(const Forgers&) = delete;
  ~Forgers() {
    for (ClientHost* host : hosts_) {
      host->lane(0).up->set_tap(nullptr);
      host->lane(0).up->set_filter(nullptr);
      host->kill();
    }
  }

  void start(Duration between) {
    for (ClientHost* host : hosts_) {
      host->start();
      bench_.run(between);
    }
  }
  [[nodiscard]] const std::vector<ClientHost*>& hosts() const { return hosts_; }

 private:
  Bench& bench_;
  std::vector<ClientHost*> hosts_;
};

TEST(Strangers, ForgedSourcesKeepNobodyOut) {
  BenchOptions options = clean_bench();
  options.server.settings.max_sessions = 100;
  options.server.settings.max_sessions_of_network = 50;
  Bench bench(options);
  bench.begin();
  ClientHost& newcomer = add_peer(bench, 1, 3);
  Application& application = newcomer.add_application({});
  const SessionTable& table = bench.server().engine().state().table;
  Duration in{};
  std::uint64_t bytes = 0;
  {
    Forgers forgers(bench, 300, newcomer.lane(0).upstream);
    forgers.start(10ms);
    EXPECT_GT(table.all().size(), 100U);
    EXPECT_LE(table.all().size(), 1 + kMaxUnsettledSessions);
    newcomer.start();
    const TimePoint began = bench.world.now();
    bench.world.traffic().start(application);
    bench.run(5s);
    in = resumed_after(application, began);
    bytes = bytes_of(forgers.hosts());
    EXPECT_LE(in, 500ms);
    EXPECT_EQ(bench.count<SessionRefused>(newcomer.events()), 0U);
  }
  bench.run(15s);
  EXPECT_EQ(table.all().size(), 2U);
  EXPECT_EQ(bench.count<ClientSessionStarted>(bench.server().events()), 2U);
  bench.settle();
  expect_attack_costs_nothing(
      bench, {.attacker_bytes = bytes, .more = fmt::format("a new client was in after {} ms", in / 1ms)});
}

TEST(Strangers, ClientOfAFullNetworkIsRefusedOnceAndLetInLater) {
  BenchOptions options = clean_bench();
  options.server.settings.max_sessions_of_network = 1;
  Bench bench(options);
  bench.begin();
  bench.run(1s);
  const auto network = bench.server().engine().state().table.all().begin()->second->network;
  ClientHost& neighbour = add_peer(bench, 1);
  for (std::size_t path = 0; path < bench.client.paths(); ++path) {
    Endpoint place = bench.client.lane(path).upstream;
    if (source_network(place) != network) continue;
    place.address[3] = 200;
    bench.world.rebind_to(neighbour, 0, place);
  }
  Application& application = neighbour.add_application({});
  neighbour.start();
  bench.world.traffic().start(application);
  bench.run(30s);
  EXPECT_EQ(bench.count<SessionRefused>(neighbour.events()), 1U);
  EXPECT_EQ(bench.count<SessionStarted>(neighbour.events()), 0U);
  EXPECT_LE(bench.server().made(PacketType::handshake2), 10U) << "one attempt in five seconds";
  bench.client.close();
  const TimePoint room = bench.world.now();
  bench.run(6s);
  EXPECT_LE(resumed_after(application, room), 5s + 200ms);
}

TEST(Strangers, HolderOfTheKeyTakesNobodysFlows) {
  BenchOptions options = clean_bench();
  options.server.settings.max_sessions = 16;
  options.server.settings.max_flows = 128;
  Bench bench(options);
  bench.begin();
  bench.run(1s);
  std::vector<Application*> greedy;
  for (std::size_t i = 0; i < 4; ++i) {
    ClientHost& host = add_peer(bench, 100 + i);
    host.start();
    for (int flow = 0; flow < 100; ++flow) greedy.push_back(&host.add_application({.interval = 2s}));
  }
  bench.run(1s);
  for (Application* application : greedy) bench.world.traffic().start(*application);
  bench.run(10s);
  EXPECT_EQ(bench.server().engine().state().table.flows(), 128U);
  // The client that was there keeps its flow, and opens others; a new client gets its own.
  ClientHost& newcomer = add_peer(bench, 1, 3);
  newcomer.start();
  bench.run(1s);
  std::vector<Application*> fresh;
  for (int flow = 0; flow < 8; ++flow) {
    fresh.push_back(&bench.client.add_application({.interval = 50ms}));
    fresh.push_back(&newcomer.add_application({.interval = 50ms}));
  }
  const TimePoint began = bench.world.now();
  for (Application* application : fresh) bench.world.traffic().start(*application);
  bench.run(20s);
  for (const Application* application : fresh) EXPECT_LE(resumed_after(*application, began), 200ms);
  bench.settle();
  std::size_t answers = 0;
  std::vector<ClientHost*> attackers;
  for (const Application* application : greedy) {
    answers += application->round_trips.size();
    if (attackers.empty() || attackers.back() != application->host) attackers.push_back(application->host);
  }
  expect_attack_costs_nothing(bench, {.attacker_bytes = bytes_of(attackers),
                                      .defenders = {{&bench.client}, {&newcomer}},
                                      .more = fmt::format("the attacker had {} answers", answers)});
}

TEST(Strangers, StormOfConnectsIsSaidInFewLines) {
  Bench bench(clean_bench());
  bench.begin();
  bench.run(1s);
  constexpr std::size_t kHosts = 250;
  std::vector<ClientHost*> hosts;
  for (std::size_t i = 0; i < kHosts; ++i) hosts.push_back(&add_peer(bench, 100 + i));
  for (int round = 0; round < 2; ++round) {
    for (ClientHost* host : hosts) {
      host->start();
      bench.run(10ms);
    }
    bench.run(1s);
    for (ClientHost* host : hosts) host->close();
    bench.run(1s);
  }
  const std::size_t lines = bench.server().events().size();
  EXPECT_LE(lines, 230U);
  bench.run(61s);
  ASSERT_EQ(bench.count<EventsLeftOut>(bench.server().events()), 1U);
  const auto& told = std::get<EventsLeftOut>(bench.server().events().back());
  const std::uint64_t left_out =
      std::accumulate(told.kinds.begin(), told.kinds.end(), std::uint64_t{0},
                      [](std::uint64_t sum, const EventsLeftOut::Kind& kind) { return sum + kind.count; });
  // Each session starts, has a path and ends; one has three.
  EXPECT_EQ(lines + left_out, 4 + 2 * kHosts * 3);
  bench.settle();
  expect_attack_costs_nothing(bench, {.attacker_bytes = bytes_of(hosts),
                                      .more = fmt::format("{} connects made {} lines, and one for {} more",
                                                          2 * kHosts, lines, left_out)});
}

}  // namespace
}  // namespace mptunnel::sim
