// What DATA has in it: datagrams for the target, and the flows that they open.
#include "mptunnel/engine/server_parts.h"

namespace mptunnel {

void ServerControl::read_data(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  if (session.superseded) {
    state_.context.drops.add(Drop::superseded);
    return;
  }
  std::optional<FlowId> refused;
  session.receiver.read_data(
      frames, [&](const DatagramFrame& datagram) { deliver(session, datagram, refused, arrival); },
      [&](const Frame& frame) {
        if (const auto* inner = std::get_if<IpFrame>(&frame))
          return epoch.epoch->can_carry_inner() && on_inner(session, *inner, arrival);
        const auto* open = std::get_if<FlowOpenFrame>(&frame);
        if (open == nullptr || epoch.epoch->keys().is_clear()) return false;
        on_flow_open(session, *open, refused, arrival);
        return true;
      });
}

void ServerControl::note_limit(const ServerSession& session, Drop drop, Output& out) {
  state_.context.drops.add(drop);
  if (drop == Drop::key_sessions || drop == Drop::key_flows || drop == Drop::no_target) {
    out.events.emplace_back(ClientQuotaReached{session.ref(), drop});
  } else if (drop == Drop::network_limit) {
    out.events.emplace_back(NetworkFull{session.first_route, state_.table.limits().max_sessions_of_network});
  } else {
    out.events.emplace_back(TablesFull{drop});
  }
}

void ServerControl::on_flow_open(ServerSession& session, const FlowOpenFrame& open,
                                 std::optional<FlowId>& refused, const ServerArrival& arrival) {
  const tl::expected<ServerFlow*, Drop> flow =
      state_.has_target ? state_.table.open_flow(session, open, arrival.out, arrival.now)
                        : tl::make_unexpected(Drop::no_target);
  if (!flow) {
    refused = open.flow;
    note_limit(session, flow.error(), arrival.out);
    return;
  }
  std::optional<TimePoint>& acknowledged = (*flow)->acknowledged;
  if (acknowledged && arrival.now - *acknowledged < kOpenedRepeat) return;
  const PathSet paths = session.carrying(arrival.now);
  if (paths.empty()) return;
  acknowledged = arrival.now;
  session.sender.send_control(session.current(), {FlowOpenedFrame{open.flow}}, paths, arrival.out,
                              arrival.now);
  outbound_.flush(session, arrival.out, arrival.now);
}

void ServerControl::deliver(ServerSession& session, const DatagramFrame& datagram,
                            std::optional<FlowId>& refused, const ServerArrival& arrival) {
  ServerFlow* flow = session.flows.find(datagram.flow);
  if (flow != nullptr) {
    flow->last_used = session.last_moved = arrival.now;
    flow->note_to_server(1);
    if (!state_.take_rate(session, Way::to_target, datagram.payload.size(), arrival.now)) {
      if (datagram.number)
        session.receiver.order().skip(flow->handle, *datagram.number, arrival.out, arrival.now);
      return;
    }
    ++session.from_client;
    session.receiver.deliver(flow->handle, datagram, arrival.is_recovered, arrival.out, arrival.now);
    state_.alarm.wake_for_order(session);
    return;
  }
  if (refused == datagram.flow) {
    refused.reset();
  } else {
    state_.context.drops.add(Drop::flow_unknown);
  }
  // The client believes that the flow is open: it must open it again.
  if (session.said_flow_unknown && arrival.now - *session.said_flow_unknown < kOpenedRepeat) return;
  session.said_flow_unknown = arrival.now;
  session.sender.send_control(session.current(), {FlowCloseFrame{datagram.flow}},
                              session.carrying(arrival.now), arrival.out, arrival.now);
}

}  // namespace mptunnel
