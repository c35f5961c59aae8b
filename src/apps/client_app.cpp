#include "mptunnel/apps/client_app.h"

#include <csignal>

#include "mptunnel/apps/event_log.h"
#include "mptunnel/crypto/kdf.h"
#include "mptunnel/net/clock.h"

namespace mptunnel {

ClientApp::ClientApp(const ClientConfig& config, const ClientSettings& settings)
    : config_(config),
      engine_(settings, random_),
      resolver_(loop_),
      listeners_(loop_, [this](UdpSocket& socket) { on_application(socket); }),
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
    const std::uint16_t port = derive_port(settings.identity, bridge.name);
    bridges_.push_back(std::make_unique<Bridge>(id, bridge, port, loop_, resolver_, callbacks));
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
  for (int i = 0; i < kReceivesPerWakeup; ++i) {
    const ReceiveResult result = socket.receive(buffers_);
    for (const Received& received : result.batches)
      engine_.on_application(received.batch, received.route, out_, now);
    flush();
    if (!result.more) break;
  }
}

void ClientApp::on_path(PathId path) {
  const TimePoint now = monotonic_now();
  Bridge& bridge = *bridges_[path.value];
  for (int i = 0; i < kReceivesPerWakeup && bridge.socket() != nullptr; ++i) {
    const ReceiveResult result = bridge.socket()->receive(buffers_);
    if (result.error != 0) bridge.on_error(result.error);
    for (const Received& received : result.batches) engine_.on_path(path, received.batch, out_, now);
    flush();
    if (!result.more) break;
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
    const PathId path = bridge->id();
    runs_.clear();
    for (const PacketRun& run : out_.runs) {
      if ((run.paths & mask_of(path)) != 0) runs_.push_back(&run);
    }
    UdpSocket* socket = bridge->socket();
    if (runs_.empty() || socket == nullptr) continue;
    const int error =
        sender_.send(out_, runs_, *socket, {}, [&](const PacketRun& run, std::uint32_t accepted, Drop drop) {
          engine_.on_sent(path, run, accepted, drop);
        });
    if (error != 0) bridge->on_error(error);
  }
}

void ClientApp::deliver() {
  for (const Delivery& delivery : out_.deliveries) {
    const Route* application = engine_.application_of(delivery.flow);
    UdpSocket* socket = application == nullptr ? nullptr : listeners_.find(*application);
    if (socket == nullptr) continue;
    const SendOutcome outcome =
        socket->send_pieces(std::span(out_.pieces).subspan(delivery.first, delivery.count), *application);
    if (outcome.accepted < delivery.count)
      drops_.add(drop_for(outcome.error), delivery.count - outcome.accepted);
  }
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
}

}  // namespace mptunnel
