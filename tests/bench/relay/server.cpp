#include "bench/relay/server.h"

#include <csignal>

#include "mptunnel/ports/socket_factory.h"

namespace mptunnel::bench {
namespace {

/// As mpserver's towards the target.
constexpr std::size_t kFlowBufferBytes = std::size_t{1} << 20U;

}  // namespace

RelayServer::RelayServer(ServerOptions options)
    : options_(std::move(options)),
      on_term_(loop_, SIGTERM, [this] { loop_.stop(); }),
      on_int_(loop_, SIGINT, [this] { loop_.stop(); }),
      single_remotes_(options_.listen.size()) {}

tl::expected<Endpoint, std::string> RelayServer::start() {
  for (std::size_t i = 0; i < options_.listen.size(); ++i) {
    UdpSocketOptions options;
    options.bind = options_.listen[i];
    options.buffer_bytes = kSocketBufferBytes;
    auto socket = UdpSocket::open(options);
    if (!socket) return tl::unexpected(socket.error().what);
    auto listener = std::make_unique<Listener>(Listener{std::move(*socket), nullptr});
    const LoopCallback callback =
        i == 0 ? LoopCallback([this] { on_first_path(); }) : [this, i] { on_copies(i); };
    listener->watcher = std::make_unique<ReadWatcher>(loop_, listener->socket.fd(), callback);
    listeners_.push_back(std::move(listener));
  }
  return listeners_.front()->socket.local_endpoint();
}

void RelayServer::on_first_path() {
  for (budget_.start(); budget_.more();) {
    const ReceiveResult result = budget_.receive(listeners_.front()->socket, buffers_);
    for_each_sender(result.batches, [this](const Endpoint& remote, std::span<const Received> batches) {
      Group* group = group_of(remote);
      if (group->target == nullptr) return;
      forwarder_.collect(batches);
      forwarder_.send(*group->target, {});
    });
  }
}

void RelayServer::on_copies(std::size_t path) {
  for (budget_.start(); budget_.more();) {
    const ReceiveResult result = budget_.receive(listeners_[path]->socket, buffers_);
    if (options_.single && !result.batches.empty())
      single_remotes_[path] = result.batches.back().route.remote;
  }
}

void RelayServer::on_target(Group& group) {
  for (budget_.start(); budget_.more();) {
    const ReceiveResult result = budget_.receive(*group.target, buffers_);
    if (!result.batches.empty()) {
      forwarder_.collect(result.batches);
      const std::vector<Endpoint>& remotes = options_.single ? single_remotes_ : group.remotes;
      for (std::size_t path = 0; path < remotes.size(); ++path) {
        if (remotes[path].is_set())
          forwarder_.send(listeners_[path]->socket, {.remote = remotes[path], .local = {}});
      }
    }
  }
}

RelayServer::Group* RelayServer::group_of(const Endpoint& first_path) {
  if (latest_ != nullptr && latest_->first_path == first_path) return latest_;
  std::unique_ptr<Group>& group = groups_[first_path];
  if (!group) {
    group = std::make_unique<Group>();
    open(*group, first_path);
  }
  if (options_.single) single_remotes_.front() = first_path;
  latest_ = group.get();
  return latest_;
}

void RelayServer::open(Group& group, const Endpoint& first_path) {
  group.first_path = first_path;
  for (std::size_t path = 0; path < listeners_.size(); ++path)
    group.remotes.push_back(first_path.with_port(static_cast<std::uint16_t>(first_path.port + path)));
  UdpSocketOptions options;
  options.connect = options_.target;
  options.buffer_bytes = kFlowBufferBytes;
  auto socket = UdpSocket::open(options);
  if (!socket) return;
  group.target = std::make_unique<UdpSocket>(std::move(*socket));
  group.watcher =
      std::make_unique<ReadWatcher>(loop_, group.target->fd(), [this, &group] { on_target(group); });
}

}  // namespace mptunnel::bench
