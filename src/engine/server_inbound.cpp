#include <algorithm>
#include <utility>

#include "mptunnel/engine/server_parts.h"

namespace mptunnel {

void ServerInbound::on_network(DatagramBatch batch, const Route& route, Ecn ecn, Output& out, TimePoint now) {
  // A batch is DATA of one client as a rule: what is found for its first packet holds for the next. Only
  // other types end sessions, or make and move paths.
  EpochRef epoch;
  std::optional<RouteOrigin> origin;
  const OuterEcn together{ecn, datagrams_in(batch) == 1};
  OuterEcn known;
  for_each_datagram(batch, [&](Bytes packet) {
    const auto header = decode_header(packet);
    if (!header) {
      state_.context.drops.add(packet.size() < kHeaderBytes ? Drop::truncated : Drop::unknown_type);
      return;
    }
    ServerArrival arrival{*header, packet, route, out, now, together};
    if (header->type != PacketType::data) {
      epoch = {};
      on_packet(arrival);
      return;
    }
    if (epoch.epoch == nullptr || epoch.epoch->index() != header->index) {
      const EpochRef* found = state_.table.epochs().find(header->index);
      epoch = found == nullptr ? EpochRef{} : *found;
      if (found != nullptr) {
        origin.emplace(*epoch.session, route);
        known = epoch.session->ecn_from(route, together);
      }
    }
    arrival.ecn = known;
    if (epoch.epoch != nullptr) {
      on_data(epoch, *origin, arrival);
    } else {
      state_.context.drops.add(Drop::unknown_index);
    }
  });
  if (epoch.session != nullptr) outbound_.acknowledge(*epoch.session, out, now);
}

void ServerInbound::on_data(EpochRef epoch, RouteOrigin& origin, const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  const auto opened = session.receiver.open_data(*epoch.epoch, arrival.header, arrival.packet, origin,
                                                 arrival.ecn, arrival.now);
  if (!opened) return;
  if (opened->is_news) heard(session, false, arrival);
  control_.read_data(epoch, opened->frames, arrival);
  control_.read_recovered(epoch, arrival);
}

void ServerInbound::on_packet(const ServerArrival& arrival) {
  if (arrival.header.type == PacketType::handshake1) {
    on_handshake1(arrival);
  } else if (arrival.header.type != PacketType::control) {
    state_.context.drops.add(Drop::unknown_type);
  } else if (const EpochRef* epoch = state_.table.epochs().find(arrival.header.index)) {
    on_control(*epoch, arrival);
  } else {
    on_first_control(arrival);
  }
}

void ServerInbound::on_handshake1(const ServerArrival& arrival) {
  const auto answer = state_.pending.answer(arrival.packet, arrival.route.remote,
                                            state_.table.epochs().chooser(), arrival.now);
  if (!answer) {
    state_.context.drops.add(answer.error());
    if (answer.error() == Drop::handshake_key)
      arrival.out.events.emplace_back(HandshakeOtherKey{arrival.route});
    if (answer.error() == Drop::handshake_disabled) {
      const KeyName key = decode_handshake_prefix(arrival.packet)->key_name;
      arrival.out.events.emplace_back(HandshakeDisabled{state_.keyring.find(key)->name(), arrival.route});
    }
    return;
  }
  if (answer->is_cookie) {
    state_.context.drops.add(Drop::handshake_unproved);
  } else {
    state_.alarm.wake_by(arrival.now + kServerTick);
  }
  const Bytes packet = arrival.out.make_packet(answer->response.size());
  std::copy(answer->response.begin(), answer->response.end(), packet.begin());
  arrival.out.send_direct(packet.size(), arrival.route);
  if (answer->refusal != Refusal::none && answer->is_new)
    arrival.out.events.emplace_back(HandshakeRefused{answer->refusal, arrival.route});
}

void ServerInbound::on_control(EpochRef epoch, const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  RouteOrigin origin(session, arrival.route);
  const auto opened =
      session.receiver.open_control(*epoch.epoch, arrival.header, arrival.packet, origin, arrival.now);
  if (!opened) return;
  if (opened->is_copy) {
    control_.read_copy(epoch, opened->frames, arrival);
    return;
  }
  if (opened->is_news) heard(session, true, arrival);
  if (const auto error = check_frames(opened->frames)) {
    state_.context.drops.add(*error);
    origin.genuine().count_received(arrival.packet.size());
    return;
  }
  read_and_count(epoch, opened->frames, arrival);
}

void ServerInbound::on_first_control(const ServerArrival& arrival) {
  DropCounters& drops = state_.context.drops;
  const PendingHandshakes::Unconfirmed unconfirmed = state_.pending.find(arrival.header.index);
  KeyEpoch* keys = unconfirmed.keys;
  if (keys == nullptr) {
    drops.add(Drop::unknown_index);
    return;
  }
  const auto frames = open_first_control(*keys, arrival.header, arrival.packet, arrival.now);
  if (!frames) {
    drops.add(frames.error());
    return;
  }
  FrameReader reader(*frames);
  const auto first = reader.next();
  const auto* hello = first ? std::get_if<ClientHelloFrame>(&*first) : nullptr;
  if (hello == nullptr) {
    drops.add(Drop::unexpected_frame);
    return;
  }
  const Claimant claimant{*hello, *unconfirmed.account, unconfirmed.network};
  // New keys of a session are for that session: what is charged to it makes no other.
  const ServerSession* renewed = unconfirmed.renews ? state_.table.find(*unconfirmed.renews) : nullptr;
  const bool is_its_own =
      renewed != nullptr && renewed->is_of(claimant) && renewed->process == hello->process;
  if (unconfirmed.renews && !is_its_own) {
    drops.add(Drop::unexpected_frame);
    return;
  }
  if (state_.table.is_late(claimant, *keys)) {
    drops.add(Drop::key_expired);
    return;
  }
  const auto claim = state_.table.claim(claimant, arrival.route, arrival.out, arrival.now);
  if (!claim) {
    drops.add(claim.error());
    arrival.out.events.emplace_back(TablesFull{claim.error()});
    const auto size =
        seal_control_packet(*keys, {CloseFrame{CloseReason::no_room}}, 0, arrival.out, arrival.now);
    if (size) {
      arrival.out.send_direct(*size, arrival.route);
    } else {
      drops.add(size.error());
    }
    state_.pending.adopt(arrival.header.index);
    return;
  }
  ServerSession& session = *claim->session;
  if (claim->is_new) {
    state_.alarm.wake_by(arrival.now + kServerTick);
    // Of any other new session a person hears when it has proved an address.
    if (claim->took_over)
      arrival.out.events.emplace_back(ClientTakenOver{session.ref(), keys->cipher(), arrival.route});
  }
  LinkEpoch& epoch = state_.table.add_epoch(session, state_.pending.adopt(arrival.header.index), arrival.now);
  session.resumed = claim->resumed;
  heard(session, true, arrival);
  read_and_count({&session, &epoch}, *frames, arrival);
}

void ServerInbound::read_and_count(EpochRef epoch, ConstBytes frames, const ServerArrival& arrival) {
  const SessionHandle handle = epoch.session->handle;
  control_.read(epoch, frames, arrival);
  // Afterwards: a report in the packet speaks of what was sent before it, and a PING may have made the path.
  ServerSession* session = state_.table.find(handle);
  if (session == nullptr) return;
  RouteOrigin(*session, arrival.route)
      .genuine()
      .count_received(arrival.header, arrival.packet.size(), arrival.now);
  outbound_.acknowledge(*session, arrival.out, arrival.now);
}

void ServerInbound::heard(ServerSession& session, bool control, const ServerArrival& arrival) {
  session.last_heard = arrival.now;
  session.dormant = false;
  if (!session.superseded || !control || arrival.now - *session.superseded < kTakeoverGrace) return;
  if (!std::exchange(session.said_clash, true))
    arrival.out.events.emplace_back(IdentitiesClash{session.ref(), arrival.route});
  // Both processes are alive: the one that lost its flows opens them again, and has sockets and a place of
  // its own from now on, if there is room.
  if (session.is_proved && !state_.table.settle(session, session.network, arrival.out)) return;
  session.superseded.reset();
}

}  // namespace mptunnel
