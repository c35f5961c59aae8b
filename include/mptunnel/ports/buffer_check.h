// Whether the system allows the kernel buffers that the program wants.
#pragma once

#include "mptunnel/net/datagram_socket.h"

namespace mptunnel {

/// Logs a line if the kernel gave less than kSocketBufferBytes, with what to do about it.
void hint_small_buffer(const DatagramSocket& socket);

}  // namespace mptunnel
