// Packets of TUN devices through all that befalls a tunnel.
#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "mptunnel/session/inner_routes.h"
#include "sim/bench.h"
#include "sim/inner_traffic.h"

namespace mptunnel::sim {
namespace {

InnerSettings inner_device() {
  InnerSettings settings;
  for (const char* text : {"10.42.42.1/24", "fd00:42::1/64"})
    settings.device.push_back(parse_address_prefix(text).value());
  return settings;
}
InnerEntry any_address(Family family) {
  return {
      InnerKind::automatic, {family, static_cast<std::uint8_t>(family == Family::ipv4 ? 32 : 128), {}}, {}};
}

/// A server and clients, all with devices.
class InnerWorld {
 public:
  InnerWorld(std::uint64_t seed, std::size_t clients, const ClientOptions& like,
             const ServerSettings& settings, const InnerTrafficOptions& options = {}) {
    WorldOptions made;
    made.seed = seed;
    made.server.settings = settings;
    made.server.settings.inner = inner_device();
    world_ = std::make_unique<World>(made);
    for (std::size_t i = 0; i < clients; ++i) {
      ClientOptions client = like;
      client.identity.fill(static_cast<std::uint8_t>(i + 1));
      client.inner = {any_address(i % 3 == 2 ? Family::ipv6 : Family::ipv4)};
      world_->add_client(client);
    }
    traffic_ = std::make_unique<InnerTraffic>(*world_, options);
  }
  ~InnerWorld() {
    traffic_->stop();
    world_->unhook();
    world_->finish();
    for (const std::string& failure : world_->journal().first_failures()) ADD_FAILURE() << failure;
  }
  InnerWorld(const InnerWorld&) = delete;
  InnerWorld& operator=(const InnerWorld&) = delete;

  World& operator*() { return *world_; }
  World* operator->() { return world_.get(); }
  InnerTraffic& traffic() { return *traffic_; }
  /// Starts all, and returns the addresses that the clients have then.
  std::vector<std::string> begin() {
    world_->server().start();
    for (std::size_t i = 0; i < world_->clients(); ++i) world_->client(i).start();
    world_->run_for(2s);
    traffic_->start();
    return addresses();
  }
  std::vector<std::string> addresses() {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < world_->clients(); ++i) all.push_back(traffic_->address(i).value_or("none"));
    return all;
  }
  /// Nothing that is offered in this time is lost.
  void expect_whole(Duration span) {
    const TimePoint from = world_->now();
    world_->run_for(span);
    const TimePoint until = world_->now();
    world_->run_for(2s);
    for (const bool is_reply : {false, true}) {
      const InnerTraffic::Tally tally = traffic_->tally(from, until, is_reply);
      EXPECT_GT(tally.offered, static_cast<std::size_t>(span / 50ms));
      EXPECT_EQ(tally.delivered, tally.offered) << (is_reply ? "to clients" : "from clients");
    }
  }

 private:
  std::unique_ptr<World> world_;
  std::unique_ptr<InnerTraffic> traffic_;
};

ClientOptions clean_client() {
  ClientOptions client;
  client.up.delay = client.down.delay = 10ms;
  return client;
}

TEST(Inner, LosesNothingAndMixesNothingOnCleanPaths) {
  InnerWorld inner(1, 5, clean_client(), {});
  const std::vector<std::string> addresses = inner.begin();
  EXPECT_EQ(std::set<std::string>(addresses.begin(), addresses.end()).size(), 5U);
  EXPECT_FALSE(std::set<std::string>(addresses.begin(), addresses.end()).contains("none"));
  inner.expect_whole(10s);
  EXPECT_GT(inner->server().drops(Drop::inner_source), 100U) << "some said that they are another";
}

TEST(Inner, LargePacketsGoInFragments) {
  InnerWorld inner(2, 2, clean_client(), {}, {.interval = 50ms, .min_bytes = 2000, .max_bytes = 9000});
  inner.begin();
  inner.expect_whole(5s);
}

TEST(Inner, LossesAreRepairedAndFlowsKeptInOrder) {
  for (const OrderSettings::Mode mode : {OrderSettings::Mode::none, OrderSettings::Mode::always}) {
    ClientOptions client = clean_client();
    client.up.loss_percent = client.down.loss_percent = 10;
    client.up.jitter = client.down.jitter = 3ms;
    client.repair = RepairSettings{};
    client.order = {mode, 20ms};
    ServerSettings settings;
    settings.repair = client.repair;
    settings.order = client.order;
    InnerWorld inner(3, 1, client, settings, {.interval = 1ms, .min_bytes = 300, .max_bytes = 300});
    std::uint32_t last = 0;
    std::size_t disorder = 0;
    inner->client(0).set_on_inner([&](std::uint32_t number) {
      if (number < last) ++disorder;
      last = std::max(last, number);
    });
    inner.begin();
    inner->run_for(3s);
    disorder = 0;
    const TimePoint from = inner->now();
    inner->run_for(10s);
    const TimePoint until = inner->now();
    inner->run_for(1s);
    const InnerTraffic::Tally tally = inner.traffic().tally(from, until, true);
    EXPECT_GT(tally.offered, 5'000U);
    // Without repair it is one in 1,000.
    EXPECT_LE(tally.offered - tally.delivered, tally.offered / 5'000 + 1);
    if (mode == OrderSettings::Mode::none) {
      EXPECT_GT(disorder, 100U);
    } else {
      EXPECT_LE(disorder, tally.offered / 500);
    }
  }
}

/// Networks mark so many of the packets that may be marked, in either direction.
void mark_congestion(World& world, ClientHost& client, double percent) {
  const auto remark = [&world, percent](const Copy& copy) {
    if (copy.marks.ecn == Ecn::not_ect || !world.context().chance(percent)) return copy.marks.ecn;
    return Ecn::ce;
  };
  for (std::size_t path = 0; path < client.paths(); ++path) {
    client.lane(path).up->set_remark(remark);
    client.lane(path).down->set_remark(remark);
  }
}

TEST(Inner, CongestionOnTheWayIsToldInsideAndCostsNoPacket) {
  for (const std::size_t most : {std::size_t{1200}, std::size_t{4000}}) {
    InnerWorld inner(4, 2, clean_client(), {}, {.max_bytes = most, .forged_percent = 0, .ecn = Ecn::ect0});
    inner.begin();
    const TimePoint before = inner->now();
    inner.expect_whole(5s);
    const TimePoint since = inner->now();
    for (const bool is_reply : {false, true})
      EXPECT_EQ(inner.traffic().tally(before, since, is_reply).congested, 0U);
    for (std::size_t i = 0; i < 2; ++i) mark_congestion(*inner, inner->client(i), 20);
    inner.expect_whole(10s);
    for (const bool is_reply : {false, true}) {
      const InnerTraffic::Tally tally = inner.traffic().tally(since, inner->now(), is_reply);
      EXPECT_GT(tally.congested, tally.offered / 10);
      // Of fragments, one that is marked is enough.
      EXPECT_LT(tally.congested, tally.offered * (most == 1200 ? 3U : 6U) / 10);
    }
    EXPECT_EQ(inner->server().drops(Drop::inner_congestion), 0U);
  }
}

TEST(Inner, PacketsThatAreMarkedAreRepairedAndKeptInOrderAsOthers) {
  ClientOptions client = clean_client();
  client.up.loss_percent = client.down.loss_percent = 10;
  client.up.jitter = client.down.jitter = 3ms;
  client.repair = RepairSettings{};
  client.order = {OrderSettings::Mode::always, 20ms};
  ServerSettings settings;
  settings.repair = client.repair;
  settings.order = client.order;
  InnerWorld inner(5, 1, client, settings,
                   {.interval = 1ms, .min_bytes = 300, .max_bytes = 300, .ecn = Ecn::ect1});
  inner.begin();
  mark_congestion(*inner, inner->client(0), 30);
  inner->run_for(3s);
  const TimePoint from = inner->now();
  inner->run_for(10s);
  const TimePoint until = inner->now();
  inner->run_for(1s);
  const InnerTraffic::Tally tally = inner.traffic().tally(from, until, true);
  EXPECT_LE(tally.offered - tally.delivered, tally.offered / 5'000 + 1);
  EXPECT_GT(tally.congested, tally.offered / 5);
}

TEST(Inner, RestartsOfEitherEndKeepTheAddresses) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE(seed);
    InnerWorld inner(seed, 4, clean_client(), {});
    const std::vector<std::string> addresses = inner.begin();
    for (int round = 0; round < 4; ++round) {
      inner->run_for(1s);
      ClientHost& client = inner->client(inner->context().random.below(4));
      if (round % 2 == 0) {
        inner->server().kill();
        inner->run_for(100ms);
        inner->server().start();
      } else {
        client.kill();
        inner->run_for(100ms);
        client.start();
      }
      inner->run_for(2s);
      EXPECT_EQ(inner.addresses(), addresses);
    }
    inner.expect_whole(2s);
  }
}

/// Something that befalls the tunnel.
void disturb(World& world) {
  test::Prng& random = world.context().random;
  ClientHost& client = world.client(random.below(world.clients()));
  const std::size_t path = random.below(client.paths());
  switch (random.below(9)) {
    case 0:
      world.server().kill();
      world.events().after(300ms, [&world] { world.server().start(); });
      break;
    case 1:
      client.kill();
      world.events().after(500ms, [&client] { client.start(); });
      break;
    case 2:
      client.close();
      world.events().after(200ms, [&client] { client.start(); });
      break;
    case 3:
      world.blackout(client, path, true);
      world.events().after(1s, [&world, &client, path] { world.blackout(client, path, false); });
      break;
    case 4:
      world.rebind(client, path);
      break;
    case 5:
      client.pretend_sealed(static_cast<std::uint32_t>(kRekeyAfterPackets), 0);
      break;
    case 6:
      world.blackout_all(client, true);
      world.events().after(700ms, [&world, &client] { world.blackout_all(client, false); });
      break;
    case 7:
      client.stall(300ms);
      break;
    default:
      world.server().stall(200ms);
      break;
  }
}

class InnerChurn : public testing::TestWithParam<std::uint64_t> {};

TEST_P(InnerChurn, NeverMixesClientsAndIsWholeAgain) {
  ClientOptions client = clean_client();
  client.up.loss_percent = client.down.loss_percent = 5;
  client.up.jitter = client.down.jitter = 5ms;
  client.up.duplicate_percent = client.down.duplicate_percent = 2;
  client.repair = RepairSettings{};
  client.order = {static_cast<OrderSettings::Mode>(GetParam() % 3), 20ms};
  ServerSettings settings;
  settings.repair = client.repair;
  settings.order = client.order;
  InnerWorld inner(GetParam(), 4, client, settings, {.interval = 10ms, .max_bytes = 1800});
  const std::vector<std::string> addresses = inner.begin();
  for (int i = 0; i < 25; ++i) {
    inner->run_for(inner->context().between(100ms, 1500ms));
    disturb(*inner);
  }
  inner->run_for(2s);
  for (std::size_t i = 0; i < 4; ++i) {
    inner->set_links(inner->client(i), clean_client().up, clean_client().down);
    inner->blackout_all(inner->client(i), false);
    if (!inner->client(i).is_running()) inner->client(i).start();
  }
  if (!inner->server().is_running()) inner->server().start();
  inner->run_for(40s);
  EXPECT_EQ(inner.addresses(), addresses);
  inner.expect_whole(2s);
}

INSTANTIATE_TEST_SUITE_P(Seeds, InnerChurn, testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace mptunnel::sim
