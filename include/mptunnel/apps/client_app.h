// mpclient: joins the client's engine to the loop and its sockets.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/apps/program.h"
#include "mptunnel/config/config.h"
#include "mptunnel/crypto/system_random.h"
#include "mptunnel/engine/client_engine.h"
#include "mptunnel/net/loop.h"
#include "mptunnel/net/receive_budget.h"
#include "mptunnel/net/resolver.h"
#include "mptunnel/ports/bridges.h"
#include "mptunnel/ports/kernel_drop_watch.h"
#include "mptunnel/ports/listen_sockets.h"
#include "mptunnel/ports/run_sender.h"
#include "mptunnel/ports/socket_factory.h"

namespace mptunnel {

class ClientApp final : public App {
 public:
  ClientApp(const ClientConfig& config, const ClientSettings& settings, const SocketTuning& tuning);

  /// Opens the sockets to listen on and starts looking up the bridges. The error is for people.
  tl::expected<void, std::string> start() override;
  /// Until SIGTERM or SIGINT; then the server is told.
  void run() override;
  [[nodiscard]] Status status() const override;
  Loop& loop() override { return loop_; }

 private:
  void on_application(DatagramSocket& socket);
  void on_path(PathId path);
  void on_deadline();
  void on_stop();
  /// Carries out what the engine wants, and sets the timer.
  void flush();
  void send_runs();
  void deliver();
  /// All of deliveries_, through one socket.
  void send_deliveries(DatagramSocket* socket);
  void act_on(const Event& event);
  void log_summary();

  const ClientConfig config_;
  const bool encrypts_;
  const bool has_key_;
  const TimePoint started_;
  Loop loop_;
  SystemRandom random_;
  ClientEngine engine_;
  Output out_;
  Resolver resolver_;
  SystemSockets sockets_;
  ReceiveBuffers buffers_;
  ReceiveBudget application_budget_;
  ReceiveBudget path_budget_;
  KernelDropWatch application_drops_{"from applications"};
  KernelDropWatch bridge_drops_{"from bridges"};
  RunSender sender_;
  std::vector<SendPieces> deliveries_;
  std::vector<SendOutcome> delivered_;
  Bridges bridges_;
  ListenSockets listeners_;
  Timer timer_;
  SignalWatcher on_term_;
  SignalWatcher on_int_;
  DropCounters drops_;  ///< what the sockets towards applications refused
  bool is_flushing_ = false;
};

}  // namespace mptunnel
