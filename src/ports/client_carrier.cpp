#include "mptunnel/ports/client_carrier.h"

namespace mptunnel {

void ClientCarrier::carry(Output& out, TimePoint now) {
  send_runs(out, now);
  deliver(out);
}

void ClientCarrier::send_runs(const Output& out, TimePoint now) {
  PathSet paths;
  for (const PacketRun& run : out.runs) paths |= run.paths;
  for (const PathId path : paths) {
    Bridge* bridge = bridges_.find(path);
    DatagramSocket* socket = bridge == nullptr ? nullptr : bridge->socket();
    for (const PacketRun& run : out.runs) {
      if (!run.paths.contains(path)) continue;
      if (socket != nullptr) {
        sender_.add(out, run, path);
      } else {
        drops_.add(Drop::socket_gone, run.count);
      }
    }
    if (sender_.empty()) continue;
    const int error =
        sender_.send(*socket, queues_[path.value], now,
                     [this, now](PathId of, const PacketRun& run, std::uint32_t accepted, Drop drop) {
                       engine_.on_sent(of, run, accepted, drop, accepted == run.count ? now : clock_.now());
                     });
    if (error != 0) bridge->on_error(error);
  }
}

void ClientCarrier::deliver(Output& out) {
  out.group_deliveries();
  DatagramSocket* socket = nullptr;
  for (const Delivery& delivery : out.deliveries) {
    if (is_tun(delivery.flow)) {
      for (const ConstBytes packet : out.pieces_of(delivery)) device_->deliver(packet);
      continue;
    }
    const Route* application = applications_.find(delivery.flow);
    DatagramSocket* own = application == nullptr ? nullptr : listeners_.find(*application);
    if (own == nullptr) {
      drops_.add(application == nullptr ? Drop::flow_unknown : Drop::socket_gone, delivery.count);
      continue;
    }
    if (own != socket) send_deliveries(socket);
    socket = own;
    deliveries_.push_back({out.pieces_of(delivery), *application});
  }
  send_deliveries(socket);
  if (device_ != nullptr) device_->flush();
}

void ClientCarrier::send_deliveries(DatagramSocket* socket) {
  if (deliveries_.empty()) return;
  delivered_.resize(deliveries_.size());
  socket->send(std::span<const SendPieces>(deliveries_), delivered_);
  for (std::size_t i = 0; i < deliveries_.size(); ++i) {
    const std::size_t lost = deliveries_[i].datagrams.size() - delivered_[i].accepted;
    if (lost > 0) drops_.add(drop_for(delivered_[i].error), lost);
  }
  deliveries_.clear();
}

}  // namespace mptunnel
