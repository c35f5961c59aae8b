// mpserver: joins the server's engine to the loop and its sockets.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <unordered_map>
#include <vector>

#include "mptunnel/apps/program.h"
#include "mptunnel/config/config.h"
#include "mptunnel/engine/server_engine.h"
#include "mptunnel/net/receive_budget.h"
#include "mptunnel/ports/kernel_drop_watch.h"
#include "mptunnel/ports/listen_sockets.h"
#include "mptunnel/ports/server_carrier.h"
#include "mptunnel/ports/target.h"
#include "mptunnel/session/token_bucket.h"

namespace mptunnel {

class ServerApp final : public App {
 public:
  ServerApp(const ServerConfig& config, const ServerSettings& settings, const SocketTuning& tuning);

  /// Opens the sockets to listen on and starts looking up the target. The error is for people.
  tl::expected<void, std::string> start() override;
  [[nodiscard]] Status status() const override;

 private:
  void on_network(DatagramSocket& socket);
  void on_target(FlowHandle flow);
  void on_deadline() override;
  void on_stop() override;
  /// Carries out what the engine wants, and sets the timer.
  void flush();
  void log_summary() const;

  const ServerConfig config_;
  const bool has_key_;
  ServerEngine engine_;
  ReceiveBudget network_budget_;
  ReceiveBudget target_budget_;
  KernelDropWatch network_drops_{"from the network"};
  KernelDropWatch target_drops_{"from the target"};
  Target target_;
  ListenSockets listeners_;
  ServerCarrier carrier_;
  TokenBucket path_lines_{0.5, 100};  ///< of the log
};

}  // namespace mptunnel
