// A SocketFactory without a network: its sockets open, connect and fail as the test says.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mptunnel/ports/socket_factory.h"

namespace mptunnel::test {

class FakeSockets;

class FakeSocket final : public DatagramSocket {
 public:
  FakeSocket(FakeSockets& factory, SocketRequest request, Endpoint local);
  FakeSocket(const FakeSocket&) = delete;
  FakeSocket& operator=(const FakeSocket&) = delete;
  ~FakeSocket() override;

  tl::expected<void, SocketError> connect(const Endpoint& remote) override;
  void let_share(bool shares) override { is_shared_ = shares; }
  ReceiveResult receive(ReceiveBuffers& /*buffers*/, std::size_t /*max_batches*/) override { return {}; }
  void send(std::span<const SendRun> runs, std::span<SendOutcome> outcomes) override;
  void send(std::span<const SendPieces> pieces, std::span<SendOutcome> outcomes) override;
  [[nodiscard]] Endpoint local_endpoint() const override { return local_; }
  [[nodiscard]] int fd() const override { return fd_; }
  [[nodiscard]] const SocketCounters& counters() const override { return counters_; }
  [[nodiscard]] std::size_t queued_bytes() const override { return queued; }
  [[nodiscard]] std::size_t receive_buffer_bytes() const override { return kSocketBufferBytes; }
  [[nodiscard]] bool is_steered() const override;
  std::optional<IcmpReport> take_icmp() override { return std::nullopt; }

  /// What the fake kernel holds of what was sent; a test changes it.
  std::size_t queued = 0;

  [[nodiscard]] const SocketRequest& request() const { return request_; }
  [[nodiscard]] const Endpoint& remote() const { return remote_; }
  [[nodiscard]] bool is_shared() const { return is_shared_; }
  /// Its ReadWatcher reports it.
  void make_readable() const { eventfd_write(fd_, 1); }

 private:
  FakeSockets& factory_;
  SocketRequest request_;
  Endpoint local_;
  Endpoint remote_;
  bool is_shared_ = false;
  int fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  SocketCounters counters_;
};

class FakeSockets final : public SocketFactory {
 public:
  /// What the fake kernel says: an errno for an open or a connect, 0 if it works; what becomes of so many
  /// datagrams for one destination; the address that datagrams to `remote` leave from, unset if no route
  /// leads there.
  std::function<int(const SocketRequest&)> open_error = [](const SocketRequest&) { return 0; };
  std::function<int(const Endpoint&)> connect_error = [](const Endpoint&) { return 0; };
  std::function<SendOutcome(std::size_t)> outcome = [](std::size_t count) {
    return SendOutcome{static_cast<std::uint32_t>(count), 0};
  };
  std::function<Endpoint(const Endpoint&)> source = [](const Endpoint& remote) {
    return parse_numeric_endpoint(remote.family == Family::ipv6 ? "2001:db8::1" : "10.0.0.1", 0).value();
  };

  tl::expected<Socket, SocketError> open(const SocketRequest& request) override {
    requests.push_back(request);
    if (const int error = open_error(request); error != 0) return failure("open", error);
    Endpoint local = request.bind;
    if (local.is_any() && request.connect) local = source(*request.connect).with_port(local.port);
    if (local.port == 0) local.port = next_port_++;
    const bool is_taken = std::any_of(sockets.begin(), sockets.end(), [&](const FakeSocket* other) {
      return other->local_endpoint() == local && !(request.shares_port && other->is_shared());
    });
    if (request.shares_port && is_taken) return failure("open", EADDRINUSE);
    auto socket = std::make_unique<FakeSocket>(*this, request, local);
    if (request.connect) {
      if (auto connected = socket->connect(*request.connect); !connected)
        return tl::unexpected(connected.error());
    }
    return socket;
  }
  tl::expected<std::vector<Socket>, SocketError> open_group(const SocketRequest& request, std::size_t count,
                                                            const Steering& /*steering*/) override {
    std::vector<Socket> group;
    for (std::size_t i = 0; i < count; ++i) {
      auto socket = open(request);
      if (!socket) return tl::unexpected(socket.error());
      group.push_back(std::move(*socket));
    }
    return group;
  }
  static tl::unexpected<SocketError> failure(const std::string& what, int error) {
    return tl::unexpected(SocketError{error, what + " " + std::to_string(error)});
  }

  bool steers = true;                   ///< is_steered() of all sockets
  std::vector<SocketRequest> requests;  ///< all opens, also those that failed
  std::vector<FakeSocket*> sockets;     ///< those that are open

 private:
  std::uint16_t next_port_ = 50000;
};

inline FakeSocket::FakeSocket(FakeSockets& factory, SocketRequest request, Endpoint local)
    : factory_(factory), request_(std::move(request)), local_(local) {
  factory_.sockets.push_back(this);
}

inline FakeSocket::~FakeSocket() {
  std::erase(factory_.sockets, this);
  ::close(fd_);
}

inline bool FakeSocket::is_steered() const {
  return factory_.steers;
}

inline void FakeSocket::send(std::span<const SendRun> runs, std::span<SendOutcome> outcomes) {
  for (std::size_t i = 0; i < runs.size(); ++i) {
    outcomes[i] = factory_.outcome((runs[i].bytes.size() + runs[i].stride - 1) / runs[i].stride);
    counters_.sent += outcomes[i].accepted;
  }
}

inline void FakeSocket::send(std::span<const SendPieces> pieces, std::span<SendOutcome> outcomes) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    outcomes[i] = factory_.outcome(pieces[i].datagrams.size());
    counters_.sent += outcomes[i].accepted;
  }
}

inline tl::expected<void, SocketError> FakeSocket::connect(const Endpoint& remote) {
  if (const int error = factory_.connect_error(remote); error != 0)
    return FakeSockets::failure("connect", error);
  remote_ = remote;
  if (request_.bind.is_any()) local_ = factory_.source(remote).with_port(local_.port);
  return {};
}

}  // namespace mptunnel::test
