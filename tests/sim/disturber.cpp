#include "sim/disturber.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace mptunnel::sim {
namespace {

constexpr std::size_t kMostApplications = 14;

double between(test::Prng& random, double least, double most) {
  return least + random.uniform() * (most - least);
}

Duration scale(Duration time, double factor) {
  return Duration(static_cast<Duration::rep>(static_cast<double>(time.count()) * factor));
}

}  // namespace

Disturber::Disturber(World& world, const ScenarioKind& kind, test::Prng& random, TimePoint repair)
    : world_(world), kind_(kind), random_(random), repair_(repair) {}

test::ImpairmentOptions Disturber::some_link(const ScenarioKind& kind, test::Prng& random) {
  test::ImpairmentOptions link;
  if (random.below(3) != 0) link.loss_percent = between(random, 0, kind.worst_loss_percent);
  if (random.below(3) == 0) {
    link.burst_loss_percent = between(random, 0, kind.worst_loss_percent / 2);
    link.burst_length = between(random, 2, 30);
  }
  link.delay = scale(150ms, std::pow(random.uniform(), 2));
  if (random.below(2) == 0) link.jitter = scale(80ms, std::pow(random.uniform(), 2));
  link.keep_order = random.below(4) == 0;
  if (random.below(3) == 0) link.duplicate_percent = between(random, 0, 10);
  if (random.below(3) == 0) link.flip_percent = between(random, 0, 5);
  link.mtu_bytes = some_mtu(random);
  if (random.below(6) == 0) {
    link.rate_kbit_s = between(random, 300, 5000);
    link.queue_bytes = 5000 + random.below(60000);
  }
  return link;
}

test::ImpairmentOptions Disturber::calm_link(test::Prng& random) {
  test::ImpairmentOptions link;
  link.delay = scale(30ms, random.uniform());
  link.mtu_bytes = some_mtu(random);
  link.burst_length = 1;  // a burst that is under way ends with the next packet
  return link;
}

std::size_t Disturber::some_mtu(test::Prng& random) {
  // UDP payload of links with an MTU of 1500, 1492, 1400, 1300 and 1280, over IPv4 and IPv6.
  constexpr std::array<std::size_t, 8> kMtus{1472, 1472, 1472, 1464, 1452, 1372, 1272, 1232};
  return kMtus.at(random.below(kMtus.size()));
}

TrafficOptions Disturber::some_traffic(const ScenarioKind& kind, test::Prng& random) {
  TrafficOptions traffic;
  traffic.interval = scale(kind.interval, between(random, 0.7, 2));
  constexpr std::array<std::pair<std::size_t, std::size_t>, 5> kSizes{
      {{0, 20}, {0, 200}, {40, 200}, {500, 1400}, {1000, 1000}}};
  std::tie(traffic.min_bytes, traffic.max_bytes) = kSizes.at(random.below(kSizes.size()));
  if (random.below(20) == 0) {
    traffic.interval *= 10;
    traffic.max_bytes = 65500;
  } else if (random.below(3) == 0) {
    traffic.burst = 2 + random.below(8);
    traffic.interval *= static_cast<int>(traffic.burst);
  }
  traffic.echo = random.below(4) != 0;
  if (random.below(4) == 0) traffic.push_interval = scale(kind.interval, between(random, 1, 5));
  return traffic;
}

ClientHost& Disturber::some_client() {
  return world_.client(random_.below(world_.clients()));
}

Duration Disturber::some_time(Duration least, Duration most) {
  const Duration time = least + scale(most - least, std::pow(random_.uniform(), 2));
  return std::min(time, repair_ - world_.now());
}

void Disturber::begin() {
  next();
}

void Disturber::next() {
  const Duration wait = scale(kind_.between, between(random_, 0.1, 1.9));
  if (world_.now() + wait >= repair_) return;
  world_.events().after(wait, [this] {
    strike();
    next();
  });
}

void Disturber::strike() {
  const std::array<std::pair<int, Mishap>, 12> mishaps{{{kind_.blackouts, &Disturber::blackout},
                                                        {kind_.rebinds, &Disturber::rebind},
                                                        {kind_.stalls, &Disturber::stall},
                                                        {kind_.toggles, &Disturber::toggle},
                                                        {kind_.client_restarts, &Disturber::restart_client},
                                                        {kind_.server_restarts, &Disturber::restart_server},
                                                        {kind_.rekeys, &Disturber::rekey},
                                                        {kind_.weather, &Disturber::change_weather},
                                                        {kind_.flows, &Disturber::change_flows},
                                                        {kind_.pauses, &Disturber::pause},
                                                        {kind_.mtus, &Disturber::change_mtu},
                                                        {kind_.upheavals, &Disturber::upheave}}};
  int sum = 0;
  for (const auto& [weight, mishap] : mishaps) sum += weight;
  auto drawn = static_cast<int>(random_.below(static_cast<std::uint64_t>(sum)));
  for (const auto& [weight, mishap] : mishaps) {
    drawn -= weight;
    if (drawn >= 0) continue;
    (this->*mishap)();
    return;
  }
}

void Disturber::blackout() {
  ClientHost& client = some_client();
  const bool all = one_in(3);
  const std::uint64_t ways = random_.below(4);  // 0 and 1: both ways
  const Duration time = some_time(50ms, 8s);
  for (std::size_t path = 0; path < client.paths(); ++path) {
    if (!all && one_in(2)) continue;
    for (Link* link : {client.lane(path).up.get(), client.lane(path).down.get()}) {
      const bool is_up = link == client.lane(path).up.get();
      if ((ways == 2 && !is_up) || (ways == 3 && is_up)) continue;
      blackout_link(client, path, *link, time);
    }
  }
}

void Disturber::blackout_link(ClientHost& client, std::size_t path, Link& link, Duration time) {
  world_.journal().trace("client {} path {}: blackout {} for {:.0f} ms", client.number(), path,
                         &link == client.lane(path).up.get() ? "up" : "down", milliseconds(time));
  disturb(client, path);
  link.set_blackout(true);
  world_.events().after(time, [this, &client, path, &link] {
    link.set_blackout(false);
    expect_up(client, path);
  });
}

void Disturber::expect_up(ClientHost& client, std::size_t path) {
  /// Deadlines that come late, and an answer that meets a busy program.
  constexpr Duration kSlack = 100ms;
  if (!kind_.is_healed_at_once || world_.now() >= repair_) return;
  const Lane& lane = client.lane(path);
  Duration round_trip{};
  for (const Link* link : {lane.up.get(), lane.down.get()}) {
    const test::ImpairmentOptions& options = link->options();
    const bool is_clean = options.loss_percent == 0 && options.burst_loss_percent == 0 &&
                          options.flip_percent == 0 && options.rate_kbit_s == 0 && !options.blackout;
    if (!is_clean) return;
    round_trip += options.delay + options.jitter;
  }
  const PathId id{static_cast<std::uint8_t>(path)};
  const bool takes_all =
      client.options().driver.refusals_percent == 0 && world_.server().options().driver.refusals_percent == 0;
  const ProbedPath& probed = client.engine().path(id);
  if (!takes_all || client.engine().state().link.current() == nullptr || !probed.is_available()) return;
  const bool is_spared = probed.traits().metered && probed.is_standby();
  const Duration interval = is_spared ? probed.traits().keepalive : Duration{kProbeWhileDown};
  // A bridge that has moved meanwhile proves its address first.
  const Duration within = interval + 2 * round_trip + kSlack;
  const std::uint64_t serial = disturbed_[{client.number(), path}];
  const ProcessNumber process = client.process();
  world_.events().after(within, [this, &client, path, id, serial, process, within] {
    if (world_.now() >= repair_ || disturbed_[{client.number(), path}] != serial) return;
    if (!client.is_running() || client.process() != process ||
        client.engine().state().link.current() == nullptr)
      return;
    const PathState state = client.engine().path(id).state();
    if (state != PathState::up)
      world_.journal().fail("path {} of client {} was whole for {:.0f} ms and is {}", path, client.number(),
                            milliseconds(within), name_of(state));
  });
}

void Disturber::rebind() {
  ClientHost& client = some_client();
  const std::size_t path = random_.below(client.paths());
  disturb(client, path);
  if (!one_in(3)) {
    world_.rebind(client, path, one_in(4));
    expect_up(client, path);
    return;
  }
  // The bridge is gone for a while.
  world_.blackout(client, path, true);
  world_.events().after(some_time(50ms, 5s), [this, &client, path] {
    world_.blackout(client, path, false);
    world_.rebind(client, path);
    expect_up(client, path);
  });
}

void Disturber::stall() {
  const Duration time = some_time(10ms, 3s);
  world_.journal().trace("a program is not scheduled for {:.0f} ms", milliseconds(time));
  if (one_in(2)) {
    world_.server().stall(time);
  } else {
    some_client().stall(time);
  }
}

void Disturber::toggle() {
  ClientHost& client = some_client();
  take_away(client, random_.below(client.paths()), some_time(10ms, 4s));
}

void Disturber::take_away(ClientHost& client, std::size_t path, Duration time) {
  world_.journal().trace("client {} path {}: not available", client.number(), path);
  disturb(client, path);
  client.set_path_available(path, false);
  world_.events().after(time, [this, &client, path] {
    client.set_path_available(path, true);
    if (client.is_running()) expect_up(client, path);
  });
}

void Disturber::restart_client() {
  ClientHost& client = some_client();
  if (!client.is_running()) return;
  if (one_in(3)) {
    client.close();
  } else {
    client.kill();
  }
  if (one_in(3)) world_.new_sockets(client);
  world_.events().after(one_in(3) ? Duration{} : some_time(1ms, 5s), [&client] {
    if (!client.is_running()) client.start();
  });
}

void Disturber::restart_server() {
  ServerHost& server = world_.server();
  if (!server.is_running()) return;
  if (one_in(3)) {
    server.close();
  } else {
    server.kill();
  }
  world_.events().after(one_in(3) ? Duration{} : some_time(1ms, 5s), [&server] {
    if (!server.is_running()) server.start();
  });
}

void Disturber::rekey() {
  constexpr std::array<std::pair<std::uint64_t, std::uint64_t>, 4> kUses{{{kRekeyAfterPackets - 5, 0},
                                                                          {0, kRekeyAfterBlocks - 20},
                                                                          {kRejectAfterPackets - 20, 0},
                                                                          {0, kRejectAfterBlocks - 50}}};
  const auto [packets, blocks] = kUses.at(random_.below(kUses.size()));
  if (packets > 0 && one_in(2)) {
    // The server announces its packets; the blocks that it sealed the client knows from what it opened, so
    // they can't be pretended at one end.
    world_.server().pretend_sealed(static_cast<std::uint32_t>(packets), 0);
  } else {
    some_client().pretend_sealed(static_cast<std::uint32_t>(packets), blocks);
  }
}

void Disturber::change_weather() {
  ClientHost& client = some_client();
  const std::size_t path = random_.below(client.paths());
  disturb(client, path);
  Lane& lane = client.lane(path);
  Link& link = one_in(2) ? *lane.up : *lane.down;
  test::ImpairmentOptions options = some_link(kind_, random_);
  options.blackout = link.options().blackout;
  link.set_options(options);
}

void Disturber::change_mtu() {
  ClientHost& client = some_client();
  const std::size_t path = random_.below(client.paths());
  for (Link* link : {client.lane(path).up.get(), client.lane(path).down.get()}) {
    if (one_in(3)) continue;
    test::ImpairmentOptions options = link->options();
    options.mtu_bytes = some_mtu(random_);
    world_.journal().trace("client {} path {}: {} bytes {}", client.number(), path, options.mtu_bytes,
                           link == client.lane(path).up.get() ? "up" : "down");
    link->set_options(options);
  }
}

void Disturber::upheave() {
  ClientHost& client = some_client();
  for (std::size_t path = 0; path < client.paths(); ++path) {
    Lane& lane = client.lane(path);
    disturb(client, path);
    switch (random_.below(4)) {
      case 0:
        take_away(client, path, some_time(10ms, 2s));
        break;
      case 1:
        world_.rebind(client, path);
        break;
      case 2:
        blackout_link(client, path, one_in(2) ? *lane.up : *lane.down, some_time(50ms, 2s));
        break;
      default:
        break;
    }
    for (Link* link : {lane.up.get(), lane.down.get()}) {
      test::ImpairmentOptions options = link->options();
      options.mtu_bytes = some_mtu(random_);
      options.delay = scale(150ms, std::pow(random_.uniform(), 2));
      link->set_options(options);
    }
  }
}

void Disturber::change_flows() {
  ClientHost& client = some_client();
  std::vector<Application*> all;
  for (const auto& application : world_.traffic().applications()) {
    if (application->host == &client) all.push_back(application.get());
  }
  if (all.size() < kMostApplications && one_in(2)) {
    world_.traffic().start(client.add_application(some_traffic(kind_, random_)));
    return;
  }
  Application& one = *all[random_.below(all.size())];
  if (one.is_active) {
    Traffic::stop(one);
  } else {
    world_.traffic().start(one);
  }
}

void Disturber::pause() {
  std::vector<Application*> active;
  for (const auto& application : world_.traffic().applications()) {
    if (application->is_active) active.push_back(application.get());
  }
  world_.traffic().stop_all();
  world_.events().after(some_time(10ms, kind_.longest_pause), [this, active] {
    for (Application* application : active) world_.traffic().start(*application);
  });
}

}  // namespace mptunnel::sim
