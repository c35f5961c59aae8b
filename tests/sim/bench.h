// What most named tests begin with: one server, one client with three clean paths, one application.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "sim/world.h"

namespace mptunnel::sim {

struct BenchOptions {
  std::uint64_t seed = 1;
  ServerOptions server;
  ClientOptions client;
  TrafficOptions traffic;
};

/// Paths that lose nothing and take this long each way.
BenchOptions clean_bench(Duration delay = 10ms);
/// Paths that lose so much each way, with 1 ms of jitter; both ends repair. The target does not answer.
BenchOptions repaired_bench(double loss_percent, std::size_t paths = 3, Duration delay = 20ms);

/// What was offered in a span of time and what came of it.
struct Tally {
  std::uint64_t offered = 0;
  std::uint64_t delivered = 0;
  [[nodiscard]] std::uint64_t lost() const { return offered - delivered; }
};

class Bench {
 public:
  explicit Bench(const BenchOptions& options);
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  /// Adds a failure for each invariant that broke.
  ~Bench();

  World world;
  ClientHost& client;
  Application& application;

  /// Starts both programs, runs until the session stands and all paths are up, then starts the traffic.
  void begin();
  ServerHost& server() { return world.server(); }
  void run(Duration time) { world.run_for(time); }
  /// Stops the traffic and lets everything arrive.
  void settle();

  /// Datagrams of all applications, or replies, offered since then.
  [[nodiscard]] Tally tally(bool replies, TimePoint since = kStart);
  template <typename Kind>
  [[nodiscard]] static std::size_t count(const std::vector<Event>& events) {
    return static_cast<std::size_t>(std::count_if(
        events.begin(), events.end(), [](const Event& e) { return std::holds_alternative<Kind>(e); }));
  }
  /// All events of this kind.
  template <typename Kind>
  [[nodiscard]] static std::vector<Kind> all_of(const std::vector<Event>& events) {
    std::vector<Kind> all;
    for (const Event& event : events) {
      if (const auto* one = std::get_if<Kind>(&event)) all.push_back(*one);
    }
    return all;
  }
  [[nodiscard]] PathState state(std::size_t path);

  /// What this path passes, outwards and inwards, from now on.
  void pass(std::size_t path, bool out, bool in);
  /// Both directions of this path are like that from now on.
  void set_path(std::size_t path, const test::ImpairmentOptions& link);
  /// All paths pass nothing else in this direction; null: everything.
  void filter_up(const std::function<bool(const Copy&)>& passes);
  void filter_down(const std::function<bool(const Copy&)>& passes);
};

/// How long after `since` the first answer came to what was asked after it; a minute if none came.
Duration resumed_after(const Application& application, TimePoint since);

}  // namespace mptunnel::sim
