#include "bench/relay/client.h"

#include <csignal>

#include "mptunnel/ports/socket_factory.h"

namespace mptunnel::bench {
namespace {

constexpr int kAttempts = 1000;
constexpr unsigned kFirstPort = 10240;
constexpr unsigned kLastPort = 65535;

}  // namespace

RelayClient::RelayClient(ClientOptions options)
    : options_(std::move(options)),
      on_term_(loop_, SIGTERM, [this] { loop_.stop(); }),
      on_int_(loop_, SIGINT, [this] { loop_.stop(); }) {}

tl::expected<Endpoint, std::string> RelayClient::start() {
  UdpSocketOptions options;
  options.bind = options_.listen;
  options.buffer_bytes = kSocketBufferBytes;
  auto socket = UdpSocket::open(options);
  if (!socket) return tl::unexpected(socket.error().what);
  listener_ = std::make_unique<UdpSocket>(std::move(*socket));
  watcher_ = std::make_unique<ReadWatcher>(loop_, listener_->fd(), [this] { on_application(); });
  const Endpoint listening = listener_->local_endpoint();
  const unsigned first = options_.source_port != 0 ? options_.source_port : listening.port + 1U;
  const auto paths = static_cast<unsigned>(options_.paths.size());
  next_group_ = (first + paths - 1) / paths;
  return listening;
}

void RelayClient::on_application() {
  for (budget_.start(); budget_.more();) {
    const ReceiveResult result = budget_.receive(*listener_, buffers_);
    for_each_sender(result.batches, [this](const Endpoint& application, std::span<const Received> batches) {
      Flow* flow = flow_of(application);
      if (flow == nullptr) return;
      forwarder_.collect(batches);
      for (Path& path : flow->paths) forwarder_.send(path.socket, {});
    });
  }
}

void RelayClient::on_path(Flow& flow, std::size_t path) {
  for (budget_.start(); budget_.more();) {
    const ReceiveResult result = budget_.receive(flow.paths[path].socket, buffers_);
    if (path == 0 && !result.batches.empty()) {
      forwarder_.collect(result.batches);
      forwarder_.send(*listener_, {.remote = flow.application, .local = {}});
    }
  }
}

RelayClient::Flow* RelayClient::flow_of(const Endpoint& application) {
  if (latest_ != nullptr && latest_->application == application) return latest_;
  std::unique_ptr<Flow>& flow = flows_[application];
  if (!flow) {
    flow = std::make_unique<Flow>();
    flow->application = application;
    const auto paths = static_cast<unsigned>(options_.paths.size());
    for (int attempt = 0; attempt < kAttempts && flow->paths.empty(); ++attempt) {
      if (next_group_ * paths + paths > kLastPort) next_group_ = kFirstPort / paths + 1;
      if (!open_paths(*flow, static_cast<std::uint16_t>(next_group_++ * paths))) flow->paths.clear();
    }
  }
  latest_ = flow.get();
  return latest_;
}

bool RelayClient::open_paths(Flow& flow, std::uint16_t first_port) {
  for (std::size_t i = 0; i < options_.paths.size(); ++i) {
    UdpSocketOptions options;
    options.connect = options_.paths[i];
    options.bind.family = options_.paths[i].family;
    options.bind.port = static_cast<std::uint16_t>(first_port + i);
    options.buffer_bytes = kSocketBufferBytes;
    auto socket = UdpSocket::open(options);
    if (!socket) return false;
    flow.paths.push_back({std::move(*socket), nullptr});
    flow.paths.back().watcher = std::make_unique<ReadWatcher>(loop_, flow.paths.back().socket.fd(),
                                                              [this, &flow, i] { on_path(flow, i); });
  }
  return true;
}

}  // namespace mptunnel::bench
