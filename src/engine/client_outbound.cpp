#include "mptunnel/engine/client_parts.h"

namespace mptunnel {
namespace {

/// The server learns of a flow by the FLOW_OPEN that rides along until it is acknowledged.
OutgoingFlow outgoing(const ClientFlow& flow) {
  OutgoingFlow result{flow.handle, flow.id, std::nullopt};
  if (!flow.opened) result.open = flow.hash;
  return result;
}

}  // namespace

PathSet ClientOutbound::on_application(DatagramBatch batch, const FlowSource& source, std::uint8_t dscp,
                                       Output& out, TimePoint now) {
  std::vector<ClientFlows::Ended> ended;
  const auto flow = state_.flows.use(source, ended, now);
  if (!ended.empty()) end_flows(ended, out, now);
  const PathViews paths = state_.paths.views(now);
  if (!state_.sender.can_send(paths, now)) handshaking_.hurry();
  datagrams_ += datagrams_in(batch);
  if (state_.is_proving) note_sizes(batch);
  if (!flow) {
    refuse(source, flow.error(), datagrams_in(batch), out);
    return {};
  }
  (*flow)->note_to_server(datagrams_in(batch));
  return send_all(batch, outgoing(**flow), {dscp}, paths, out, now);
}

PathSet ClientOutbound::on_tun(DatagramBatch packets, const InnerFlow& flow, Output& out, TimePoint now) {
  const std::size_t count = datagrams_in(packets);
  ClientInner* const inner = state_.inner ? &*state_.inner : nullptr;
  if (inner == nullptr || inner->phase == ClientInner::Phase::unsupported) {
    state_.context.drops.add(Drop::inner_unsupported, count);
    state_.sender.note_untaken(count);
    return {};
  }
  const PathViews paths = state_.paths.views(now);
  if (!state_.sender.can_send(paths, now)) handshaking_.hurry();
  for_each_datagram(packets, [&](ConstBytes packet) { inner->counts.count_into(packet.size()); });
  if (state_.is_proving) note_sizes(packets);
  return send_all(packets, OutgoingFlow::inner(tun_flow(flow.bucket), inner->may_leave()), flow.marks, paths,
                  out, now);
}

PathSet ClientOutbound::send_all(DatagramBatch batch, const OutgoingFlow& flow, Marks marks,
                                 const PathViews& paths, Output& out, TimePoint now) {
  PathSet looped;
  for_each_datagram(batch, [&](ConstBytes payload) {
    // An inner packet with one of ours in it is one behind what a tunnel device puts there.
    if (const auto hit = state_.loops.find(payload, now)) {
      state_.context.drops.add(Drop::own_packet);
      if (hit->is_certain) looped.insert(hit->path);
    } else {
      state_.sender.send(flow, payload, marks, paths, out, now);
    }
  });
  state_.paths.note_large(state_.sender.finish(paths, out, now), now);
  return looped;
}

void ClientOutbound::note_sizes(DatagramBatch batch) {
  for_each_datagram(batch, [&](ConstBytes payload) {
    for (const PathId path : state_.paths.held()) state_.paths[path].proof.on_application(payload.size());
  });
}

void ClientOutbound::refuse(const FlowSource& source, Drop drop, std::size_t datagrams, Output& out) {
  state_.context.drops.add(drop, datagrams);
  out.flow_changes.push_back({source.handle, 0, false});
  out.events.emplace_back(TablesFull{drop});
}

void ClientOutbound::flush(Output& out, TimePoint now) {
  if (!state_.sender.has_waiting()) return;
  const PathViews paths = state_.paths.views(now);
  const auto find = [this](FlowHandle source) -> std::optional<OutgoingFlow> {
    if (is_tun(source)) return OutgoingFlow::inner(source, state_.inner && state_.inner->may_leave());
    const ClientFlow* flow = state_.flows.find(source);
    return flow == nullptr ? std::nullopt : std::optional(outgoing(*flow));
  };
  state_.paths.note_large(state_.sender.flush(paths, find, out, now), now);
}

void ClientOutbound::expire_flows(Output& out, TimePoint now) {
  std::vector<ClientFlows::Ended> ended;
  state_.flows.expire(ended, now);
  end_flows(ended, out, now);
}

void ClientOutbound::end_flows(const std::vector<ClientFlows::Ended>& ended, Output& out, TimePoint now) {
  for (const ClientFlows::Ended& flow : ended) {
    state_.receiver.order().close(flow.source, out);
    out.flow_changes.push_back({flow.source, 0, false});
  }
  LinkEpoch* epoch = state_.link.current();
  if (epoch == nullptr) return;
  std::vector<Frame> frames;
  for (const ClientFlows::Ended& flow : ended) {
    frames.emplace_back(FlowCloseFrame{flow.id});
    if (frames.size() < kMaxFramesOfPacket && &flow != &ended.back()) continue;
    state_.sender.send_control(*epoch, frames, state_.paths.carrying(now), out, now);
    frames.clear();
  }
}

}  // namespace mptunnel
