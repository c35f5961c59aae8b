#include "mptunnel/engine/client_engine.h"

#include <algorithm>

#include "mptunnel/base/assert.h"

namespace mptunnel {

ClientEngine::ClientEngine(const ClientSettings& settings, RandomSource& random)
    : state_(settings, random), handshaking_(settings, state_, prober_) {}

void ClientEngine::set_path_available(PathId path, bool available, Output& out, TimePoint now) {
  if (!state_.paths.set_available(path, available)) return;
  if (next_housekeeping_ == kNever) next_housekeeping_ = now;
  if (available) handshaking_.on_path(now);
  state_.paths[path].gone_to_tell = available ? 0 : kGoneTold;
  prober_.tell_gone(path, out, now);
  prober_.update_standby(out, now);
  handshaking_.on_paths_changed(out, now);
}

void ClientEngine::hold_path(PathId path, bool held, Output& out, TimePoint now) {
  MPT_ASSERT(state_.paths.contains(path));
  TunnelProof& proof = state_.paths[path].proof;
  if (held) {
    proof.begin(now);
  } else {
    proof.end();
  }
  state_.is_proving = !state_.paths.held().empty();
  prober_.tell_server(path, out, now);
  prober_.update_standby(out, now);
  handshaking_.on_paths_changed(out, now);
  if (!held) outbound_.flush(out, now);
}

void ClientEngine::readdress_path(PathId path, Output& out, TimePoint now) {
  MPT_ASSERT(state_.paths.contains(path));
  ClientPath& own = state_.paths[path];
  if (!own.probed.is_available()) return;
  own.probed.readdress();
  own.mtu.stop();
  own.introduction.restart();
  state_.sender.forget(path);
  handshaking_.on_path(now);
  prober_.update_standby(out, now);
}

void ClientEngine::on_application(DatagramBatch batch, const FlowSource& source, Output& out, TimePoint now,
                                  std::uint8_t dscp) {
  state_.activity.note_application(now, datagrams_in(batch));
  state_.activity.update(now);
  shut(outbound_.on_application(batch, source, dscp, out, now), out, now);
}

void ClientEngine::on_tun(DatagramBatch packets, const InnerFlow& flow, Output& out, TimePoint now) {
  state_.activity.note_application(now, datagrams_in(packets));
  state_.activity.update(now);
  shut(outbound_.on_tun(packets, flow, out, now), out, now);
}

void ClientEngine::shut(PathSet looped, Output& out, TimePoint now) {
  for (const PathId path : looped) {
    if (!state_.paths[path].probed.is_available()) continue;
    out.events.emplace_back(PathLooped{path});
    set_path_available(path, false, out, now);
  }
}

void ClientEngine::on_path(PathId path, DatagramBatch batch, Output& out, TimePoint now, OuterEcn ecn) {
  MPT_ASSERT(state_.paths.contains(path));
  state_.context.overrun.on_passed(1, now);
  ecn.is_certain = ecn.is_certain && datagrams_in(batch) == 1;
  for_each_datagram(batch, [&](Bytes packet) { inbound_.on_packet(path, packet, ecn, out, now); });
  state_.activity.update(now);
  acknowledge(out, now);
}

TimePoint ClientEngine::deadline() const {
  TimePoint first = std::min({next_housekeeping_, state_.sender.deadline(), handshaking_.deadline(),
                              state_.receiver.order().deadline(), addressing_.deadline()});
  if (state_.link.current() != nullptr)
    first = std::min({first, prober_.deadline(), state_.receiver.acks().deadline()});
  return first;
}

void ClientEngine::on_deadline(Output& out, TimePoint now) {
  state_.activity.update(now);
  state_.receiver.order().release_due(out, now);
  state_.sender.expire(now);
  if (state_.sender.is_due(now)) outbound_.flush(out, now);
  state_.sender.release_delayed(state_.paths.available() - state_.paths.held(), out, now);
  if (now >= state_.sender.repair().deadline())
    state_.paths.note_large(state_.sender.send_due_repairs(state_.paths.views(now), out, now), now);
  if (state_.link.current() != nullptr) {
    prober_.run(out, now);
    handshaking_.on_paths_changed(out, now);
  }
  if (now >= state_.sender.marks().deadline()) check_marks(out, now);
  acknowledge(out, now);
  handshaking_.run(out, now);
  addressing_.run(out, now);
  if (now >= next_housekeeping_) run_housekeeping(out, now);
}

void ClientEngine::acknowledge(Output& out, TimePoint now) {
  if (now < state_.receiver.acks().deadline() || state_.link.current() == nullptr) return;
  state_.sender.send_acks(state_.receiver.take_acks(*state_.link.current(), now), state_.paths.views(now),
                          out, now);
}

void ClientEngine::check_marks(Output& out, TimePoint now) {
  for (const MarkWatch::News& news :
       state_.sender.check_marks(state_.paths.views(now), state_.paths.slowest_rtt(), out, now))
    out.events.emplace_back(PathMark{news.path, news.dscp, news.passes});
}

void ClientEngine::run_housekeeping(Output& out, TimePoint now) {
  next_housekeeping_ = now + kHousekeeping;
  state_.link.expire(now);
  outbound_.expire_flows(out, now);
  state_.receiver.expire(now);
  for (const PathId path : state_.paths.all()) {
    if (PathTraffic* traffic = state_.link.traffic(path)) sample(path, *traffic, out, now);
    prober_.tell_gone(path, out, now);
  }
  introducing_.run(out, now);
  tell_epoch_counts(out, now);
  if (const auto event = state_.outage.over(state_.paths.up(), now)) out.events.emplace_back(*event);
  if (state_.outage.is_due(now)) out.events.emplace_back(*outage(now));
  if (auto event = state_.sender.check_fragmenting(state_.paths.views(now), now))
    out.events.emplace_back(*event);
  state_.stream.sample(state_.link, state_.sender, now);
  handshaking_.check_key(now);
}

void ClientEngine::tell_epoch_counts(Output& out, TimePoint now) {
  const PathSet paths = state_.paths.carrying(now);
  LinkEpoch* epoch = state_.link.current();
  if (paths.empty() || !state_.link.can_seal(now) || !epoch->keys().peer_knows(FrameType::epoch_counts))
    return;
  for (const EpochCountsFrame& counts : state_.link.take_counts_to_tell(now))
    state_.sender.send_control(*epoch, {counts}, paths, out, now);
}

void ClientEngine::sample(PathId id, PathTraffic& traffic, Output& out, TimePoint now) {
  ClientPath& path = state_.paths[id];
  const bool is_up = path.probed.carries_data() && path.probed.state() != PathState::fresh &&
                     path.probed.one_way() == ProbedPath::OneWay::no && !path.proof.is_held();
  const LossWatch::Verdicts news = path.losses.update(is_up, traffic, now);
  path.history.sample(traffic, now);
  for (const Direction direction : {Direction::out, Direction::in}) {
    if (const auto& found = news[static_cast<std::size_t>(direction)])
      out.events.emplace_back(PathLossy{id, direction, found->share, found->over});
  }
  const bool is_used = path.probed.carries_data() && !path.proof.is_held();
  if (const auto found = path.queue.update(is_used, traffic, now))
    out.events.emplace_back(PathOverloaded{id, found->what.share, found->what.rate_bps, found->over});
}

void ClientEngine::on_sent(PathId path, const PacketRun& run, std::uint32_t accepted, Drop drop,
                           TimePoint now) {
  LinkEpoch* epoch = state_.link.find(run.epoch);
  if (epoch != nullptr) state_.sender.on_sent(*epoch, path, run, accepted, now);
  Sender::count_sent(epoch, path, run, accepted, drop, state_.context.drops);
  if (accepted < run.count && drop == Drop::message_size) state_.paths[path].mtu.on_refused(run.stride, now);
}

void ClientEngine::close(Output& out, TimePoint now) {
  state_.receiver.order().restart(out);
  for (LinkEpoch* epoch : {state_.link.current(), state_.link.next()}) {
    if (epoch != nullptr)
      state_.sender.send_control(*epoch, {CloseFrame{CloseReason::shutdown}}, state_.paths.available(), out,
                                 now);
  }
}

std::optional<SessionLost> ClientEngine::outage(TimePoint now) const {
  const auto lasts = state_.outage.lasts(now);
  if (!lasts) return std::nullopt;
  return SessionLost{*lasts, state_.paths.held_back()};
}

ClientSnapshot ClientEngine::snapshot(TimePoint now) const {
  ClientSnapshot snapshot;
  snapshot.session =
      snapshot_of(state_.link, state_.sender, state_.receiver, state_.stream, state_.paths.views(now), now);
  snapshot.session.flows = state_.flows.size();
  snapshot.session.into_tunnel = outbound_.datagrams();
  snapshot.session.out_of_tunnel = inbound_.datagrams();
  snapshot.session.duplicates = state_.context.drops[Drop::copy];
  if (state_.inner) {
    snapshot.session.inner = InnerSnapshot{state_.inner->given, state_.inner->counts, largest_inner(now)};
  }
  snapshot.no_answer = handshaking_.no_answer(now);
  if (snapshot.session.key) snapshot.outage = outage(now);
  snapshot.drops = state_.context.drops;
  for (const PathId id : state_.paths.all()) {
    const ClientPath& path = state_.paths[id];
    PathSnapshot& own = snapshot.paths.emplace_back();
    own.id = id;
    own.state = path.probed.state();
    own.standby = path.probed.is_standby();
    own.held = path.proof.is_held();
    own.returns = path.proof.has_returned();
    own.one_way = path.probed.one_way();
    own.seen_from = path.introduction.seen();
    own.overload = path.queue.overload();
    own.vanishing = state_.sender.marks().vanishing_on(id);
    own.share = state_.sender.share_of(id);
    own.rtt = path.probed.rtt();
    if (path.probed.last_answer()) own.last_heard = now - *path.probed.last_answer();
    own.silent = path.probed.silence(now);
    if (const PathTraffic* traffic = state_.link.traffic(id))
      own.set_traffic(*traffic, path.history, path.mtu, now);
  }
  return snapshot;
}

}  // namespace mptunnel
