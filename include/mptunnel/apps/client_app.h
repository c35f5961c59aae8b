// mpclient: joins the client's engine to the loop and its sockets.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/apps/program.h"
#include "mptunnel/config/config.h"
#include "mptunnel/engine/client_engine.h"
#include "mptunnel/net/interface_watch.h"
#include "mptunnel/net/receive_budget.h"
#include "mptunnel/ports/application_table.h"
#include "mptunnel/ports/bridges.h"
#include "mptunnel/ports/client_carrier.h"
#include "mptunnel/ports/kernel_drop_watch.h"
#include "mptunnel/ports/listen_sockets.h"

namespace mptunnel {

class ClientApp final : public App, private BridgeEvents {
 public:
  ClientApp(const ClientConfig& config, const ClientSettings& settings, const SocketTuning& tuning);

  /// Opens the sockets to listen on and starts looking up the bridges. The error is for people.
  tl::expected<void, std::string> start() override;
  [[nodiscard]] Status status() const override;

 private:
  void on_application(DatagramSocket& socket);
  void on_bridge_made(const Bridge& bridge) override;
  void on_bridge_available(PathId path, bool available) override;
  void on_bridge_readdressed(PathId path) override;
  void on_bridge_readable(PathId path) override;
  void on_deadline() override;
  void on_stop() override;
  /// Carries out what the engine wants, and sets the timer.
  void flush();
  void act_on(const Event& event);
  void log_summary();

  const ClientConfig config_;
  const bool encrypts_;
  const bool has_key_;
  ClientEngine engine_;
  ApplicationTable applications_;
  ReceiveBudget application_budget_;
  ReceiveBudget path_budget_;
  KernelDropWatch application_drops_{"from applications"};
  KernelDropWatch bridge_drops_{"from bridges"};
  InterfaceWatch interfaces_;
  Bridges bridges_;
  ListenSockets listeners_;
  ClientCarrier carrier_;
  bool is_flushing_ = false;
};

}  // namespace mptunnel
