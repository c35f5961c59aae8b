#include "mptunnel/engine/server_engine.h"

#include <algorithm>
#include <utility>

#include "mptunnel/base/assert.h"
#include "mptunnel/base/cursor.h"
#include "mptunnel/engine/control_packet.h"

namespace mptunnel {

ServerEngine::ServerEngine(const ServerSettings& settings, RandomSource& random)
    : settings_(settings), random_(random), pending_(settings.handshake, random), epochs_(settings.lanes) {}

void ServerEngine::on_network(DatagramBatch batch, const Route& route, Output& out, TimePoint now) {
  // A batch is DATA of one client as a rule: what is found for its first packet holds for the next. Only
  // other types end sessions, or make and move paths.
  std::optional<Sender> sender;
  for_each_datagram(batch, [&](Bytes packet) {
    const auto header = decode_header(packet);
    if (!header) {
      drops_.add(packet.size() < kHeaderBytes ? Drop::truncated : Drop::unknown_type);
      return;
    }
    const Arrival arrival{*header, packet, route, out, now};
    if (header->type != PacketType::data) {
      sender.reset();
      on_packet(arrival);
      return;
    }
    if (!sender || sender->epoch.keys->local_index() != header->index)
      sender = find_sender(header->index, route);
    if (sender) {
      on_data(*sender, arrival);
    } else {
      drops_.add(Drop::unknown_index);
    }
  });
}

std::optional<ServerEngine::Sender> ServerEngine::find_sender(SessionIndex index, const Route& route) {
  const EpochRef* epoch = epochs_.find(index);
  if (epoch == nullptr) return std::nullopt;
  ServerSession& session = *epoch->session;
  return Sender{*epoch, session.find_traffic(route, session.path_at(route))};
}

void ServerEngine::on_packet(const Arrival& arrival) {
  if (arrival.header.type == PacketType::handshake1) {
    on_handshake1(arrival);
  } else if (arrival.header.type != PacketType::control) {
    drops_.add(Drop::unknown_type);
  } else if (const EpochRef* epoch = epochs_.find(arrival.header.index)) {
    on_control(*epoch, arrival);
  } else {
    on_first_control(arrival);
  }
}

void ServerEngine::on_handshake1(const Arrival& arrival) {
  // Drawn when an index is really looked for: copies and repeats of a handshake need none.
  std::optional<std::size_t> lane;
  const auto is_free = [&](SessionIndex index) {
    if (!lane) lane = epochs_.next_lane();
    return epochs_.is_free(index, *lane);
  };
  const auto answer = pending_.answer(arrival.packet, arrival.route.remote, is_free, arrival.now);
  if (!answer) {
    drops_.add(answer.error());
    if (answer.error() == Drop::handshake_key && once_a_minute(said_other_key_, arrival.now)) {
      arrival.out.events.emplace_back(HandshakeOtherKey{arrival.route});
    }
    return;
  }
  wake_by(arrival.now + kServerTick);
  const Bytes packet = arrival.out.make_packet(answer->response.size());
  std::copy(answer->response.begin(), answer->response.end(), packet.begin());
  arrival.out.send_direct(packet.size(), arrival.route);
  if (answer->refusal != Refusal::none && answer->is_new && once_a_minute(said_refused_, arrival.now)) {
    arrival.out.events.emplace_back(HandshakeRefused{answer->refusal, arrival.route});
  }
}

void ServerEngine::on_data(Sender& sender, const Arrival& arrival) {
  KeyEpoch& keys = *sender.epoch.keys;
  const bool is_news = keys.is_news(arrival.header);
  const auto opened = keys.open_data(arrival.header, arrival.packet, arrival.now);
  if (!opened) {
    drops_.add(opened.error());
    if (opened.error() == Drop::copy) check_copy(sender, arrival);
    return;
  }
  if (sender.traffic == nullptr)
    sender.traffic = &sender.epoch.session->traffic_from(arrival.route, std::nullopt);
  sender.traffic->count_received(arrival.packet.size());
  ++sender.traffic->first;
  if (is_news && !keys.is_clear()) heard(*sender.epoch.session, false, arrival);
  on_opened_data(sender.epoch, *opened, arrival);
}

void ServerEngine::on_opened_data(EpochRef epoch, ConstBytes frames, const Arrival& arrival) {
  if (epoch.session->superseded) {
    drops_.add(Drop::superseded);
  } else if (const auto datagram = whole_datagram(frames)) {
    deliver(*epoch.session, *datagram, arrival);
  } else {
    on_data_frames(epoch, frames, arrival);
  }
}

void ServerEngine::on_data_frames(EpochRef epoch, ConstBytes frames, const Arrival& arrival) {
  if (const auto error = check_frames(frames)) {
    drops_.add(*error);
    return;
  }
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    if (const auto* datagram = std::get_if<DatagramFrame>(&*frame)) {
      deliver(*epoch.session, *datagram, arrival);
    } else if (const auto* open = std::get_if<FlowOpenFrame>(&*frame);
               open != nullptr && !epoch.keys->is_clear()) {
      on_flow_open(*epoch.session, *open, arrival);
    } else {
      drops_.add(Drop::unexpected_frame);
      return;
    }
  }
}

void ServerEngine::on_fragment(EpochRef epoch, const FragmentFrame& fragment, std::optional<PathId> came_by,
                               const Arrival& arrival) {
  const auto frames =
      complete_packet(*epoch.keys, fragment, epoch.session->fragments, arrival.out, drops_, arrival.now);
  if (!frames) return;
  if (fragment.type == PacketType::control) {
    handle_control(epoch, *frames, arrival);
    return;
  }
  ++epoch.session->traffic_from(arrival.route, came_by).first;
  on_opened_data(epoch, *frames, arrival);
}

void ServerEngine::check_copy(Sender& sender, const Arrival& arrival) {
  // From an address that is new each is looked at, since only what is genuine is remembered.
  const bool is_new = sender.traffic == nullptr;
  const bool is_looked_at = is_new || copy_checks_.draw(random_);
  const bool is_genuine = !is_looked_at || sender.epoch.keys->verifies(arrival.header, arrival.packet);
  if (is_new && !is_genuine) return;
  if (is_new) sender.traffic = &sender.epoch.session->traffic_from(arrival.route, std::nullopt);
  sender.traffic->count_received(arrival.packet.size());
  ++sender.traffic->duplicates;
  if (!is_genuine) sender.traffic->voided = true;
}

void ServerEngine::heard(ServerSession& session, bool control, const Arrival& arrival) {
  session.last_heard = arrival.now;
  session.dormant = false;
  if (!session.superseded || !control || arrival.now - *session.superseded < kTakeoverGrace) return;
  // Both processes are alive: the one that lost its flows opens them again, and has sockets of its own from
  // now on.
  session.superseded.reset();
  arrival.out.events.emplace_back(IdentitiesClash{session.ref(), arrival.route});
}

void ServerEngine::on_target(FlowHandle handle, DatagramBatch batch, Output& out, TimePoint now,
                             std::uint8_t dscp) {
  const auto owner = flows_.find(handle);
  const std::size_t datagrams = datagrams_in(batch);
  if (owner == flows_.end()) {
    drops_.add(Drop::flow_unknown, datagrams);
    return;
  }
  ServerSession& session = *sessions_.at(owner->second);
  ServerFlow& flow = *session.flows.find(handle);
  if (session.dormant) {
    drops_.add(Drop::no_path, datagrams);
    return;
  }
  flow.last_used = session.last_moved = now;
  session.datagrams_out += datagrams;
  const Carriers carriers = session.carriers(now);
  const bool can_send = !carriers.paths.empty() && flow.id && session.sealing().is_usable(now);
  for_each_datagram(batch, [&](ConstBytes payload) {
    if (can_send) {
      const auto sealed = seal_to_client(session, *flow.id, payload, carriers, dscp, out, now);
      if (!sealed) drops_.add(sealed.error());
    } else if (!session.queue.push(handle, payload, now, dscp)) {
      drops_.add(Drop::queue_full);
    }
  });
  if (can_send) {
    finish_sending(session, carriers, out, now);
  } else {
    wake_by(now + kQueueTick);
  }
}

tl::expected<void, Drop> ServerEngine::seal_to_client(ServerSession& session, FlowId flow, ConstBytes payload,
                                                      const Carriers& carriers, std::uint8_t dscp,
                                                      Output& out, TimePoint now) {
  KeyEpoch& keys = session.sealing();
  if (payload.size() > kMaxPacketBytes) return tl::unexpected(Drop::too_large);
  std::array<std::uint8_t, 4> head{};
  ByteWriter writer(head);
  encode_datagram_prefix(flow, writer);
  const std::size_t size = keys.data_overhead() + writer.written() + payload.size();
  auto sealed = keys.seal_data(ConstBytes(head).first(writer.written()), payload, out.make_packet(size), now);
  if (!sealed) {
    out.discard_packet(size);
    return sealed;
  }
  session.sender.send(size, carriers, session.mtu_of(), session.handle, keys.local_index(), dscp, out);
  return {};
}

void ServerEngine::finish_sending(ServerSession& session, const Carriers& carriers, Output& out,
                                  TimePoint now) {
  if (!session.sender.finish(session.sealing(), session.handle, out, drops_, now)) return;
  for (const PathId id : carriers.paths) {
    ServerPath& path = *session.paths[id.value];
    path.mtu.note_large(now);
    wake_for_mtu(session, path, now);
  }
}

void ServerEngine::flush_queue(ServerSession& session, Output& out, TimePoint now) {
  const Carriers carriers = session.carriers(now);
  if (session.queue.empty() || carriers.paths.empty() || !session.sealing().is_usable(now)) return;
  session.queue.drain([&](const DatagramQueue::Item& item) {
    const ServerFlow* flow = session.flows.find(item.flow);
    if (flow == nullptr) {
      drops_.add(Drop::flow_unknown);
      return true;
    }
    if (!flow->id) return false;
    const auto sealed = seal_to_client(session, *flow->id, item.payload, carriers, item.dscp, out, now);
    if (!sealed) drops_.add(sealed.error());
    return true;
  });
  finish_sending(session, carriers, out, now);
}

void ServerEngine::on_sent(PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop,
                           TimePoint now) {
  const EpochRef* epoch = epochs_.find(run.epoch);
  if (epoch != nullptr) {
    epoch->keys->path(path).count_sent(accepted, run.bytes_of_first(accepted));
  }
  if (accepted == run.count) return;
  drops_.add(drop, run.count - accepted);
  if (drop != Drop::message_size || epoch == nullptr || !epoch->session->paths[path.value]) return;
  ServerPath& own = *epoch->session->paths[path.value];
  own.mtu.on_refused(run.stride, now);
  wake_for_mtu(*epoch->session, own, now);
}

const Route* ServerEngine::route_of(SessionHandle session, PathId path) const {
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || path.value >= kMaxPaths || !found->second->paths[path.value])
    return nullptr;
  return &found->second->paths[path.value]->route();
}

const ServerSession* ServerEngine::session(SessionHandle handle) const {
  const auto found = sessions_.find(handle);
  return found == sessions_.end() ? nullptr : found->second.get();
}

}  // namespace mptunnel
