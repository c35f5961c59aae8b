// Inner packets of clients, and who of them has which address.
#include "mptunnel/engine/server_parts.h"
#include "mptunnel/ip/hop_limit.h"
#include "mptunnel/ip/ip_packet.h"
#include "mptunnel/ip/marks.h"

namespace mptunnel {

void ServerControl::on_addresses_wanted(ServerSession& session, const AddressesWantedFrame& wanted,
                                        Reply& reply, const ServerArrival& arrival) {
  // Whoever has proved no address takes none from others.
  if (!session.is_proved || session.superseded) {
    state_.context.drops.add(Drop::unexpected_frame);
    return;
  }
  if (!session.inner_questions.take(arrival.now)) {
    state_.context.drops.add(Drop::inner_rate);
    return;
  }
  std::vector<InnerEntry> entries = entries_of(wanted);
  if (state_.inner && session.current().can_carry_inner()) {
    const InnerOwner owner{session.account.handshake_key().name, session.identity};
    entries = state_.inner->settle(owner, session.handle, entries);
  } else {
    for (InnerEntry& entry : entries) entry.verdict = InnerVerdict::no_device;
  }
  reply.answer = inner_entry_bytes(entries, true);
  reply.frames.emplace_back(
      AddressesGivenFrame{wanted.sequence, static_cast<std::uint8_t>(entries.size()), reply.answer});
  std::erase_if(entries, [](const InnerEntry& entry) { return entry.kind == InnerKind::server; });
  if (entries == session.inner_told) return;
  session.inner_told = entries;
  arrival.out.events.emplace_back(ClientInnerAddresses{session.ref(), std::move(entries)});
}

bool ServerControl::on_inner(ServerSession& session, const IpFrame& frame, const ServerArrival& arrival) {
  if (!state_.inner) return false;
  const auto drop = take_inner(session, frame, arrival);
  if (drop) {
    state_.context.drops.add(*drop);
    session.receiver.skip_inner(frame, arrival.out, arrival.now);
  }
  state_.alarm.wake_for_order(session);
  return true;
}

std::optional<Drop> ServerControl::take_inner(ServerSession& session, const IpFrame& frame,
                                              const ServerArrival& arrival) {
  const auto packet = parse_ip_packet(frame.packet);
  if (!packet) return Drop::inner_malformed;
  if (!state_.inner->has(session.handle, packet->source)) return Drop::inner_source;
  session.last_moved = arrival.now;
  if (state_.inner->is_for_many(packet->destination)) return Drop::inner_multicast;
  const InnerRoutes::Destination to = state_.inner->find(packet->destination);
  if (to.place == InnerRoutes::Place::nobody || to.session == session.handle) return Drop::inner_unowned;
  const bool is_for_client = to.place == InnerRoutes::Place::client;
  if (is_for_client && !state_.inner->passes_on()) return Drop::client_to_client;
  if (is_for_client && packet->hop_limit <= 1) return Drop::inner_hops;
  const Marks marks = marks_of(*packet);
  // Whatever is dropped for its mark was, when it was opened.
  const Ecn ecn = forwarded_ecn(marks.ecn, arrival.ecn.ecn).value_or(marks.ecn);
  if (!state_.account_for(session, Way::to_target, frame.packet.size(), arrival.now)) return Drop::key_rate;
  session.inner.count_out(frame.packet.size());
  if (!is_for_client) {
    session.receiver.deliver_inner(frame, ecn, arrival.is_recovered, arrival.out, arrival.now);
    return std::nullopt;
  }
  passed_on_.assign(frame.packet.begin(), frame.packet.end());
  lower_hop_limit(passed_on_);
  if (ecn != marks.ecn) set_ecn(passed_on_, ecn);
  const InnerFlow flow{state_.bucket_of(*packet), outer_marks({marks.dscp, ecn}, state_.inner->fixed_dscp())};
  outbound_.send_inner(to.session, {passed_on_, passed_on_.size()}, flow, arrival.out, arrival.now);
  // It waits for nothing here: the client that it is for keeps it in order.
  session.receiver.skip_inner(frame, arrival.out, arrival.now);
  return std::nullopt;
}

}  // namespace mptunnel
