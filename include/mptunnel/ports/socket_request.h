// What the ports ask a SocketFactory for, and the tuning that all sockets of a program share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

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
  bool offload = true;    ///< UDP_SEGMENT and UDP_GRO if the kernel has them
  bool copy_dscp = true;  ///< packets get the DSCP of the datagrams in them
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
};

/// The options of a socket for `request`. Its notices go to the log.
UdpSocketOptions options_for(const SocketRequest& request, const SocketTuning& tuning);

}  // namespace mptunnel
