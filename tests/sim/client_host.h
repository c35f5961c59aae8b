// The machine of one client: its paths and, from start to end, its program: an engine, driven as mpclient
// drives it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/engine/client_engine.h"
#include "sim/alarm.h"
#include "sim/batch.h"
#include "sim/context.h"
#include "sim/lane.h"
#include "sim/traffic.h"

namespace mptunnel::sim {

/// How a program drives its engine.
struct DriverOptions {
  Duration lateness{0};         ///< of some deadlines, at most
  bool coalesce = true;         ///< datagrams that arrive together are handed over together
  double refusals_percent = 0;  ///< of sends: the kernel takes some packets of the run only, or none
  std::size_t mtu = 1472;       ///< UDP payload that the interface takes: more is EMSGSIZE
};

struct ClientOptions {
  HandshakeSettings handshake;
  ClientIdentity identity{};
  std::size_t paths = 3;
  std::size_t max_flows = kMaxFlows;
  std::size_t min_paths = 1;
  std::optional<RepairSettings> repair;
  OrderSettings order;
  SchedulerMode mode = SchedulerMode::copies;
  std::optional<std::vector<InnerEntry>> inner;  ///< what its TUN device is to have
  std::vector<PathTraits> traits;                ///< of the first paths; of the others the usual ones
  test::ImpairmentOptions up;
  test::ImpairmentOptions down;
  DriverOptions driver;
};

class ClientHost {
 public:
  ClientHost(int number, const ClientOptions& options, Context& context, Traffic& traffic);

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] const ClientOptions& options() const { return options_; }
  Lane& lane(std::size_t path) { return lanes_[path]; }
  [[nodiscard]] std::size_t paths() const { return lanes_.size(); }

  /// Starts the program, with all paths available save those that `available` leaves out.
  void start(PathSet available = PathSet::all());
  /// SIGKILL.
  void kill();
  /// SIGTERM: the server is notified.
  void close();
  /// The end of the run: nothing waits in the program any more, so its books must balance.
  void end();
  void stall(Duration time);
  /// How many of its sends the kernel refuses from now on, wholly or in part.
  void set_refusals(double percent) { options_.driver.refusals_percent = percent; }
  [[nodiscard]] bool is_running() const { return program_ != nullptr; }
  [[nodiscard]] ClientEngine& engine() { return program_->engine; }
  [[nodiscard]] ProcessNumber process() const { return program_->number; }
  /// The present key epoch looks as if it had sealed this many packets.
  void pretend_sealed(std::uint32_t packets, std::uint64_t blocks);

  Application& add_application(const TrafficOptions& traffic);
  void set_path_available(std::size_t path, bool available);

  void from_application(Application& application, const std::vector<std::size_t>& sizes);
  void from_network(std::size_t path, const std::vector<Copy>& copies);
  /// Whether the program runs and would read what its device has.
  [[nodiscard]] bool reads_device() const {
    return program_ != nullptr && context_.now() >= program_->alarm.stalled_until();
  }
  /// The packet with this number of the ledger. There is a program that reads it.
  void from_device(std::uint32_t number, const InnerFlow& flow);
  /// Called with the number of each inner packet that its device gets.
  void set_on_inner(std::function<void(std::uint32_t)> on_inner) { on_inner_ = std::move(on_inner); }

  /// Everything that was said, by all programs on this machine.
  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  /// Packets of each type that left, copies not counted.
  [[nodiscard]] std::uint64_t made(PacketType type) const { return made_.at(static_cast<std::size_t>(type)); }
  /// Called with each packet that leaves.
  void set_tap(std::function<void(const PacketPtr&)> tap) { tap_ = std::move(tap); }
  /// Drops of all programs so far.
  [[nodiscard]] std::uint64_t drops(Drop reason) const;
  /// How often the deadline of the running program came.
  [[nodiscard]] std::uint64_t wakes() const { return program_->alarm.calls(); }
  /// Checks every table against its limit.
  void audit() const;

 private:
  struct Program {
    Program(ClientHost& host, std::uint64_t seed);
    ProcessNumber number;
    RecordingRandom random;
    ClientEngine engine;
    Alarm alarm;
  };

  template <typename Call>
  void call(bool is_offer, Call call);
  void carry_out(Output& out);
  void send_run(const PacketRun& run, Output& out);
  void deliver(const Output& out, std::uint64_t excuses);
  void end_program(std::size_t unknown);

  int number_;
  ClientOptions options_;
  Context& context_;
  Traffic& traffic_;
  std::vector<Lane> lanes_;
  std::vector<Application*> applications_;
  std::unique_ptr<Program> program_;
  Output out_;
  std::vector<Event> events_;
  std::array<std::uint64_t, 6> made_{};
  std::array<std::uint64_t, kDropReasons> past_drops_{};
  std::function<void(const PacketPtr&)> tap_;
  std::function<void(std::uint32_t)> on_inner_;
};

/// How many of a run's packets the kernel takes, and why not the others.
struct Taken {
  std::uint32_t count = 0;
  Drop drop = Drop::would_block;
};
Taken take_run(const PacketRun& run, const DriverOptions& driver, Context& context);

/// A line of the trace.
std::string describe(const Event& event);
/// "0,2", or "none".
std::string describe(PathSet paths);

}  // namespace mptunnel::sim
