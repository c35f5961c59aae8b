#include "mptunnel/ports/buffer_check.h"

#include "mptunnel/host/log.h"
#include "mptunnel/ports/socket_request.h"

namespace mptunnel {

void hint_small_buffer(const DatagramSocket& socket) {
  const std::size_t got = socket.receive_buffer_bytes();
  if (got >= kSocketBufferBytes) return;
  log_warning(
      "the system limits receive buffers to {} KiB, {} KiB are wanted: bursts may be lost; run "
      "'sysctl -w net.core.rmem_max={} net.core.wmem_max={}', or give the program CAP_NET_ADMIN",
      got >> 10U, kSocketBufferBytes >> 10U, kSocketBufferBytes, kSocketBufferBytes);
}

}  // namespace mptunnel
