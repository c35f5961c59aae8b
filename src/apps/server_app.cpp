#include "mptunnel/apps/server_app.h"

#include <csignal>

#include "mptunnel/control/event_log.h"
#include "mptunnel/control/server_status.h"
#include "mptunnel/host/log.h"
#include "mptunnel/net/clock.h"

namespace mptunnel {
namespace {

/// All packets under one key come to one socket of the group: index % lanes is also the index's last byte %
/// lanes.
constexpr Steering kByLane{kHeaderLastIndexByte};
static_assert(256 % kSocketsPerAddress == 0);

ServerSettings with_lanes(ServerSettings settings) {
  settings.lanes = kSocketsPerAddress;
  return settings;
}

}  // namespace

ServerApp::ServerApp(const ServerConfig& config, const ServerSettings& settings, const SocketTuning& tuning)
    : config_(config),
      has_key_(settings.handshake.key.has_value()),
      started_(monotonic_now()),
      ports_(tuning),
      engine_(with_lanes(settings), random_),
      target_(config_.target, config_.common.resolve_interval, ports_.context(),
              [this](FlowHandle flow) { on_target(flow); }),
      listeners_(ports_.context(), kByLane, SocketUse::paths,
                 [this](DatagramSocket& socket) { on_network(socket); }),
      timer_(ports_.loop(), [this] { on_deadline(); }),
      on_term_(ports_.loop(), SIGTERM, [this] { on_stop(); }),
      on_int_(ports_.loop(), SIGINT, [this] { on_stop(); }) {}

tl::expected<void, std::string> ServerApp::start() {
  if (auto opened = listeners_.open(config_.listen); !opened) return opened;
  target_.start();
  return {};
}

Status ServerApp::status() const {
  return collect_status({config_, engine_, drops_, has_key_, started_}, monotonic_now());
}

void ServerApp::run() {
  ports_.loop().run();
}

void ServerApp::on_network(DatagramSocket& socket) {
  const TimePoint now = monotonic_now();
  for (network_budget_.start(); network_budget_.more();) {
    const ReceiveResult result = network_budget_.receive(socket, buffers_);
    network_drops_.add(result.kernel_drops, now);
    for (const Received& received : result.batches)
      engine_.on_network(received.batch, received.route, out_, now);
    flush();
  }
}

void ServerApp::on_target(FlowHandle flow) {
  const TimePoint now = monotonic_now();
  for (target_budget_.start(); target_budget_.more();) {
    DatagramSocket* socket = target_.socket(flow);
    if (socket == nullptr) return;
    const ReceiveResult result = target_budget_.receive(*socket, buffers_);
    target_drops_.add(result.kernel_drops, now);
    if (result.error != 0) target_.on_error(result.error);
    if (!result.batches.empty()) target_.on_answer();
    for (const Received& received : result.batches) {
      engine_.on_target(flow, received.batch, out_, now, received.dscp);
      if (out_.arena.size() >= kFlushBytes) flush();
    }
    flush();
  }
}

void ServerApp::on_deadline() {
  engine_.on_deadline(out_, monotonic_now());
  flush();
}

void ServerApp::on_stop() {
  engine_.close(out_, monotonic_now());
  flush();
  log_summary();
  ports_.loop().stop();
}

void ServerApp::flush() {
  send_runs();
  send_direct();
  for (const FlowChange& change : out_.flow_changes) {
    if (change.opened) target_.open(change.flow, change.hash);
  }
  deliver();
  for (const FlowChange& change : out_.flow_changes) {
    if (!change.opened) target_.close(change.flow);
  }
  for (const Event& event : out_.events) {
    // A hostile client can have its paths come, go and move as it likes.
    if (!path_of(event) || path_lines_.take(monotonic_now())) log_event(event);
  }
  out_.clear();
  timer_.set(engine_.deadline());
}

void ServerApp::send_runs() {
  // Path by path, and all copies that leave by one socket with one call.
  DatagramSocket* socket = nullptr;
  for (std::size_t begin = 0; begin < out_.runs.size();) {
    const SessionHandle session = out_.runs[begin].session;
    std::size_t end = begin;
    PathSet paths;
    for (; end < out_.runs.size() && out_.runs[end].session == session; ++end) paths |= out_.runs[end].paths;
    for (const PathId path : paths) {
      const Route* route = engine_.route_of(session, path);
      DatagramSocket* own = route == nullptr ? nullptr : listeners_.find(*route);
      if (own != nullptr && own != socket) {
        send_copies(socket);
        socket = own;
      }
      for (std::size_t run = begin; run < end; ++run) {
        if (!out_.runs[run].paths.contains(path)) continue;
        if (own != nullptr) {
          sender_.add(out_, out_.runs[run], path, *route);
        } else {
          drops_.add(route == nullptr ? Drop::no_path : Drop::socket_gone, out_.runs[run].count);
        }
      }
    }
    begin = end;
  }
  send_copies(socket);
}

void ServerApp::send_copies(DatagramSocket* socket) {
  if (sender_.empty()) return;
  sender_.send(*socket, [this](PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop) {
    engine_.on_sent(path, run, accepted, drop, accepted == run.count ? TimePoint{} : monotonic_now());
  });
}

void ServerApp::send_direct() {
  for (const DirectPacket& packet : out_.direct) {
    DatagramSocket* socket = listeners_.find(packet.route);
    if (socket == nullptr) {
      drops_.add(Drop::socket_gone);
      continue;
    }
    const SendOutcome outcome = socket->send({out_.bytes_of(packet), packet.size, packet.route});
    if (outcome.accepted == 0) drops_.add(drop_for(outcome.error));
  }
}

void ServerApp::deliver() {
  out_.group_deliveries();
  for (const Delivery& delivery : out_.deliveries) {
    DatagramSocket* socket = target_.socket(delivery.flow);
    if (socket == nullptr) {
      drops_.add(Drop::target_unknown, delivery.count);
      continue;
    }
    const SendOutcome outcome = socket->send_pieces(out_.pieces_of(delivery), {});
    if (outcome.error != 0) target_.on_error(outcome.error);
    if (outcome.accepted < delivery.count)
      drops_.add(drop_for(outcome.error), delivery.count - outcome.accepted);
  }
}

void ServerApp::log_summary() const {
  for (const PeerSnapshot& client : engine_.snapshot(monotonic_now()).peers) {
    log_info("client from {}: {} datagrams to the target, {} from it", client.first_route.remote.to_string(),
             client.session.out_of_tunnel, client.session.into_tunnel);
  }
  log_drops("from the network", engine_.drops());
  log_drops("by the sockets", drops_);
  log_kernel_drops({&network_drops_, &target_drops_});
}

}  // namespace mptunnel
