// Source ports that stay the same after a restart.
#pragma once

#include <string_view>
#include <tl/expected.hpp>

#include "mptunnel/base/bytes.h"
#include "mptunnel/ports/socket_factory.h"

namespace mptunnel {

/// How many source ports are derived from a secret, and tried in turn.
inline constexpr int kDerivedPorts = 4;
/// Opens a socket whose source port follows from `secret` and `purpose`, so that it is the same after a
/// restart: the first of kDerivedPorts that is free, and one of the kernel's choice if none is. A port in
/// `request.bind` is ignored.
tl::expected<SocketFactory::Socket, SocketError> open_on_derived_port(SocketFactory& sockets,
                                                                      SocketRequest request,
                                                                      ConstBytes secret,
                                                                      std::string_view purpose);

}  // namespace mptunnel
