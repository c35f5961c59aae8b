#include "sim/attack_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace mptunnel::sim {

std::uint64_t injected_bytes(Bench& bench) {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < bench.world.clients(); ++i) {
    ClientHost& client = bench.world.client(i);
    for (std::size_t path = 0; path < client.paths(); ++path)
      bytes += client.lane(path).up->injected_bytes() + client.lane(path).down->injected_bytes();
  }
  return bytes;
}

std::uint64_t bytes_of(const std::vector<ClientHost*>& attackers) {
  std::uint64_t bytes = 0;
  for (ClientHost* attacker : attackers) {
    for (std::size_t path = 0; path < attacker->paths(); ++path)
      bytes += attacker->lane(path).up->sent_bytes() + attacker->lane(path).up->injected_bytes();
  }
  return bytes;
}

namespace {

bool is_defended(const AttackReport& report, const ClientHost* client, TimePoint offered) {
  return report.defenders.empty() ||
         std::any_of(report.defenders.begin(), report.defenders.end(), [&](const auto& defender) {
           return defender.client == client && offered >= defender.since;
         });
}

}  // namespace

void expect_attack_costs_nothing(Bench& bench, const AttackReport& report) {
  std::array<Tally, 2> tallies;  // of datagrams, of replies
  for (const Record& record : bench.world.context().oracle.ledger().records()) {
    const ClientHost* client = bench.world.traffic().application(record.application).host;
    if (!is_defended(report, client, record.offered)) continue;
    Tally& tally = tallies.at(record.is_reply ? 1 : 0);
    ++tally.offered;
    if (record.delivered) ++tally.delivered;
  }
  const auto& [datagrams, replies] = tallies;
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  fmt::print("{}.{}: the attacker sent {} bytes; the defenders lost {} of {} datagrams and {} of {} replies",
             test->test_suite_name(), test->name(), report.attacker_bytes, datagrams.lost(),
             datagrams.offered, replies.lost(), replies.offered);
  fmt::print("{}{}\n", report.more.empty() ? "" : "; ", report.more);
  EXPECT_GT(report.attacker_bytes, 0U);
  for (const Tally& tally : tallies) {
    EXPECT_GT(tally.offered, 0U);
    EXPECT_EQ(tally.lost(), 0U);
  }
}

}  // namespace mptunnel::sim
