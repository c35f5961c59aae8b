// The machine of the server: its program, driven as mpserver drives it, and the sockets to the target.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "mptunnel/engine/server_engine.h"
#include "sim/address_guard.h"
#include "sim/alarm.h"
#include "sim/client_host.h"
#include "sim/context.h"
#include "sim/traffic.h"

namespace mptunnel::sim {

struct ServerOptions {
  ServerSettings settings;
  DriverOptions driver;
};

class ServerHost {
 public:
  /// Carries a packet to an address: `send(packet, route)`.
  using Send = std::function<void(const PacketPtr&, const Route&, Marks)>;

  ServerHost(const ServerOptions& options, Context& context, Traffic& traffic, Send send);

  void start();
  /// SIGKILL.
  void kill();
  /// SIGTERM: the clients are notified.
  void close();
  /// The end of the run: nothing waits in the program any more, so its books must balance.
  void end();
  void stall(Duration time);
  /// How many of its sends the kernel refuses from now on, wholly or in part.
  void set_refusals(double percent) { options_.driver.refusals_percent = percent; }
  [[nodiscard]] bool is_running() const { return program_ != nullptr; }
  [[nodiscard]] ServerEngine& engine() { return program_->engine; }
  [[nodiscard]] const ServerOptions& options() const { return options_; }
  [[nodiscard]] ProcessNumber process() const { return program_->number; }
  /// The sealing key epoch of every session looks as if it had sealed this many packets.
  void pretend_sealed(std::uint32_t packets, std::uint64_t blocks);

  void from_network(const std::vector<Copy>& copies);
  /// The target answers a peer, or sends to it unasked.
  void from_target(const TargetPeer& peer, Application& application, std::size_t bytes,
                   std::optional<std::uint32_t> request);

  /// As ClientHost has it.
  [[nodiscard]] bool reads_device() const {
    return program_ != nullptr && context_.now() >= program_->alarm.stalled_until();
  }
  void from_device(std::uint32_t number, const InnerFlow& flow);
  void set_on_inner(std::function<void(std::uint32_t)> on_inner) { on_inner_ = std::move(on_inner); }

  [[nodiscard]] const std::vector<Event>& events() const { return events_; }
  [[nodiscard]] std::uint64_t made(PacketType type) const { return made_.at(static_cast<std::size_t>(type)); }
  [[nodiscard]] std::uint64_t drops(Drop reason) const;
  /// Sockets to the target that were opened, by all programs so far.
  [[nodiscard]] std::uint64_t sockets_opened() const { return sockets_opened_; }
  /// How often the deadline of the running program came.
  [[nodiscard]] std::uint64_t wakes() const { return program_->alarm.calls(); }
  /// Checks every table against its limit.
  void audit() const;

 private:
  struct Program {
    Program(ServerHost& host, std::uint64_t seed);
    ProcessNumber number;
    RecordingRandom random;
    ServerEngine engine;
    AddressGuard guard;
    Alarm alarm;
    std::map<FlowHandle, std::uint64_t> sockets;  ///< to the target: the hash whose port each has
    std::map<std::uint64_t, FlowHandle> ports;    ///< and the flow that has a hash's own port
  };

  template <typename Call>
  void call(bool is_offer, Call call);
  void give(Batch& batch);
  void read_output(Output& out);
  void send_run(const PacketRun& run);
  void send_direct(const DirectPacket& direct);
  void open_sockets(const Output& out);
  void close_sockets(const Output& out);
  void deliver(const Output& out, std::uint64_t excuses);
  void end_program(std::size_t unknown);
  [[nodiscard]] std::optional<FlowHandle> socket_of(const TargetPeer& peer) const;

  ServerOptions options_;
  Context& context_;
  Traffic& traffic_;
  Send send_;
  std::unique_ptr<Program> program_;
  Output out_;
  std::map<std::size_t, PacketPtr> packets_;  ///< of the present output, by their place in the arena
  bool delays_ = false;                       ///< copies have waited: the same bytes leave more than once
  std::function<void(std::uint32_t)> on_inner_;
  std::vector<Event> events_;
  std::array<std::uint64_t, 6> made_{};
  std::array<std::uint64_t, kDropReasons> past_drops_{};
  std::uint64_t sockets_opened_ = 0;
};

}  // namespace mptunnel::sim
