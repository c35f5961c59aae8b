#include "sim/scenario.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "sim/attacker.h"
#include "sim/disturber.h"
#include "sim/world.h"

namespace mptunnel::sim {
namespace {

/// How long the tunnel may take to be whole again, whatever befell it. The longest single wait is for a
/// confirmation of a key that never comes (5 s); a client that was refused asks again after 5 s.
constexpr Duration kWholeWithin = 8s;
/// Where tables are small, an application may have to wait until another's flow was idle for 10 s.
constexpr Duration kRoomWithin = 13s;
/// Then nothing may be lost for this long.
constexpr Duration kWatched = 2s;
/// The largest payload that fits one packet whatever its flow is, with something to spare.
constexpr std::size_t kFitsSurely = 65400;
/// The largest payload that fits one packet of kBaseMtu.
constexpr std::size_t kSurelyWhole = kBaseMtu - 40;

SecretKey some_key(test::Prng& random) {
  SecretKey key;
  random.fill(key.bytes);
  return key;
}

class Run {
 public:
  Run(const ScenarioKind& kind, std::uint64_t seed, bool tracing);
  std::vector<std::string> execute();

 private:
  static ServerOptions server_options(const ScenarioKind& kind, test::Prng& random, const SecretKey& key);
  DriverOptions some_driver();
  void add_clients();
  void repair();
  void judge(TimePoint whole_from, TimePoint watched_from, TimePoint watched_until);
  void judge_paths();
  bool must_arrive(const Record& record, TimePoint watched_from);

  const ScenarioKind& kind_;
  test::Prng random_;
  SecretKey key_;
  World world_;
  std::unique_ptr<Attacker> attacker_;
};

/// None, as little as does, or a fixed share.
std::optional<RepairSettings> some_repair(test::Prng& random) {
  RepairSettings settings;
  settings.delay = std::chrono::milliseconds(2 + random.below(60));
  switch (random.below(3)) {
    case 0:
      return std::nullopt;
    case 1:
      settings.fixed = 0.05 + static_cast<double>(random.below(100)) / 50;
      break;
    default:
      break;
  }
  return settings;
}

OrderSettings some_order(test::Prng& random) {
  OrderSettings settings;
  settings.mode = static_cast<OrderSettings::Mode>(random.below(3));
  settings.most = std::chrono::milliseconds(1 + random.below(50));
  return settings;
}

ServerOptions Run::server_options(const ScenarioKind& kind, test::Prng& random, const SecretKey& key) {
  ServerOptions options;
  options.settings.handshake.encrypt = !kind.is_clear;
  options.settings.handshake.fast_aes = random.below(2) == 0;
  if (random.below(2) == 0) options.settings.handshake.key = key;
  options.settings.repair = some_repair(random);
  options.settings.order = some_order(random);
  options.driver.coalesce = random.below(4) != 0;
  if (random.below(2) == 0)
    options.driver.lateness = Duration(static_cast<Duration::rep>(random.below(20'000'000)));
  if (random.below(3) == 0) options.driver.refusals_percent = 2;
  return options;
}

Run::Run(const ScenarioKind& kind, std::uint64_t seed, bool tracing)
    : kind_(kind),
      random_(seed, 99),
      key_(some_key(random_)),
      world_({seed, tracing, server_options(kind, random_, key_)}) {
  // The longest of some_order(), and what the drivers are late.
  world_.context().oracle.allow_holding(50ms + 30ms);
}

DriverOptions Run::some_driver() {
  DriverOptions driver;
  driver.coalesce = random_.below(4) != 0;
  if (random_.below(2) == 0)
    driver.lateness = Duration(static_cast<Duration::rep>(random_.below(20'000'000)));
  if (random_.below(3) == 0) driver.refusals_percent = 2;
  return driver;
}

void Run::add_clients() {
  const std::size_t count = 1 + random_.below(kind_.clients);
  for (std::size_t i = 0; i < count; ++i) {
    ClientOptions options;
    options.handshake = world_.server().options().settings.handshake;
    options.handshake.fast_aes = random_.below(2) == 0;
    const bool is_twin = i > 0 && kind_.may_have_twin && random_.below(3) == 0;
    options.identity.front() =
        is_twin ? world_.client(0).options().identity.front() : static_cast<std::uint8_t>(10 + i);
    options.paths = 1 + random_.below(random_.below(4) == 0 ? 6 : 3);
    if (kind_.least_flows > 0) options.max_flows = kind_.least_flows + random_.below(8);
    options.repair = some_repair(random_);
    options.order = some_order(random_);
    if (options.repair || world_.server().options().settings.repair)
      world_.context().least_payload = Ledger::kLabelBytes;
    options.driver = some_driver();
    if (kind_.has_backups && random_.below(2) == 0) {
      options.min_paths = 1 + random_.below(3);
      // A metered path is not waited for: it is asked as seldom as the others are at rest.
      for (std::size_t path = 0; path < options.paths; ++path)
        options.traits.push_back({random_.below(3) == 0, random_.below(5) == 0, 2s});
    }
    ClientHost& client = world_.add_client(options);
    for (std::size_t path = 0; path < client.paths(); ++path) {
      client.lane(path).up->set_options(Disturber::some_link(kind_, random_));
      client.lane(path).down->set_options(Disturber::some_link(kind_, random_));
    }
    const std::size_t applications = 1 + random_.below(kind_.applications);
    for (std::size_t k = 0; k < applications; ++k) {
      world_.traffic().start(client.add_application(Disturber::some_traffic(kind_, random_)));
    }
  }
}

void Run::repair() {
  world_.journal().trace("---- repaired ----");
  std::vector<std::size_t> flows(world_.clients());
  for (std::size_t i = 0; i < world_.clients(); ++i) {
    ClientHost& client = world_.client(i);
    for (std::size_t path = 0; path < client.paths(); ++path) {
      client.lane(path).up->set_options(Disturber::calm_link(random_));
      client.lane(path).down->set_options(Disturber::calm_link(random_));
    }
    client.set_refusals(0);
    if (!client.is_running()) client.start();
    for (std::size_t path = 0; path < client.paths(); ++path) client.set_path_available(path, true);
  }
  world_.server().set_refusals(0);
  if (!world_.server().is_running()) world_.server().start();
  // At least one application of each client is in use, and no more than the table has room for.
  for (const auto& application : world_.traffic().applications()) {
    ClientHost& client = *application->host;
    std::size_t& used = flows[static_cast<std::size_t>(client.number())];
    if (application->is_active && used >= client.options().max_flows) Traffic::stop(*application);
    if (!application->is_active && used == 0) world_.traffic().start(*application);
    if (application->is_active) ++used;
  }
}

void Run::judge(TimePoint whole_from, TimePoint watched_from, TimePoint watched_until) {
  for (std::size_t i = 0; i < world_.clients(); ++i) {
    if (world_.client(i).engine().state().link.current() == nullptr)
      world_.journal().fail("client {} has no session", i);
  }
  for (const auto& application : world_.traffic().applications()) {
    if (!application->is_active || !application->traffic.echo) continue;
    if (application->traffic.max_bytes > kFitsSurely || application->traffic.interval > kWatched) continue;
    if (!application->first_answer_to(whole_from))
      world_.journal().fail("application {} hears nothing after the repair", application->number);
  }
  std::size_t lost = 0;
  for (const Record& record : world_.context().oracle.ledger().records()) {
    if (record.offered < watched_from || record.offered > watched_until || record.size > kFitsSurely)
      continue;
    if (record.delivered || !must_arrive(record, watched_from)) continue;
    if (++lost == 1)
      world_.journal().fail(
          "a {} of application {}, offered at {:.6f} s, is lost although all paths are clean",
          record.is_reply ? "reply" : "datagram", record.application,
          std::chrono::duration<double>(record.offered - kStart).count());
  }
}

bool Run::must_arrive(const Record& record, TimePoint watched_from) {
  // An attacker who carries copies of MTU probes past a link makes it look wider than it is.
  if (attacker_ && record.size > kSurelyWhole) return false;
  if (!record.is_reply) return true;
  // A datagram that an attacker held back makes the target answer, or send, to a program that is gone.
  if (!record.request) return !attacker_;
  return world_.context().oracle.ledger()[*record.request].offered >= watched_from;
}

void Run::judge_paths() {
  for (std::size_t i = 0; i < world_.clients(); ++i) {
    ClientHost& client = world_.client(i);
    for (std::size_t path = 0; path < client.paths(); ++path) {
      const PathState state = client.engine().path(PathId{static_cast<std::uint8_t>(path)}).state();
      if (state != PathState::up)
        world_.journal().fail("path {} of client {} is {}", path, i, name_of(state));
    }
  }
}

std::vector<std::string> Run::execute() {
  add_clients();
  world_.server().start();
  for (std::size_t i = 0; i < world_.clients(); ++i) world_.client(i).start();
  if (kind_.has_attacker) {
    AttackOptions attack;
    attack.forwarded_percent = random_.below(2) == 0 ? 0 : 30;
    attack.interval = std::chrono::milliseconds(2 + random_.below(30));
    attacker_ = std::make_unique<Attacker>(world_, attack);
  }
  const TimePoint repair_at = world_.now() + kind_.length;
  Disturber disturber(world_, kind_, random_, repair_at);
  disturber.begin();
  world_.run_for(kind_.length);
  repair();
  const Duration patience = kind_.least_flows > 0 ? kRoomWithin : kWholeWithin;
  world_.run_for(patience + kWatched);
  judge_paths();
  if (attacker_) attacker_->stop();
  const TimePoint end = world_.now();
  world_.traffic().stop_all();
  world_.run_for(1s);
  judge(repair_at, end - kWatched, end);
  world_.finish();
  return world_.journal().first_failures();
}

}  // namespace

std::vector<std::string> run_scenario(const ScenarioKind& kind, std::uint64_t seed, bool tracing) {
  return Run(kind, seed, tracing).execute();
}

}  // namespace mptunnel::sim
