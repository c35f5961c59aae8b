// Runs the named tests; or, with --scenario, random runs from seeds.
//
//     mptunnel_sim [GoogleTest's options]
//     mptunnel_sim --scenario NAME [--seed N | --seeds FIRST-LAST] [--trace]
//
// MPTUNNEL_SIM_SEEDS=N cuts a range of seeds down to its first N.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>

#include "sim/scenario.h"

namespace {

using mptunnel::sim::run_scenario;
using mptunnel::sim::scenario_kinds;
using mptunnel::sim::ScenarioKind;

constexpr int kMostFailedSeeds = 5;

struct Seeds {
  std::uint64_t first = 1;
  std::uint64_t last = 100;
};

std::optional<Seeds> parse_seeds(const std::string& text) {
  Seeds seeds;
  const auto parse = [](const std::string& part, std::uint64_t& value) {
    char* end = nullptr;
    value = std::strtoull(part.c_str(), &end, 10);
    return !part.empty() && *end == '\0';
  };
  const std::size_t dash = text.find('-');
  if (!parse(text.substr(0, dash), seeds.first)) return std::nullopt;
  seeds.last = seeds.first;
  if (dash != std::string::npos && !parse(text.substr(dash + 1), seeds.last)) return std::nullopt;
  if (seeds.last < seeds.first) return std::nullopt;
  if (const char* most = std::getenv("MPTUNNEL_SIM_SEEDS")) {
    std::uint64_t count = 0;
    if (!parse(most, count) || count == 0) return std::nullopt;
    seeds.last = std::min(seeds.last, seeds.first + count - 1);
  }
  return seeds;
}

/// Runs the seeds; prints what broke and how to see it again. Returns whether nothing did.
bool run_seeds(const std::string& program, const ScenarioKind& kind, const Seeds& seeds, bool tracing) {
  int failed = 0;
  for (std::uint64_t seed = seeds.first; seed <= seeds.last; ++seed) {
    const auto broken = run_scenario(kind, seed, tracing);
    if (broken.empty()) continue;
    fmt::print("seed {} breaks:\n", seed);
    for (const std::string& line : broken) fmt::print("  {}\n", line);
    fmt::print("replay: {} --scenario {} --seed {} --trace\n", program, kind.name, seed);
    if (++failed >= kMostFailedSeeds) {
      fmt::print("and no further seed was tried\n");
      break;
    }
  }
  if (failed == 0) fmt::print("{}: seeds {} to {} pass\n", kind.name, seeds.first, seeds.last);
  return failed == 0;
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  CLI::App app("Both engines on a simulated network in virtual time");
  std::string scenario;
  std::string seeds_text = "1-100";
  bool tracing = false;
  app.add_option("--scenario", scenario, "Kind of random runs, or `all`; without it the named tests run");
  app.add_option("--seed,--seeds", seeds_text, "N or FIRST-LAST")->capture_default_str();
  app.add_flag("--trace", tracing, "Print what happens");
  CLI11_PARSE(app, argc, argv);
  if (scenario.empty()) return RUN_ALL_TESTS();

  const auto seeds = parse_seeds(seeds_text);
  if (!seeds) {
    fmt::print(stderr, "seeds are N or FIRST-LAST, and MPTUNNEL_SIM_SEEDS is a count\n");
    return 2;
  }
  bool found = false;
  bool passed = true;
  for (const ScenarioKind& kind : scenario_kinds()) {
    if (scenario != "all" && scenario != kind.name) continue;
    found = true;
    passed = run_seeds(argv[0], kind, *seeds, tracing) && passed;
  }
  if (!found) {
    fmt::print(stderr, "no such scenario; there are:\n");
    for (const ScenarioKind& kind : scenario_kinds())
      fmt::print(stderr, "  {:10} {}\n", kind.name, kind.what);
    return 2;
  }
  return passed ? 0 : 1;
}
