// mpserver: joins the server's engine to the loop and its sockets.
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "mptunnel/apps/program.h"
#include "mptunnel/config/config.h"
#include "mptunnel/control/collect_status.h"
#include "mptunnel/control/event_log.h"
#include "mptunnel/engine/server_engine.h"
#include "mptunnel/host/log.h"
#include "mptunnel/net/interface_watch.h"
#include "mptunnel/net/receive_budget.h"
#include "mptunnel/ports/filter_watch.h"
#include "mptunnel/ports/kernel_drop_watch.h"
#include "mptunnel/ports/listen_sockets.h"
#include "mptunnel/ports/server_carrier.h"
#include "mptunnel/ports/target.h"
#include "mptunnel/ports/tun_interface.h"

namespace mptunnel {
namespace {

/// All packets under one key come to one socket of the group: index % lanes is also the index's last byte %
/// lanes. What begins a handshake is apart: that of strangers never stands before packets of sessions.
constexpr Steering kByLane{kHeaderLastIndexByte, static_cast<std::uint8_t>(PacketType::handshake1)};
static_assert(256 % kSocketsPerAddress == 0);

ServerSettings with_lanes(ServerSettings settings) {
  settings.lanes = kSocketsPerAddress;
  return settings;
}

class ServerApp final : public App {
 public:
  ServerApp(const ServerConfig& config, const ServerSettings& settings, const KeyFiles& files,
            const SocketTuning& tuning);

  /// Opens the sockets to listen on and starts looking up the target. The error is for people.
  tl::expected<void, std::string> start() override;
  [[nodiscard]] Status status() const override;

 private:
  /// Reads the keys again. Sessions whose key went end. Says what there is now, and what became different.
  Reading read_again() override;
  /// Unless each address to listen on is there as long as the host is.
  void watch_interfaces();
  void on_interfaces();
  /// Null if there is none.
  Target* make_target();
  void on_network(DatagramSocket& socket);
  void on_target(FlowHandle flow);
  void on_deadline() override;
  void on_stop() override;
  /// Carries out what the engine wants, and sets the timer.
  void flush(TimePoint now);
  void log_summary() const;

  const ServerConfig config_;
  const KeyFiles key_files_;
  const bool has_key_;
  KeyNames key_names_;
  ServerEngine engine_;
  ReceiveBudget network_budget_;
  ReceiveBudget target_budget_;
  KernelDropWatch network_drops_{"from the network"};
  KernelDropWatch target_drops_{"from the target"};
  FilterWatch filtered_{ports_.context().clock};
  std::optional<Target> target_;
  ListenSockets listeners_;
  std::unique_ptr<TunInterface> tun_;
  std::optional<InterfaceWatch> interfaces_;
  ServerCarrier carrier_;
};

ServerApp::ServerApp(const ServerConfig& config, const ServerSettings& settings, const KeyFiles& files,
                     const SocketTuning& tuning)
    : App(tuning),
      config_(config),
      key_files_(files),
      has_key_(settings.handshake.key || settings.named_keys),
      key_names_(names_of(settings.named_keys)),
      engine_(with_lanes(settings), random_),
      listeners_(ports_.context(), kByLane, SocketUse::paths,
                 [this](DatagramSocket& socket) { on_network(socket); }),
      tun_(make_tun(
          config.common, config.common.tun.allow, 0, ports_.context(), random_,
          [this] { read_device(*tun_, engine_, [this](TimePoint now) { flush(now); }); },
          [this] { return engine_.largest_inner(monotonic_now()); })),
      carrier_(engine_, listeners_, make_target(), tun_ ? &tun_->port() : nullptr, ports_.context().clock) {}

Target* ServerApp::make_target() {
  if (!config_.target) return nullptr;
  return &target_.emplace(*config_.target, config_.common.resolve_interval, ports_.context(),
                          [this](FlowHandle flow) { on_target(flow); });
}

tl::expected<void, std::string> ServerApp::start() {
  if (auto opened = listeners_.open(config_.listen); !opened) return opened;
  if (tun_) {
    if (auto started = tun_->start(); !started) return started;
  }
  if (listeners_.follows_interfaces() || tun_) watch_interfaces();
  if (target_) target_->start();
  return {};
}

void ServerApp::watch_interfaces() {
  interfaces_.emplace(
      ports_.loop(), [this] { on_interfaces(); }, log_line);
  if (const auto watched = interfaces_->start(); !watched)
    log_warning("interfaces are not watched, an address that comes or goes will not be said: {}",
                watched.error());
  on_interfaces();
}

void ServerApp::on_interfaces() {
  listeners_.on_interfaces(interfaces_->table());
  if (tun_) tun_->on_interfaces(interfaces_->table());
}

App::Reading ServerApp::read_again() {
  if (!has_key_) return {LogLevel::warning, "mpserver runs without keys: there is nothing to read again"};
  const auto keys = load_server_keys(key_files_);
  if (!keys) {
    return {LogLevel::error, fmt::format("the keys stay as they were:\n{}", fmt::join(keys.error(), "\n"))};
  }
  const std::size_t sessions = engine_.state().table.all().size();
  const TimePoint now = monotonic_now();
  engine_.set_keys(*keys, out_, now);
  const std::size_t ended = sessions - engine_.state().table.all().size();
  flush(now);
  const KeyNames before = std::exchange(key_names_, names_of(keys->named));
  std::string read = "read again: " + describe(keys->shared.has_value(), engine_.state().keyring.clients()) +
                     describe_change(before, key_names_);
  if (ended > 0) read += fmt::format("; {} session{} ended", ended, ended == 1 ? "" : "s");
  return {LogLevel::info, std::move(read)};
}

Status ServerApp::status() const {
  Status status = collect_status({config_, engine_, target_ ? &*target_ : nullptr, tun_.get(), listeners_,
                                  carrier_.drops(), target_drops_, network_drops_, has_key_, started_},
                                 monotonic_now());
  if (auto problem = filtered_.problem(); !problem.empty()) status.problems.push_back(std::move(problem));
  return status;
}

void ServerApp::on_network(DatagramSocket& socket) {
  const TimePoint now = monotonic_now();
  for (network_budget_.start(); network_budget_.more();) {
    const ReceiveResult result = network_budget_.receive(socket, buffers_);
    const std::uint64_t lost = network_drops_.add(result, now);
    if (network_drops_.is_pressed(now)) engine_.on_network_lost(lost, now);
    for (const Received& received : result.batches)
      engine_.on_network(received.batch, received.route, out_, now, received.marks.ecn);
    flush(now);
  }
}

void ServerApp::on_target(FlowHandle flow) {
  const TimePoint now = monotonic_now();
  for (target_budget_.start(); target_budget_.more();) {
    DatagramSocket* socket = target_->socket(flow);
    if (socket == nullptr) return;
    const ReceiveResult result = target_budget_.receive(*socket, buffers_);
    engine_.on_target_lost(flow, target_drops_.add(result, now));
    if (result.error != 0) target_->on_error(result.error);
    if (!result.batches.empty()) target_->on_answer();
    for (const Received& received : result.batches) {
      engine_.on_target(flow, received.batch, out_, now, received.marks.dscp);
      if (out_.arena.size() >= kFlushBytes) flush(now);
    }
    flush(now);
  }
}

void ServerApp::on_deadline() {
  const TimePoint now = monotonic_now();
  engine_.on_deadline(out_, now);
  flush(now);
}

void ServerApp::on_stop() {
  const TimePoint now = monotonic_now();
  engine_.close(out_, now);
  flush(now);
  log_summary();
  ports_.loop().stop();
}

void ServerApp::flush(TimePoint now) {
  carrier_.carry(out_, now);
  for (const Event& event : out_.events) log_event(event);
  out_.clear();
  timer_.set(engine_.deadline());
}

void ServerApp::log_summary() const {
  for (const PeerSnapshot& client : engine_.snapshot(monotonic_now()).peers) {
    log_info("client from {}: {} datagrams to the target, {} from it", client.first_route.remote.to_string(),
             client.session.out_of_tunnel, client.session.into_tunnel);
  }
  log_drops("from the network", engine_.drops());
  log_drops("by the sockets", carrier_.drops());
  if (tun_) log_drops("by the device", tun_->port().drops());
  log_kernel_drops({&network_drops_, &target_drops_});
}

}  // namespace

std::unique_ptr<App> make_server_app(const ServerConfig& config, const ServerSettings& settings,
                                     const KeyFiles& files, const SocketTuning& tuning) {
  return std::make_unique<ServerApp>(config, settings, files, tuning);
}

}  // namespace mptunnel
