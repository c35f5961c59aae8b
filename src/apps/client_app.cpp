#include "mptunnel/apps/client_app.h"

#include <csignal>

#include "mptunnel/apps/event_log.h"
#include "mptunnel/net/clock.h"

namespace mptunnel {

ClientApp::ClientApp(const ClientConfig& config, const ClientSettings& settings, const SocketTuning& tuning)
    : config_(config),
      engine_(settings, random_),
      resolver_(loop_),
      listeners_(loop_, tuning, Steering{}, [this](UdpSocket& socket) { on_application(socket); }),
      timer_(loop_, [this] { on_deadline(); }),
      on_term_(loop_, SIGTERM, [this] { on_stop(); }),
      on_int_(loop_, SIGINT, [this] { on_stop(); }) {
  const Bridge::Callbacks callbacks{
      [this](PathId path) { on_path(path); },
      [this](PathId path, bool available) {
        engine_.set_path_available(path, available, out_, monotonic_now());
        flush();
      },
  };
  for (const BridgeConfig& bridge : config_.bridges) {
    const PathId id{static_cast<std::uint8_t>(bridges_.size())};
    bridges_.push_back(
        std::make_unique<Bridge>(id, bridge, settings.identity, tuning, loop_, resolver_, callbacks));
  }
}

tl::expected<void, std::string> ClientApp::start() {
  if (auto opened = listeners_.open(config_.listen); !opened) return opened;
  for (const auto& bridge : bridges_) bridge->start();
  return {};
}

void ClientApp::run() {
  loop_.run();
}

void ClientApp::on_application(UdpSocket& socket) {
  const TimePoint now = monotonic_now();
  for (application_budget_.start(); application_budget_.more();) {
    const ReceiveResult result = application_budget_.receive(socket, buffers_);
    application_drops_.add(result.kernel_drops, now);
    for (const Received& received : result.batches) {
      engine_.on_application(received.batch, received.route, out_, now);
      if (out_.arena.size() >= kFlushBytes) flush();
    }
    flush();
  }
}

void ClientApp::on_path(PathId path) {
  const TimePoint now = monotonic_now();
  Bridge& bridge = *bridges_[path.value];
  for (path_budget_.start(); path_budget_.more() && bridge.socket() != nullptr;) {
    const ReceiveResult result = path_budget_.receive(*bridge.socket(), buffers_);
    bridge_drops_.add(result.kernel_drops, now);
    if (result.error != 0) bridge.on_error(result.error);
    for (const Received& received : result.batches) engine_.on_path(path, received.batch, out_, now);
    flush();
  }
}

void ClientApp::on_deadline() {
  engine_.on_deadline(out_, monotonic_now());
  flush();
}

void ClientApp::on_stop() {
  engine_.close(out_, monotonic_now());
  flush();
  log_summary();
  loop_.stop();
}

void ClientApp::flush() {
  // An event may make a bridge open or lose its socket, which is news for the engine: that has its turn
  // below.
  if (is_flushing_) return;
  is_flushing_ = true;
  send_runs();
  deliver();
  const std::vector<Event> events = std::move(out_.events);
  out_.clear();
  is_flushing_ = false;
  for (const Event& event : events) act_on(event);
  timer_.set(engine_.deadline());
}

void ClientApp::send_runs() {
  if (out_.runs.empty()) return;
  for (const auto& bridge : bridges_) {
    UdpSocket* socket = bridge->socket();
    if (socket == nullptr) continue;
    for (const PacketRun& run : out_.runs) {
      if ((run.paths & mask_of(bridge->id())) != 0) sender_.add(out_, run, bridge->id());
    }
    if (sender_.empty()) continue;
    const int error =
        sender_.send(*socket, [this](PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop) {
          engine_.on_sent(path, run, accepted, drop);
        });
    if (error != 0) bridge->on_error(error);
  }
}

void ClientApp::deliver() {
  out_.group_deliveries();
  UdpSocket* socket = nullptr;
  for (const Delivery& delivery : out_.deliveries) {
    const Route* application = engine_.application_of(delivery.flow);
    UdpSocket* own = application == nullptr ? nullptr : listeners_.find(*application);
    if (own == nullptr) {
      drops_.add(application == nullptr ? Drop::flow_unknown : Drop::unreachable, delivery.count);
      continue;
    }
    if (own != socket) send_deliveries(socket);
    socket = own;
    deliveries_.push_back({out_.pieces_of(delivery), *application});
  }
  send_deliveries(socket);
}

void ClientApp::send_deliveries(UdpSocket* socket) {
  if (deliveries_.empty()) return;
  delivered_.resize(deliveries_.size());
  socket->send(std::span<const SendPieces>(deliveries_), delivered_);
  for (std::size_t i = 0; i < deliveries_.size(); ++i) {
    const std::size_t lost = deliveries_[i].datagrams.size() - delivered_[i].accepted;
    if (lost > 0) drops_.add(drop_for(delivered_[i].error), lost);
  }
  deliveries_.clear();
}

void ClientApp::act_on(const Event& event) {
  if (event.kind != EventKind::path_changed) {
    log_client_event(event);
    return;
  }
  Bridge& bridge = *bridges_[event.path.value];
  log_path_change(bridge.name(), event);
  if (event.state == PathState::up) bridge.on_up();
  if (event.state == PathState::down) bridge.on_down();
}

void ClientApp::log_summary() {
  for (const auto& bridge : bridges_) {
    const ProbedPath& path = engine_.path(bridge->id());
    const SocketCounters counters =
        bridge->socket() == nullptr ? SocketCounters{} : bridge->socket()->counters();
    log_info("bridge {}: {}, RTT {:.1f} ms, sent {}, received {}", bridge->name(), name_of(path.state()),
             milliseconds(path.rtt().smoothed()), counters.sent, counters.received);
  }
  log_info("datagrams: {} from applications, {} to applications", engine_.datagrams_in(),
           engine_.datagrams_out());
  log_drops("from the network", engine_.drops());
  log_drops("towards applications", drops_);
  log_kernel_drops({&application_drops_, &bridge_drops_});
}

}  // namespace mptunnel
