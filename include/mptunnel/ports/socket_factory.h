// The one place where the program's datagram sockets are opened: what the ports ask for, the tuning that all
// share, the factory, which tests replace with a fake, and source ports that stay the same after a restart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {

/// Kernel buffers of the sockets that carry everything: a burst of half a second at 60 Mbit/s. The kernel may
/// give less.
inline constexpr std::size_t kSocketBufferBytes = std::size_t{4} << 20U;
/// Kernel buffers of one flow towards the target: there may be thousands.
inline constexpr std::size_t kFlowBufferBytes = std::size_t{1} << 20U;

/// From the configuration.
struct SocketTuning {
  bool offload = true;     ///< UDP_SEGMENT and UDP_GRO if the kernel has them
  bool copy_dscp = true;   ///< packets get the DSCP of the datagrams in them
  bool reads_ecn = false;  ///< of packets, which may have inner ones in them
  std::uint32_t mark = 0;  ///< SO_MARK of sockets to bridges; 0: none
};

/// Whose datagrams a socket carries.
enum class SocketUse : std::uint8_t {
  bridge,        ///< packets of one path, which fit it or are refused
  target,        ///< datagrams of one flow, whose DSCP is wanted
  applications,  ///< datagrams of applications, which IP may fragment and whose DSCP is wanted
  paths,         ///< packets of all paths, which fit them or are refused
};

struct SocketRequest {
  SocketUse use = SocketUse::bridge;
  Endpoint bind;  ///< only its family counts if the rest is unset
  std::optional<Endpoint> connect;
  std::string device;  ///< empty: as routing says
  /// Joins the group of sockets on `bind`, and gets nothing of what comes for it (UdpSocketOptions).
  bool sends_only = false;
  /// `bind` is that of a connected socket whose let_share() is in effect: gets what comes from others than
  /// its peer.
  bool shares_port = false;
  bool free_bind = false;  ///< `bind` may be an address that this host has not yet
};

/// The options of a socket for `request`. Its notices go to the log.
UdpSocketOptions options_for(const SocketRequest& request, const SocketTuning& tuning);

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
};

/// The system's sockets.
class SystemSockets final : public SocketFactory {
 public:
  explicit SystemSockets(const SocketTuning& tuning) : tuning_(tuning) {}

  tl::expected<Socket, SocketError> open(const SocketRequest& request) override;
  tl::expected<std::vector<Socket>, SocketError> open_group(const SocketRequest& request, std::size_t count,
                                                            const Steering& steering) override;

 private:
  SocketTuning tuning_;
};

/// How many source ports are derived from a secret, and tried in turn.
inline constexpr int kDerivedPorts = 4;
/// The port that follows from `secret` and `purpose`, by a choice below kDerivedPorts.
std::uint16_t derived_port(ConstBytes secret, std::string_view purpose, int choice);
/// Opens a socket whose source port follows from `secret` and `purpose`, so that it is the same after a
/// restart: the first of kDerivedPorts that is free, and one of the kernel's choice if none is. A port in
/// `request.bind` is ignored.
tl::expected<SocketFactory::Socket, SocketError> open_on_derived_port(SocketFactory& sockets,
                                                                      SocketRequest request,
                                                                      ConstBytes secret,
                                                                      std::string_view purpose);

}  // namespace mptunnel
