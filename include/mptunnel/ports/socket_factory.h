// The one place where the program's datagram sockets are opened. Tests replace it with a fake.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/net/datagram_socket.h"
#include "mptunnel/ports/socket_request.h"

namespace mptunnel {

class SocketFactory {
 public:
  using Socket = std::unique_ptr<DatagramSocket>;

  SocketFactory() = default;
  SocketFactory(const SocketFactory&) = delete;
  SocketFactory& operator=(const SocketFactory&) = delete;
  virtual ~SocketFactory() = default;

  virtual tl::expected<Socket, SocketError> open(const SocketRequest& request) = 0;
  /// At most `count` sockets on one address, at least one; see UdpSocket::open_group().
  virtual tl::expected<std::vector<Socket>, SocketError> open_group(const SocketRequest& request,
                                                                    std::size_t count,
                                                                    const Steering& steering) = 0;
  /// The address that the kernel would send from; see net/source_address.h.
  virtual tl::expected<Endpoint, SocketError> source_address_towards(const Endpoint& remote,
                                                                     const std::string& device) = 0;
};

/// The system's sockets.
class SystemSockets final : public SocketFactory {
 public:
  explicit SystemSockets(const SocketTuning& tuning) : tuning_(tuning) {}

  tl::expected<Socket, SocketError> open(const SocketRequest& request) override;
  tl::expected<std::vector<Socket>, SocketError> open_group(const SocketRequest& request, std::size_t count,
                                                            const Steering& steering) override;
  tl::expected<Endpoint, SocketError> source_address_towards(const Endpoint& remote,
                                                             const std::string& device) override;

 private:
  SocketTuning tuning_;
};

}  // namespace mptunnel
