#include "mptunnel/ports/socket_request.h"

#include "mptunnel/host/log.h"

namespace mptunnel {

UdpSocketOptions options_for(const SocketRequest& request, const SocketTuning& tuning) {
  const SocketUse use = request.use;
  const bool carries_packets = use == SocketUse::bridge || use == SocketUse::paths;
  UdpSocketOptions options;
  options.bind = request.bind;
  options.connect = request.connect;
  options.device = request.device;
  options.packet_info = use == SocketUse::applications || use == SocketUse::paths;
  options.read_dscp = !carries_packets && tuning.copy_dscp;
  options.offload = tuning.offload;
  options.allow_fragments = !carries_packets;
  options.buffer_bytes = use == SocketUse::target ? kFlowBufferBytes : kSocketBufferBytes;
  options.on_notice = log_line;
  return options;
}

}  // namespace mptunnel
