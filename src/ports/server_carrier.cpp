#include "mptunnel/ports/server_carrier.h"

#include <utility>

namespace mptunnel {

void ServerCarrier::carry(Output& out, TimePoint now) {
  if (!out.runs.empty()) send_runs(out, now);
  send_direct(out);
  for (const FlowChange& change : out.flow_changes) {
    if (change.opened) target_->open(change.flow, change.hash);
  }
  deliver(out);
  for (const FlowChange& change : out.flow_changes) {
    if (!change.opened) target_->close(change.flow);
  }
}

void ServerCarrier::send_runs(const Output& out, TimePoint now) {
  // Path by path, and all copies that leave by one socket with one call.
  Outlet* outlet = nullptr;
  for (std::size_t begin = 0; begin < out.runs.size();) {
    const SessionHandle session = out.runs[begin].session;
    std::size_t end = begin;
    PathSet paths;
    for (; end < out.runs.size() && out.runs[end].session == session; ++end) paths |= out.runs[end].paths;
    for (const PathId path : paths) {
      const Route* route = engine_.route_of(session, path);
      Outlet* own = route == nullptr ? nullptr : outlets_.find(session, path, *route);
      if (own == nullptr) {
        for (std::size_t run = begin; run < end; ++run) {
          if (out.runs[run].paths.contains(path)) drops_.add(Drop::socket_gone, out.runs[run].count);
        }
        continue;
      }
      if (own != outlet) send_copies(std::exchange(outlet, own), now);
      add_runs(out, begin, end, path, *route, *own);
    }
    begin = end;
  }
  send_copies(outlet, now);
  outlets_.settle(now);
}

void ServerCarrier::add_runs(const Output& out, std::size_t begin, std::size_t end, PathId path,
                             const Route& route, const Outlet& outlet) {
  std::size_t bytes = 0;
  for (std::size_t i = begin; i < end; ++i) {
    const PacketRun& run = out.runs[i];
    if (!run.paths.contains(path)) continue;
    sender_.add(out, run, path, route);
    if (run.has_datagrams) bytes += run.bytes();
  }
  if (bytes > 0) outlets_.note(outlet, out.runs[begin].session, path, bytes);
}

void ServerCarrier::send_copies(Outlet* outlet, TimePoint now) {
  if (sender_.empty()) return;
  sender_.send(*outlet->socket, outlet->queue, now,
               [this, now](PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop) {
                 engine_.on_sent(path, run, accepted, drop, accepted == run.count ? now : clock_.now());
               });
}

void ServerCarrier::send_direct(const Output& out) {
  for (const DirectPacket& packet : out.direct) {
    DatagramSocket* socket = listeners_.find(packet.route);
    if (socket == nullptr) {
      drops_.add(Drop::socket_gone);
      continue;
    }
    const SendOutcome outcome = socket->send({out.bytes_of(packet), packet.size, packet.route});
    if (outcome.accepted == 0) drops_.add(drop_for(outcome.error));
  }
}

void ServerCarrier::deliver(Output& out) {
  out.group_deliveries();
  for (const Delivery& delivery : out.deliveries) {
    if (is_tun(delivery.flow)) {
      for (const ConstBytes packet : out.pieces_of(delivery)) device_->deliver(packet);
      continue;
    }
    DatagramSocket* socket = target_->socket(delivery.flow);
    if (socket == nullptr) {
      drops_.add(Drop::target_unknown, delivery.count);
      continue;
    }
    const SendOutcome outcome = socket->send_pieces(out.pieces_of(delivery), {});
    target_->on_sent();
    if (outcome.error != 0) target_->on_error(outcome.error);
    if (outcome.accepted < delivery.count)
      drops_.add(drop_for(outcome.error), delivery.count - outcome.accepted);
  }
  if (device_ != nullptr) device_->flush();
}

}  // namespace mptunnel
