// What befalls a world: draws one mishap after the other, each of which ends before the repair.
#pragma once

#include <map>
#include <utility>

#include "sim/scenario.h"
#include "sim/world.h"

namespace mptunnel::sim {

class Disturber {
 public:
  Disturber(World& world, const ScenarioKind& kind, test::Prng& random, TimePoint repair);

  /// Mishaps from now until the repair.
  void begin();

  /// Links of a random kind, or of the kind that lose nothing.
  static test::ImpairmentOptions some_link(const ScenarioKind& kind, test::Prng& random);
  static test::ImpairmentOptions calm_link(test::Prng& random);
  static TrafficOptions some_traffic(const ScenarioKind& kind, test::Prng& random);

 private:
  using Mishap = void (Disturber::*)();

  void next();
  void strike();
  void blackout();
  void rebind();
  void stall();
  void toggle();
  void restart_client();
  void restart_server();
  void rekey();
  void change_weather();
  void change_mtu();
  void upheave();
  void change_flows();
  void pause();

  /// Something befalls this path now: what was expected of it is not any more.
  void disturb(const ClientHost& client, std::size_t path) { ++disturbed_[{client.number(), path}]; }
  /// The path may be whole again: if it is, and stays so, it is up in time.
  void expect_up(ClientHost& client, std::size_t path);
  void blackout_link(ClientHost& client, std::size_t path, Link& link, Duration time);
  void take_away(ClientHost& client, std::size_t path, Duration time);
  static std::size_t some_mtu(test::Prng& random);

  ClientHost& some_client();
  /// Between the two, but over before the repair.
  Duration some_time(Duration least, Duration most);
  bool one_in(std::uint64_t count) { return random_.below(count) == 0; }

  World& world_;
  const ScenarioKind& kind_;
  test::Prng& random_;
  TimePoint repair_;
  std::map<std::pair<int, std::size_t>, std::uint64_t> disturbed_;  ///< by client and path
};

}  // namespace mptunnel::sim
