#include "fuzz/schedule.h"

#include <fmt/format.h>

#include <array>
#include <cstdlib>

namespace mptunnel::fuzz {
namespace {

using namespace std::chrono_literals;
using sim::ClientHost;
using sim::Copy;
using sim::Lane;
using sim::Link;

// What one input may cost.
constexpr std::size_t kMaxScheduleSteps = 120;
constexpr std::size_t kMaxPackets = 500;
constexpr Duration kMaxTime = 200s;
constexpr std::size_t kMaxRestarts = 8;

constexpr std::size_t kMaxHeld = 200;
constexpr std::size_t kStrangers = 2;

/// How long it may take until all is whole again: tests/sim/scenario.cpp says why.
constexpr Duration kWholeWithin = 8s;
/// Where an application may have to wait for another's flow to be idle.
constexpr Duration kRoomWithin = 13s;
constexpr Duration kAsksEach = 20ms;

sim::DriverOptions some_driver(Input& input) {
  const std::uint8_t byte = input.u8();
  sim::DriverOptions driver;
  driver.coalesce = (byte & 1U) == 0;
  driver.lateness = std::array<Duration, 4>{0ms, 0ms, 5ms, 20ms}.at(byte >> 1U & 3U);
  driver.mtu = (byte & 8U) == 0 ? sim::DriverOptions{}.mtu : 1280;
  return driver;
}

}  // namespace

test::ImpairmentOptions Schedule::link_options(Duration delay) {
  test::ImpairmentOptions options;
  options.delay = delay;
  options.mtu_bytes = sim::DriverOptions{}.mtu;
  return options;
}

sim::WorldOptions Schedule::read_world(Input& input) {
  sim::WorldOptions options;
  options.seed = 1 + input.below(4);
  options.tracing = std::getenv("MPTUNNEL_FUZZ_TRACE") != nullptr;
  const std::uint8_t byte = input.u8();
  HandshakeSettings& handshake = options.server.settings.handshake;
  handshake.encrypt = (byte & 1U) == 0;
  if ((byte & 2U) == 0) {
    handshake.key.emplace();
    handshake.key->bytes.fill(7);
  }
  handshake.fast_aes = (byte & 4U) == 0;
  options.server.settings.max_sessions = (byte & 8U) == 0 ? 1024 : 1;
  options.server.settings.max_flows = std::array<std::size_t, 4>{16384, 16384, 4, 2}.at(byte >> 4U & 3U);
  RepairSettings repair;
  if ((byte & 0x80U) != 0) repair.fixed = (byte & 0x40U) != 0 ? 3 : 0.25;
  if (byte >= 0x40) options.server.settings.repair = repair;
  options.server.settings.order = {static_cast<OrderSettings::Mode>(options.seed % 3), kMaxHold};
  options.server.driver = some_driver(input);
  return options;
}

Schedule::Schedule(ConstBytes input)
    : input_(input), world_(read_world(input_)), time_left_(kMaxTime), restarts_left_(kMaxRestarts) {
  const ServerSettings& server = world_.server().options().settings;
  world_.context().oracle.allow_holding(kMaxHold + 30ms);
  const std::size_t clients = 1 + input_.below(2);
  for (std::size_t i = 0; i < clients; ++i) add_client();
  if (server.repair) world_.context().least_payload = sim::Ledger::kLabelBytes;
  has_room_ = server.max_sessions > clients && server.max_flows > clients * kApplications;
  for (std::size_t i = 0; i < kStrangers; ++i) strangers_.push_back(world_.new_address());
  world_.server().start();
  for (std::size_t i = 0; i < clients; ++i) world_.client(i).start();
}

void Schedule::add_client() {
  const std::uint8_t byte = input_.u8();
  sim::ClientOptions options;
  options.handshake = world_.server().options().settings.handshake;
  options.handshake.fast_aes = (byte & 1U) == 0;
  // The second may have the identity of the first.
  options.identity.front() = static_cast<std::uint8_t>((byte & 2U) == 0 ? 10 + world_.clients() : 10);
  options.paths = 1 + (byte >> 2U & 3U);
  options.max_flows = std::array<std::size_t, 4>{kMaxFlows, kMaxFlows, 2, 1}.at(byte >> 4U & 3U);
  if ((byte & 0x40U) != 0) {
    for (std::size_t path = 1; path < options.paths; ++path)
      options.traits.push_back({path % 2 == 1, (byte & 0x80U) != 0, 2s});
  }
  options.repair = world_.server().options().settings.repair;
  options.order = world_.server().options().settings.order;
  options.driver = some_driver(input_);
  options.up = options.down = link_options(2ms);
  ClientHost& client = world_.add_client(options);
  sim::TrafficOptions traffic;
  for (std::size_t i = 0; i < kApplications; ++i) client.add_application(traffic);
  for (std::size_t path = 0; path < client.paths(); ++path) watch(client.lane(path));
}

void Schedule::watch(Lane& lane) {
  lane.up->set_filter([this, &lane](const Copy& copy) { return take(copy, lane, true); });
  lane.down->set_filter([this, &lane](const Copy& copy) { return take(copy, lane, false); });
}

bool Schedule::take(const Copy& copy, Lane& lane, bool is_up) {
  ++packets_;
  const Passing packet{copy, &lane, is_up};
  if (seen_.size() < kRemembered) {
    seen_.push_back(packet);
  } else {
    seen_[next_seen_++ % kRemembered] = packet;
  }
  if (!is_holding_) return true;
  held_.push_back(packet);
  if (held_.size() > kMaxHeld) held_.pop_front();
  return false;
}

void Schedule::arrive(const Passing& packet) {
  (packet.is_up ? packet.lane->up : packet.lane->down)->inject(packet.copy, 0ms);
}

void Schedule::pass_time(Duration time) {
  const Duration passed = std::min(time, time_left_);
  time_left_ -= passed;
  world_.run_for(passed);
}

void Schedule::run() {
  constexpr std::array kSteps{
      &Schedule::let_pass,     &Schedule::let_pass,       &Schedule::hold,        &Schedule::deliver_all,
      &Schedule::deliver_all,  &Schedule::deliver_one,    &Schedule::deliver_one, &Schedule::drop_one,
      &Schedule::copy_one,     &Schedule::copy_one,       &Schedule::replay,      &Schedule::deliver_altered,
      &Schedule::replay,       &Schedule::replay,         &Schedule::make_noise,  &Schedule::wait_briefly,
      &Schedule::wait_briefly, &Schedule::wait_briefly,   &Schedule::wait_long,   &Schedule::stall,
      &Schedule::offer,        &Schedule::offer,          &Schedule::offer,       &Schedule::push,
      &Schedule::push,         &Schedule::restart_client, &Schedule::move_path,   &Schedule::restart_server,
      &Schedule::toggle_path,  &Schedule::change_link,    &Schedule::refuse,      &Schedule::wear_keys};
  for (std::size_t step = 0; step < kMaxScheduleSteps && packets_ < kMaxPackets && !input_.empty(); ++step) {
    (this->*input_.one_of(kSteps))();
    pass_time(0ms);
    if (world_.journal().failures() > 0) break;
  }
  check_strangers();
  if (world_.journal().failures() == 0) judge();
  if (world_.journal().failures() == 0) return;
  for (const std::string& failure : world_.journal().first_failures()) fmt::print(stderr, "{}\n", failure);
  std::abort();
}

void Schedule::repair() {
  is_holding_ = false;
  held_.clear();
  for (std::size_t i = 0; i < world_.clients(); ++i) {
    ClientHost& client = world_.client(i);
    for (std::size_t path = 0; path < client.paths(); ++path) {
      client.lane(path).up->set_options(link_options(2ms));
      client.lane(path).down->set_options(link_options(2ms));
    }
    client.set_refusals(0);
    if (!client.is_running()) client.start();
    for (std::size_t path = 0; path < client.paths(); ++path) client.set_path_available(path, true);
  }
  world_.server().set_refusals(0);
  if (!world_.server().is_running()) world_.server().start();
}

void Schedule::expect_answers() {
  for (std::size_t i = 0; i < world_.clients(); ++i) {
    const TimePoint since = world_.now();
    ClientHost& client = world_.client(i);
    const bool is_crowded = client.options().max_flows < kApplications;
    sim::Application& application =
        world_.traffic().application(static_cast<std::uint16_t>(i * kApplications));
    const TimePoint end = since + (is_crowded ? kRoomWithin : kWholeWithin);
    while (!application.first_answer_to(since) && world_.now() < end) {
      world_.traffic().send(application, 1, 100);
      world_.run_for(kAsksEach);
    }
    if (!application.first_answer_to(since))
      world_.journal().fail("client {} hears nothing after the repair", i);
  }
}

void Schedule::check_strangers() {
  if (!world_.server().is_running()) return;
  for (const auto& [handle, session] : world_.server().engine().state().table.all()) {
    for (const auto& path : session->paths) {
      if (!path || !path->is_validated()) continue;
      if (std::find(strangers_.begin(), strangers_.end(), path->route().remote) != strangers_.end())
        world_.journal().fail("a path leads to a stranger at {}", path->route().remote.to_string());
    }
  }
}

void Schedule::judge() {
  repair();
  if (has_room_) expect_answers();
  check_strangers();
  world_.finish();
}

}  // namespace mptunnel::fuzz
