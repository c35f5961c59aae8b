// How ServerEngine finds the session of a packet: the table from a session index, as it came in the header,
// to a key epoch. One item is one look-up; packets of all sessions come in random order, all are found, and a
// look-up begins when the one before it has ended.

#include <random>
#include <unordered_map>
#include <vector>

#include "mptunnel/base/ids.h"
#include "mptunnel/wire/limits.h"
#include "report.h"
#include "support/test_random.h"

namespace mptunnel::bench {
namespace {

/// The shape of ServerEngine::EpochRef, which is its own business.
struct EpochRef {
  void* session = nullptr;
  void* keys = nullptr;
  std::uint32_t order = 0;
};

void SessionLookup(benchmark::State& state) {
  const auto sessions = static_cast<std::size_t>(state.range(0));
  std::unordered_map<SessionIndex, EpochRef> epochs;
  std::vector<SessionIndex> indices;
  // Indices are made as PendingHandshakes makes them.
  test::TestRandom random(1);
  while (epochs.size() < sessions) {
    const SessionIndex index{static_cast<std::uint32_t>(random.u64() >> (64 - kSessionIndexBits))};
    if (epochs.emplace(index, EpochRef{nullptr, nullptr, 1}).second) indices.push_back(index);
  }
  std::mt19937_64 engine(2);
  std::vector<SessionIndex> packets;
  for (std::size_t i = 0; i < 1U << 17U; ++i) packets.push_back(indices[engine() % sessions]);

  std::size_t at = 0;  // moves on by what is found: by 1
  for (auto _ : state) {
    const auto found = epochs.find(packets[at % packets.size()]);
    if (found == epochs.end()) {
      state.SkipWithError("a session was not found");
      break;
    }
    at += found->second.order;
  }
  report_items(state, state.iterations());
}
BENCHMARK(SessionLookup)->ArgName("sessions")->Arg(1)->Arg(1000)->Arg(100'000);

}  // namespace
}  // namespace mptunnel::bench
