// The bytes of an input as a run of the simulation:
//
//     8 bytes of options | steps, each a byte that says which, and its arguments
//
// Packets pass, or are held until a step delivers, drops, copies or alters them. Bounded in steps, packets
// and virtual time, so that an input takes milliseconds.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "fuzz/input.h"
#include "sim/world.h"

namespace mptunnel::fuzz {

class Schedule {
 public:
  explicit Schedule(ConstBytes input);
  Schedule(const Schedule&) = delete;
  Schedule& operator=(const Schedule&) = delete;
  ~Schedule() = default;

  /// Ends the process if an invariant broke, with what broke on standard error.
  void run();

 private:
  static constexpr std::size_t kRemembered = 64;   ///< packets
  static constexpr std::size_t kApplications = 3;  ///< of each client

  /// A copy on its way, and the link that it is on.
  struct Passing {
    sim::Copy copy;
    sim::Lane* lane = nullptr;
    bool is_up = false;
  };
  using Step = void (Schedule::*)();

  static sim::WorldOptions read_world(Input& input);
  /// A link that takes this long, and is whole.
  static test::ImpairmentOptions link_options(Duration delay);
  void add_client();
  void watch(sim::Lane& lane);
  bool take(const sim::Copy& copy, sim::Lane& lane, bool is_up);
  void arrive(const Passing& packet);
  void pass_time(Duration time);

  // The steps. Each reads its own arguments.
  void let_pass();
  void hold();
  void deliver_all();
  void deliver_one();
  void drop_one();
  void copy_one();
  void deliver_altered();
  void replay();
  void make_noise();
  void wait_briefly();
  void wait_long();
  void stall();
  void offer();
  void push();
  void restart_client();
  void restart_server();
  void move_path();
  void toggle_path();
  void change_link();
  void refuse();
  void wear_keys();

  void alter(sim::Copy& copy);
  void repair();
  void expect_answers();
  void check_strangers();
  void judge();

  sim::ClientHost& some_client() { return world_.client(input_.below(world_.clients())); }
  sim::Application& some_application(sim::ClientHost& client);
  std::size_t some_place(std::size_t count) { return input_.below(std::min<std::size_t>(count, 256)); }
  Passing take_held();

  Input input_;
  sim::World world_;
  bool has_room_;  ///< the server's tables have a place for everybody
  bool is_holding_ = false;
  Duration time_left_;
  std::size_t restarts_left_;
  std::size_t packets_ = 0;
  std::deque<Passing> held_;
  std::vector<Passing> seen_;  ///< the latest packets, for replays
  std::size_t next_seen_ = 0;
  std::vector<Endpoint> strangers_;
};

}  // namespace mptunnel::fuzz
