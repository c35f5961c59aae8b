#include <algorithm>
#include <utility>

#include "mptunnel/engine/server_parts.h"

namespace mptunnel {

void ServerTimers::run(Output& out, TimePoint now) {
  if (now >= state_.alarm.later) send_later(out, now);
  if (now >= state_.alarm.mtu) send_mtu_probes(out, now);
  if (now >= state_.alarm.marks) check_marks(out, now);
  if (now < state_.alarm.tick) return;
  state_.alarm.tick = kNever;
  state_.pending.expire(now);
  end_silent_sessions(out, now);
  for (const auto& [handle, session] : state_.table.all()) tick(*session, out, now);
  if (!state_.table.all().empty() || !state_.pending.empty()) state_.alarm.wake_by(now + kServerTick);
}

void ServerTimers::end_silent_sessions(Output& out, TimePoint now) {
  std::vector<SessionHandle> over;
  for (const auto& [handle, session] : state_.table.all()) {
    const bool is_left = session->superseded && now - *session->superseded >= kSupersededLife;
    const bool is_unproved = !session->is_proved && now - session->unsettled_since >= kUnprovedLife;
    if (now - session->last_heard >= kSessionLife || is_left || is_unproved) over.push_back(handle);
  }
  for (const SessionHandle handle : over) state_.end_session(handle, std::nullopt, out);
}

void ServerTimers::tick(ServerSession& session, Output& out, TimePoint now) {
  session.sender.expire(now);
  state_.table.expire_epochs(session, now);
  session.current().keys().age(now);
  std::vector<FlowHandle> closed;
  session.flows.expire(closed, now);
  state_.table.close_flows(closed, out);
  if (session.sender.is_due(now)) outbound_.flush(session, out, now);
  if (session.sender.has_waiting()) state_.alarm.wake_by(session.sender.wake_by(now));
  // A client that announced to be heard seldom is waited for.
  Duration longest{};
  for (const PathId id : session.all_paths())
    longest = std::max(longest, session.paths[id.value]->interval());
  if (std::exchange(session.is_over_rate, false))
    out.events.emplace_back(ClientQuotaReached{session.ref(), Drop::key_rate});
  session.dormant = now - session.last_heard >= std::max<Duration>(kDormantAfter, 3 * longest);
  session.receiver.expire(now);
  session.stream.sample(session.link, session.sender, now);
  tick_paths(session, out, now);
  if (const auto event = session.sender.check_fragmenting(session.views(now), now))
    out.events.emplace_back(ClientFragmenting{session.ref(event->path), *event});
}

void ServerTimers::tick_paths(ServerSession& session, Output& out, TimePoint now) {
  for (const PathId id : session.all_paths()) {
    ServerPath& path = *session.paths[id.value];
    const bool is_given_up =
        now - path.last_heard() >= std::max<Duration>(kForgetPathAfter, 3 * path.interval());
    if (is_given_up && !session.carrying(now).empty()) {
      session.paths[id.value].reset();
      session.sender.set_delay(id, {});
      session.sender.forget(id);
      continue;
    }
    note_path_state(session, id, out, now);
    note_losses(session, id, out, now);
    path.history.sample(*session.link.traffic(id), now);
    state_.alarm.wake_for_mtu(session, path, now);
  }
}

void ServerTimers::note_path_state(const ServerSession& session, PathId id, Output& out, TimePoint now) {
  ServerPath& path = *session.paths[id.value];
  const PathState state = path.state(now);
  if (state == path.told || session.dormant || session.superseded) return;
  out.events.emplace_back(ClientPathChanged{session.ref(id), id, path.told, state, path.rtt().smoothed(),
                                            now - path.last_heard(), path.is_unheard(), path.route()});
  path.told = state;
}

void ServerTimers::note_losses(const ServerSession& session, PathId id, Output& out, TimePoint now) {
  ServerPath& path = *session.paths[id.value];
  const PathState state = path.state(now);
  const bool is_up = state == PathState::up || state == PathState::suspect;
  const LossWatch::Verdicts news = path.losses.update(is_up, *session.link.traffic(id), now);
  for (const Direction direction : {Direction::out, Direction::in}) {
    if (const auto& found = news[static_cast<std::size_t>(direction)])
      out.events.emplace_back(
          ClientPathLossy{session.ref(id), {id, direction, found->share, found->over}, path.route()});
  }
  if (const auto found = path.queue.update(is_up, *session.link.traffic(id), now)) {
    out.events.emplace_back(ClientPathOverloaded{
        session.ref(id), {id, found->what.share, found->what.rate_bps, found->over}, path.route()});
  }
}

void ServerTimers::check_marks(Output& out, TimePoint now) {
  state_.alarm.marks = kNever;
  for (const auto& [handle, session] : state_.table.all()) {
    if (now >= session->sender.marks().deadline()) {
      for (const MarkWatch::News& news :
           session->sender.check_marks(session->views(now), session->slowest_rtt(now), out, now)) {
        out.events.emplace_back(ClientPathMark{session->ref(news.path),
                                               {news.path, news.dscp, news.passes},
                                               session->paths[news.path.value]->route()});
      }
    }
    state_.alarm.wake_for_sender(*session);
  }
  if (state_.alarm.marks != kNever) state_.alarm.marks = std::max(state_.alarm.marks, now + kMtuTick);
}

void ServerTimers::send_later(Output& out, TimePoint now) {
  ServerAlarm& alarm = state_.alarm;
  alarm.later = kNever;
  alarm.released = now;
  for (const SessionHandle handle : std::exchange(alarm.awaited, {})) {
    ServerSession* const session = state_.table.find(handle);
    if (session == nullptr) continue;
    session->is_awaited = false;
    Sender& sender = session->sender;
    if (now >= sender.next_delayed()) {
      // A path may have gone, or begun anew and proved nothing yet, or lead over a tunnel by now.
      const PathSet live = session->superseded ? PathSet{} : session->open_to_data(now);
      sender.release_delayed(live, out, now);
    }
    session->receiver.order().release_due(out, now);
    if (now >= sender.repair().deadline())
      outbound_.note_large(*session, sender.send_due_repairs(session->views(now), out, now), now);
    if (sender.is_due(now)) outbound_.flush(*session, out, now);
    outbound_.acknowledge(*session, out, now);
    alarm.wake_for_sender(*session);
    alarm.wake_for_order(*session);
  }
}

void ServerTimers::send_mtu_probes(Output& out, TimePoint now) {
  ServerAlarm& alarm = state_.alarm;
  alarm.mtu = kNever;
  for (const auto& [handle, session] : state_.table.all()) {
    if (!session->link.can_seal(now)) continue;
    for (const PathId id : session->all_paths()) {
      ServerPath& path = *session->paths[id.value];
      if (now >= session->next_mtu_probe(path, now)) {
        const auto patience = MtuSearch::Patience::of(path.rtt(), path.answer_share());
        session->sender.send_mtu_probe(id, path.mtu, patience, session->is_moving(now), out, now);
      }
      alarm.wake_for_mtu(*session, path, now);
    }
  }
  if (alarm.mtu != kNever) alarm.mtu = std::max(alarm.mtu, now + kMtuTick);
}

}  // namespace mptunnel
