#include <algorithm>

#include "mptunnel/engine/server_parts.h"

namespace mptunnel {

void ServerOutbound::on_target(FlowHandle flow, DatagramBatch batch, std::uint8_t dscp, Output& out,
                               TimePoint now) {
  ServerSession* session = state_.table.owner_of(flow);
  if (session == nullptr || session->dormant) {
    state_.context.drops.add(session == nullptr ? Drop::flow_unknown : Drop::no_path, datagrams_in(batch));
    if (session != nullptr) session->sender.note_untaken(datagrams_in(batch));
    return;
  }
  ServerFlow& own = *session->flows.find(flow);
  own.last_used = session->last_moved = now;
  own.note_to_client(datagrams_in(batch));
  const PathViews paths = session->views(now);
  const OutgoingFlow to{flow, own.id, std::nullopt};
  for_each_datagram(batch, [&](ConstBytes payload) {
    if (!state_.take_rate(*session, Way::to_client, payload.size(), now)) return;
    ++session->to_client;
    session->sender.send(to, payload, {dscp}, paths, out, now);
  });
  finish(*session, paths, out, now);
}

void ServerOutbound::on_tun(DatagramBatch packets, const InnerFlow& flow, Output& out, TimePoint now) {
  const std::size_t count = datagrams_in(packets);
  const std::size_t first_bytes = std::min(packets.bytes.size(), packets.stride);
  const auto first = parse_ip_packet(packets.bytes.first(first_bytes));
  if (!first || !state_.inner) {
    state_.context.drops.add(state_.inner ? Drop::inner_malformed : Drop::inner_unsupported, count);
    return;
  }
  const InnerRoutes::Destination to = state_.inner->find(first->destination);
  if (to.place != InnerRoutes::Place::client) {
    state_.context.drops.add(Drop::inner_unowned, count);
    return;
  }
  send_inner(to.session, packets, flow, out, now);
}

void ServerOutbound::send_inner(SessionHandle to, DatagramBatch packets, const InnerFlow& flow, Output& out,
                                TimePoint now) {
  // Who has an address has a session.
  ServerSession& session = *state_.table.find(to);
  if (session.dormant) {
    state_.context.drops.add(Drop::no_path, datagrams_in(packets));
    session.sender.note_untaken(datagrams_in(packets));
    return;
  }
  session.last_moved = now;
  const PathViews paths = session.views(now);
  const OutgoingFlow outgoing = OutgoingFlow::inner(tun_flow(flow.bucket), true);
  for_each_datagram(packets, [&](ConstBytes packet) {
    if (!state_.take_rate(session, Way::to_client, packet.size(), now)) return;
    session.inner.count_into(packet.size());
    session.sender.send(outgoing, packet, flow.marks, paths, out, now);
  });
  finish(session, paths, out, now);
}

void ServerOutbound::finish(ServerSession& session, const PathViews& paths, Output& out, TimePoint now) {
  note_large(session, session.sender.finish(paths, out, now), now);
  state_.alarm.wake_for_sender(session);
  if (session.sender.has_waiting()) state_.alarm.wake_by(session.sender.wake_by(now));
}

void ServerOutbound::acknowledge(ServerSession& session, Output& out, TimePoint now) {
  Acknowledger& acks = session.receiver.acks();
  if (!acks.is_on()) return;
  if (now >= acks.deadline()) {
    const std::vector<Frame> due = session.receiver.take_acks(session.current(), now);
    if (!session.superseded) session.sender.send_acks(due, session.views(now), out, now);
  }
  state_.alarm.wake_for_acks(session);
}

void ServerOutbound::flush(ServerSession& session, Output& out, TimePoint now) {
  if (!session.sender.has_waiting()) return;
  const PathViews paths = session.views(now);
  const auto find = [&](FlowHandle flow) -> std::optional<OutgoingFlow> {
    if (is_tun(flow)) return OutgoingFlow::inner(flow, true);
    const ServerFlow* found = session.flows.find(flow);
    return found == nullptr ? std::nullopt : std::optional(OutgoingFlow{flow, found->id, std::nullopt});
  };
  note_large(session, session.sender.flush(paths, find, out, now), now);
  state_.alarm.wake_for_sender(session);
}

void ServerOutbound::note_large(ServerSession& session, PathSet paths, TimePoint now) {
  for (const PathId id : paths) {
    ServerPath& path = *session.paths[id.value];
    path.mtu.note_large(now);
    state_.alarm.wake_for_mtu(session, path, now);
  }
}

}  // namespace mptunnel
