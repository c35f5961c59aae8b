#include "socket_link.h"

#include <poll.h>

#include <algorithm>
#include <stdexcept>

namespace mptunnel::test {
namespace {

constexpr int kPatience = 5000;  // readings, at most a millisecond each

UdpSocket open(const std::optional<Endpoint>& connect, bool packet_info) {
  UdpSocketOptions options;
  options.bind = *parse_numeric_endpoint("127.0.0.1", 0);
  options.connect = connect;
  options.packet_info = packet_info;
  options.buffer_bytes = kSocketBufferBytes;
  auto socket = UdpSocket::open(options);
  if (!socket) throw std::runtime_error(socket.error().what);
  return *std::move(socket);
}

}  // namespace

SocketLink::SocketLink(bool encrypt, std::size_t applications) : payloads_(64 * kPayloadBytes) {
  ClientSettings client;
  client.handshake.encrypt = encrypt;
  client.identity = {7, 7, 7};
  client.paths = kPaths;
  client_.emplace(client, client_random_);
  ServerSettings server;
  server.handshake.encrypt = encrypt;
  server_.emplace(server, server_random_);

  listener_.emplace(open(std::nullopt, true));
  network_.emplace(open(std::nullopt, true));
  target_.emplace(open(std::nullopt, false));
  for (std::size_t i = 0; i < kPaths; ++i) paths_.push_back(open(network_->local_endpoint(), false));
  applications_.resize(applications);
  for (Application& application : applications_)
    application.socket.emplace(open(listener_->local_endpoint(), false));
}

bool SocketLink::start() {
  for (std::uint8_t i = 0; i < kPaths; ++i) {
    client_->set_path_available(PathId{i}, true, client_out_, now_);
    flush_client();
  }
  client_->on_deadline(client_out_, now_);
  flush_client();
  const auto is_up = [this] {
    for (std::uint8_t i = 0; i < kPaths; ++i) {
      if (client_->path(PathId{i}).state() != PathState::up) return false;
    }
    return client_->state().link.current() != nullptr;
  };
  if (!exchange(is_up)) return false;
  for (std::size_t i = 0; i < applications_.size(); ++i) {
    application_sends(i, 1);
    if (!carry()) return false;
    applications_[i].from_target = last_at_target_;
    // So many that the flow is not opened again after a pause.
    application_sends(i, kFlowDoubtedDatagrams);
    if (!carry()) return false;
  }
  // The rest of the handshake, and the paths' proofs at the server.
  advance(1s);
  target_sends(0, 1);
  return carry();
}

void SocketLink::application_sends(std::size_t application, std::size_t count) {
  to_target_ += count;
  applications_[application].socket->send({Bytes(payloads_).first(count * kPayloadBytes), kPayloadBytes, {}});
}

void SocketLink::target_sends(std::size_t application, std::size_t count) {
  to_applications_ += count;
  target_->send(
      {Bytes(payloads_).first(count * kPayloadBytes), kPayloadBytes, applications_[application].from_target});
}

bool SocketLink::carry() {
  exchange([this] { return at_target_ >= to_target_ && at_applications_ >= to_applications_; });
  return at_target_ == to_target_ && at_applications_ == to_applications_;
}

void SocketLink::advance(Duration span) {
  const TimePoint end = now_ + span;
  while (std::min(client_->deadline(), server_->deadline()) <= end) {
    now_ = std::max(now_, std::min(client_->deadline(), server_->deadline()));
    client_->on_deadline(client_out_, now_);
    flush_client();
    server_->on_deadline(server_out_, now_);
    flush_server();
    read_all();
    read_all();
  }
  now_ = end;
}

bool SocketLink::exchange(const std::function<bool()>& is_done) {
  for (int i = 0; i < kPatience; ++i) {
    read_all();
    if (is_done()) return true;
    poll(nullptr, 0, i < 10 ? 0 : 1);
  }
  return false;
}

void SocketLink::read_all() {
  read(*listener_, [this](const Received& received) {
    const Counted counted(spent.on_application);
    client_->on_application(received.batch, sources_.use(received.route), client_out_, now_);
  });
  flush_client();
  read(*network_, [this](const Received& received) {
    const Counted counted(spent.on_network);
    server_->on_network(received.batch, received.route, server_out_, now_);
  });
  flush_server();
  read(*target_, [this](const Received& received) {
    last_at_target_ = {received.route.remote, {}};
    at_target_ += datagrams_in(received.batch);
  });
  for (auto& [handle, socket] : flows_) {
    read(socket, [this, flow = handle](const Received& received) {
      const Counted counted(spent.on_target);
      server_->on_target(flow, received.batch, server_out_, now_);
    });
    flush_server();
  }
  for (std::uint8_t i = 0; i < kPaths; ++i) {
    read(paths_[i], [this, i](const Received& received) {
      const Counted counted(spent.on_path);
      client_->on_path(PathId{i}, received.batch, client_out_, now_);
    });
    flush_client();
  }
  for (Application& application : applications_) {
    read(*application.socket,
         [this](const Received& received) { at_applications_ += datagrams_in(received.batch); });
  }
}

template <typename OnBatch>
void SocketLink::read(UdpSocket& socket, OnBatch on_batch) {
  ReceiveResult result;
  do {
    {
      const Counted counted(spent.receive);
      result = socket.receive(buffers_);
    }
    for (const Received& received : result.batches) on_batch(received);
  } while (result.more);
}

void SocketLink::flush_client() {
  send_to_server();
  deliver_to_applications();
  client_out_.clear();
}

void SocketLink::flush_server() {
  send_to_client();
  for (const DirectPacket& packet : server_out_.direct) {
    network_->send({server_out_.bytes_of(packet), packet.size, packet.route});
  }
  for (const FlowChange& change : server_out_.flow_changes) {
    if (change.opened) flows_.emplace(change.flow, open(target_->local_endpoint(), false));
  }
  deliver_to_target();
  server_out_.clear();
}

void SocketLink::send_to_server() {
  const Counted counted(spent.send);
  for (std::uint8_t i = 0; i < kPaths; ++i) {
    const PathId path{i};
    for (const PacketRun& run : client_out_.runs) {
      if (run.paths.contains(path)) sender_.add(client_out_, run, path);
    }
    sender_.send(paths_[i], [this](PathId by, const PacketRun& run, std::uint32_t accepted, Drop drop) {
      client_->on_sent(by, run, accepted, drop, now_);
    });
  }
}

void SocketLink::send_to_client() {
  const Counted counted(spent.send);
  for (std::uint8_t i = 0; i < kPaths; ++i) {
    const PathId path{i};
    for (const PacketRun& run : server_out_.runs) {
      const Route* route = server_->route_of(run.session, path);
      if (run.paths.contains(path) && route != nullptr) sender_.add(server_out_, run, path, *route);
    }
  }
  sender_.send(*network_, [this](PathId by, const PacketRun& run, std::uint32_t accepted, Drop drop) {
    server_->on_sent(by, run, accepted, drop, now_);
  });
}

void SocketLink::deliver_to_applications() {
  const Counted counted(spent.deliver);
  client_out_.group_deliveries();
  deliveries_.clear();
  for (const Delivery& delivery : client_out_.deliveries) {
    if (const Route* application = sources_.find(delivery.flow)) {
      deliveries_.push_back({client_out_.pieces_of(delivery), *application});
    }
  }
  delivered_.resize(deliveries_.size());
  listener_->send(std::span<const SendPieces>(deliveries_), delivered_);
}

void SocketLink::deliver_to_target() {
  const Counted counted(spent.deliver);
  server_out_.group_deliveries();
  for (const Delivery& delivery : server_out_.deliveries) {
    flows_.at(delivery.flow).send_pieces(server_out_.pieces_of(delivery), {});
  }
}

}  // namespace mptunnel::test
