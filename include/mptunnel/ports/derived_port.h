// Source ports that stay the same after a restart.
#pragma once

#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/bytes.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {

/// How many source ports are tried that follow from a secret.
inline constexpr int kDerivedPorts = 4;
/// Opens a socket whose source port follows from `secret` and `purpose`, so that it is the same after a
/// restart: the first of kDerivedPorts that is free, and one of the kernel's choice where none is. A port in
/// `options.bind` is ignored.
tl::expected<UdpSocket, SocketError> open_on_derived_port(UdpSocketOptions options, ConstBytes secret,
                                                          std::string_view purpose);

}  // namespace mptunnel
