#include "sim/bench.h"

#include <algorithm>

namespace mptunnel::sim {

BenchOptions clean_bench(Duration delay) {
  BenchOptions options;
  options.client.up.delay = delay;
  options.client.down.delay = delay;
  return options;
}

BenchOptions repaired_bench(double loss_percent, std::size_t paths, Duration delay) {
  BenchOptions options = clean_bench(delay);
  options.client.paths = paths;
  options.client.up.loss_percent = options.client.down.loss_percent = loss_percent;
  options.client.up.jitter = options.client.down.jitter = 1ms;
  options.client.repair = options.server.settings.repair = RepairSettings{};
  options.traffic.echo = false;
  return options;
}

Bench::Bench(const BenchOptions& options)
    : world({options.seed, false, options.server}),
      client(world.add_client(options.client)),
      application(client.add_application(options.traffic)) {}

Bench::~Bench() {
  world.unhook();
  world.finish();
  for (const std::string& failure : world.journal().first_failures()) ADD_FAILURE() << failure;
}

void Bench::begin() {
  world.server().start();
  client.start();
  run(1s);
  EXPECT_TRUE(client.engine().state().link.current() != nullptr);
  world.traffic().start(application);
}

void Bench::settle() {
  world.traffic().stop_all();
  run(2s);
}

Tally Bench::tally(bool replies, TimePoint since) {
  Tally tally;
  for (const Record& record : world.context().oracle.ledger().records()) {
    if (record.is_reply != replies || record.offered < since) continue;
    ++tally.offered;
    if (record.delivered) ++tally.delivered;
  }
  return tally;
}

PathState Bench::state(std::size_t path) {
  return client.engine().path(PathId{static_cast<std::uint8_t>(path)}).state();
}

void Bench::pass(std::size_t path, bool out, bool in) {
  client.lane(path).up->set_blackout(!out);
  client.lane(path).down->set_blackout(!in);
}

void Bench::set_path(std::size_t path, const test::ImpairmentOptions& link) {
  client.lane(path).up->set_options(link);
  client.lane(path).down->set_options(link);
}

void Bench::filter_up(const std::function<bool(const Copy&)>& passes) {
  for (std::size_t path = 0; path < client.paths(); ++path) client.lane(path).up->set_filter(passes);
}

void Bench::filter_down(const std::function<bool(const Copy&)>& passes) {
  for (std::size_t path = 0; path < client.paths(); ++path) client.lane(path).down->set_filter(passes);
}

Duration resumed_after(const Application& application, TimePoint since) {
  const auto first = application.first_answer_to(since);
  return first ? *first - since : Duration{1min};
}

}  // namespace mptunnel::sim
