// mpclient: joins the client's engine to the loop and its sockets.
#include <algorithm>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/apps/program.h"
#include "mptunnel/config/config.h"
#include "mptunnel/control/collect_status.h"
#include "mptunnel/control/event_log.h"
#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/event_limiter.h"
#include "mptunnel/host/log.h"
#include "mptunnel/net/interface_watch.h"
#include "mptunnel/net/receive_budget.h"
#include "mptunnel/net/route_watch.h"
#include "mptunnel/net/udp_socket.h"
#include "mptunnel/ports/application_table.h"
#include "mptunnel/ports/bridges.h"
#include "mptunnel/ports/client_carrier.h"
#include "mptunnel/ports/kernel_drop_watch.h"
#include "mptunnel/ports/listen_sockets.h"
#include "mptunnel/ports/tun_interface.h"

namespace mptunnel {
namespace {

class ClientApp final : public App, private BridgeEvents {
 public:
  ClientApp(const ClientConfig& config, const ClientSettings& settings, const std::string& address_path,
            const SocketTuning& tuning);

  /// Opens the sockets to listen on and starts looking up the bridges. The error is for people.
  tl::expected<void, std::string> start() override;
  [[nodiscard]] Status status() const override;

 private:
  void on_application(DatagramSocket& socket);
  void on_interfaces();
  void on_bridge_made(const Bridge& bridge) override;
  void on_bridge_available(PathId path, bool available) override;
  void on_bridge_held(PathId path, bool held) override;
  void on_bridge_readdressed(PathId path) override;
  void on_bridge_readable(PathId path) override { read_bridge(path, &Bridge::socket); }
  void on_bridge_elsewhere_readable(PathId path) override { read_bridge(path, &Bridge::elsewhere); }
  [[nodiscard]] std::uint64_t received_by(PathId path) const override;
  void on_deadline() override;
  void on_stop() override;
  void read_bridge(PathId path, DatagramSocket* (Bridge::*socket)() const);
  /// Carries out what the engine wants, and sets the timer.
  void flush(TimePoint now);
  void act_on(const Event& event);
  /// What the server says of the device's addresses.
  void take_addresses(const InnerAddresses& addresses);
  void log_summary();

  const ClientConfig config_;
  const bool encrypts_;
  const bool has_key_;
  ClientEngine engine_;
  EventLimiter limiter_;
  ApplicationTable applications_;
  ReceiveBudget application_budget_;
  ReceiveBudget path_budget_;
  KernelDropWatch application_drops_{"from applications"};
  KernelDropWatch bridge_drops_{"from bridges"};
  InterfaceWatch interfaces_;
  KnownAddresses known_;
  Bridges bridges_;
  RouteWatch routes_;
  ListenSockets listeners_;
  std::unique_ptr<TunInterface> tun_;
  ClientCarrier carrier_;
  bool is_flushing_ = false;
};

ClientApp::ClientApp(const ClientConfig& config, const ClientSettings& settings,
                     const std::string& address_path, const SocketTuning& tuning)
    : App(tuning),
      config_(config),
      encrypts_(settings.handshake.encrypt),
      has_key_(settings.handshake.key.has_value()),
      engine_(settings, random_),
      applications_(settings.identity),
      interfaces_(
          ports_.loop(), [this] { on_interfaces(); }, log_line),
      known_(address_path, ports_.context().clock),
      bridges_(config_, settings.identity, ports_.context(), interfaces_.table(), *this, &known_),
      routes_(ports_.loop(), [this] { bridges_.on_routes(); }),
      listeners_(ports_.context(), Steering{}, SocketUse::applications,
                 [this](DatagramSocket& socket) { on_application(socket); }),
      tun_(make_tun(
          config.common, config.routes, config.fwmark, ports_.context(), random_,
          [this] { read_device(*tun_, engine_, [this](TimePoint now) { flush(now); }); },
          [this] { return engine_.largest_inner(monotonic_now()); })),
      carrier_(engine_, bridges_, applications_, listeners_, tun_ ? &tun_->port() : nullptr,
               ports_.context().clock) {}

tl::expected<void, std::string> ClientApp::start() {
  if (config_.fwmark != 0 && !may_mark_packets()) return tl::make_unexpected(std::string(kNoMark));
  if (auto opened = listeners_.open(config_.listen); !opened) return opened;
  if (const auto watched = interfaces_.start(); !watched)
    log_warning("interfaces are not watched, changes will be noticed late: {}", watched.error());
  listeners_.on_interfaces(interfaces_.table());
  if (tun_) {
    if (auto started = tun_->start(); !started) return started;
  }
  if (const auto watched = routes_.start(); !watched)
    log_warning("changes of routes will be noticed late: {}", watched.error());
  bridges_.start();
  return {};
}

void ClientApp::on_interfaces() {
  bridges_.on_interfaces();
  listeners_.on_interfaces(interfaces_.table());
  if (tun_) tun_->on_interfaces(interfaces_.table());
}

Status ClientApp::status() const {
  return collect_status({config_, engine_, bridges_, listeners_, tun_.get(), carrier_.drops(),
                         application_drops_, bridge_drops_, encrypts_, has_key_, started_},
                        monotonic_now());
}

void ClientApp::on_application(DatagramSocket& socket) {
  const TimePoint now = monotonic_now();
  for (application_budget_.start(); application_budget_.more();) {
    const ReceiveResult result = application_budget_.receive(socket, buffers_);
    application_drops_.add(result, now);
    for (const Received& received : result.batches) {
      engine_.on_application(received.batch, applications_.use(received.route), out_, now,
                             received.marks.dscp);
      applications_.follow(out_);
      if (out_.arena.size() >= kFlushBytes) flush(now);
    }
    flush(now);
  }
}

void ClientApp::on_bridge_made(const Bridge& bridge) {
  const BridgeConfig& line = bridge.config();
  engine_.set_path_traits(bridge.id(), {line.backup, line.metered, config_.keepalive, line.delay});
  engine_.set_path_name(bridge.id(), bridge.name());
}

void ClientApp::on_bridge_available(PathId path, bool available) {
  const TimePoint now = monotonic_now();
  engine_.set_path_available(path, available, out_, now);
  flush(now);
}

void ClientApp::on_bridge_held(PathId path, bool held) {
  const TimePoint now = monotonic_now();
  engine_.hold_path(path, held, out_, now);
  flush(now);
}

void ClientApp::on_bridge_readdressed(PathId path) {
  const TimePoint now = monotonic_now();
  engine_.readdress_path(path, out_, now);
  flush(now);
}

void ClientApp::read_bridge(PathId path, DatagramSocket* (Bridge::*socket)() const) {
  const TimePoint now = monotonic_now();
  for (path_budget_.start(); path_budget_.more();) {
    // What arrives may cost the path its socket.
    Bridge* bridge = bridges_.find(path);
    DatagramSocket* const from = bridge == nullptr ? nullptr : (bridge->*socket)();
    if (from == nullptr) return;
    const ReceiveResult result = path_budget_.receive(*from, buffers_);
    const std::uint64_t lost = bridge_drops_.add(result, now);
    if (bridge_drops_.is_pressed(now)) engine_.on_path_lost(lost, now);
    if (result.error != 0) bridge->on_error(result.error);
    if (result.has_icmp) {
      if (const auto report = from->take_icmp()) bridge->on_icmp(*report);
    }
    for (const Received& received : result.batches) {
      const bool was_up = engine_.path(path).is_up();
      // From elsewhere anybody may send copies.
      engine_.on_path(path, received.batch, out_, now, {received.marks.ecn, from != bridge->elsewhere()});
      // Other packets from elsewhere may be late ones, from where the path led before.
      if (from == bridge->elsewhere() && !was_up && engine_.path(path).is_up())
        bridge->is_answered_from(received.route.remote);
    }
    flush(now);
  }
}

std::uint64_t ClientApp::received_by(PathId path) const {
  const PathTraffic* traffic = engine_.state().link.traffic(path);
  return traffic == nullptr ? 0 : traffic->received;
}

void ClientApp::on_deadline() {
  const TimePoint now = monotonic_now();
  engine_.on_deadline(out_, now);
  if (now >= limiter_.due()) limiter_.report(out_, now);
  flush(now);
}

void ClientApp::on_stop() {
  const TimePoint now = monotonic_now();
  engine_.close(out_, now);
  flush(now);
  log_summary();
  ports_.loop().stop();
}

void ClientApp::flush(TimePoint now) {
  // An event may make a bridge open or lose its socket, which is news for the engine: that has its turn
  // below.
  if (is_flushing_) return;
  is_flushing_ = true;
  carrier_.carry(out_, now);
  applications_.follow(out_);
  const std::vector<Event> events = std::move(out_.events);
  out_.clear();
  is_flushing_ = false;
  for (const Event& event : events) act_on(event);
  timer_.set(std::min(engine_.deadline(), limiter_.due()));
}

void ClientApp::act_on(const Event& event) {
  const auto path = path_of(event);
  Bridge* bridge = path ? bridges_.find(*path) : nullptr;
  if (path && bridge == nullptr && !std::holds_alternative<EventsLeftOut>(event)) return;
  if (limiter_.allows(event, monotonic_now()))
    log_event(event, bridge == nullptr ? std::string_view{} : bridge->name());
  if (const auto* addresses = std::get_if<InnerAddresses>(&event)) take_addresses(*addresses);
  if (bridge == nullptr) return;
  if (std::holds_alternative<PathLooped>(event)) bridge->shut_for_loop();
  if (std::holds_alternative<PathProved>(event)) bridge->on_proved();
  const auto* change = std::get_if<PathChanged>(&event);
  if (change == nullptr) return;
  if (change->state == PathState::up) bridge->on_up();
  if (change->state == PathState::suspect) bridge->on_suspect();
  if (change->state == PathState::down) bridge->on_down();
}

void ClientApp::take_addresses(const InnerAddresses& addresses) {
  if (!tun_) return;
  std::vector<AddressPrefix> given;
  for (const InnerEntry& entry : addresses.entries) {
    if (entry.kind == InnerKind::automatic && entry.verdict == InnerVerdict::given)
      given.push_back({address_of(entry.prefix), entry.prefix.length});
  }
  if (config_.common.tun.is_automatic) tun_->set_addresses(std::move(given));
  tun_->on_answer();
}

void ClientApp::log_summary() {
  bridges_.for_each([this](Bridge& bridge) {
    const ProbedPath& path = engine_.path(bridge.id());
    const SocketCounters counters =
        bridge.socket() == nullptr ? SocketCounters{} : bridge.socket()->counters();
    const std::string rtt = path.rtt().has_sample()
                                ? fmt::format("RTT {:.1f} ms", milliseconds(path.rtt().smoothed()))
                                : "no RTT";
    log_info("bridge {}: {}, {}, sent {}, received {}", bridge.name(), name_of(path.state()), rtt,
             counters.sent, counters.received);
  });
  const SessionSnapshot session = engine_.snapshot(monotonic_now()).session;
  log_info("datagrams: {} from applications, {} to applications", session.into_tunnel, session.out_of_tunnel);
  if (session.inner) {
    log_info("IP packets: {} into the tunnel, {} out of it", session.inner->counts.into_tunnel,
             session.inner->counts.out_of_tunnel);
  }
  log_drops("from the network", engine_.drops());
  log_drops("by the sockets", carrier_.drops());
  if (tun_) log_drops("by the device", tun_->port().drops());
  log_kernel_drops({&application_drops_, &bridge_drops_});
}

}  // namespace

std::unique_ptr<App> make_client_app(const ClientConfig& config, const ClientSettings& settings,
                                     const std::string& address_path, const SocketTuning& tuning) {
  return std::make_unique<ClientApp>(config, settings, address_path, tuning);
}

}  // namespace mptunnel
