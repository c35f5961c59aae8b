// mpserver's side towards the target: its address, and a connected socket for each flow, so that the target
// tells the applications apart by their source ports. Which of the name's addresses is in use is the matter
// of TargetAddresses.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "mptunnel/base/ids.h"
#include "mptunnel/config/config.h"
#include "mptunnel/engine/news_budget.h"
#include "mptunnel/ports/name_watch.h"
#include "mptunnel/ports/port_context.h"
#include "mptunnel/ports/target_addresses.h"

namespace mptunnel {

class Target {
 public:
  using OnReadable = std::function<void(FlowHandle)>;

  /// `context` outlives this.
  Target(const HostPort& address, Duration resolve_interval, const PortContext& context,
         OnReadable on_readable);

  /// Looks the name up, and again every `resolve-interval`, and sooner while the target refuses or is silent.
  /// If the address changes, all sockets move.
  void start() { names_.ask(); }
  /// A flow begins: its socket tries a source port derived from `hash`, the same after a restart.
  void open(FlowHandle handle, std::uint64_t hash);
  void close(FlowHandle handle) { flows_.erase(handle); }
  /// Datagrams went to the target.
  void on_sent() {
    if (!addresses_.is_waiting()) start_waiting();
  }
  /// Null if the target has no address yet, or the system no socket.
  DatagramSocket* socket(FlowHandle handle);
  /// An errno that a send or receive met: a line is logged when the target begins to refuse. No socket goes
  /// before the loop's next turn.
  void on_error(int error);
  /// Something came from the target.
  void on_answer() {
    if (addresses_.is_waiting()) end_waiting();
  }
  struct Problem {
    std::string text;  ///< why datagrams can't reach it
    Duration lasts{};  ///< so far
  };
  /// nullopt if they can, as far as is known.
  [[nodiscard]] std::optional<Problem> problem() const;
  [[nodiscard]] std::size_t flows() const { return flows_.size(); }

 private:
  struct Flow {
    std::uint64_t hash = 0;
    SocketFactory::Socket socket;
    std::unique_ptr<ReadWatcher> watcher;
  };

  void on_resolved(const ResolveResult& result);
  void on_alarm();
  void start_waiting();
  void end_waiting();
  /// The kernel has no way to the address in use.
  void note_unreachable(int error);
  void note_refused();
  /// Sees to it that on_alarm() is called in time.
  void watch();
  void move(const TargetAddresses::Move& move);
  void log_move(const TargetAddresses::Move& move);
  void connect(FlowHandle handle, Flow& flow);
  [[nodiscard]] const Endpoint& remote() const { return addresses_.current(); }

  Duration resolve_interval_;
  const PortContext& context_;
  OnReadable on_readable_;
  NameWatch names_;
  bool is_name_;  ///< and no address, of which nobody has to be asked
  TargetAddresses addresses_;
  std::unique_ptr<Alarm> alarm_;
  std::unordered_map<FlowHandle, Flow> flows_;
  NewsBudget moves_;
  std::uint64_t moves_unsaid_ = 0;
  bool said_move_ = false;                  ///< and no answer came since
  std::optional<TimePoint> failing_since_;  ///< it has refused since then, or its name has had no address
  std::string said_problem_;
  int said_error_ = 0;
  bool said_socket_error_ = false;
};

}  // namespace mptunnel
