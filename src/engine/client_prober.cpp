#include <algorithm>
#include <utility>

#include "mptunnel/engine/client_parts.h"
#include "mptunnel/engine/link/control_packet.h"

namespace mptunnel {
namespace {

std::uint16_t milliseconds_in_report(Duration interval) {
  return static_cast<std::uint16_t>(interval / 1ms);
}

/// How much later the server's copies for this path are to leave, too; nullopt if there is nothing to say. It
/// goes with each PING, in place of padding: so no server is without it for long.
std::optional<DelayFrame> delay_to_tell(const ClientState& state, const LinkEpoch& epoch, PathId path) {
  const ClientPath& own = state.paths[path];
  const Duration delay = own.probed.traits().delay;
  const bool is_told = (delay > Duration{} || own.was_delayed) && &epoch == state.link.current();
  if (!is_told || !epoch.keys().peer_knows(FrameType::delay)) return std::nullopt;
  return DelayFrame{path, milliseconds_in_report(delay)};
}

/// DATA that the path brought first shows that it passes inwards, if it is sealed. Returns whether that
/// changed its state.
bool note_data(ClientState& state, PathId id, TimePoint now) {
  const PathTraffic* traffic = state.link.traffic(id);
  ClientPath& path = state.paths[id];
  const std::uint64_t first = traffic == nullptr ? 0 : traffic->first;
  const bool is_news = std::exchange(path.first_seen, first) < first;
  return is_news && !state.link.current()->keys().is_clear() && path.probed.passed_in(now);
}

}  // namespace

void ClientProber::probe(LinkEpoch& epoch, PathId path, std::vector<Frame> frames, Output& out,
                         TimePoint now) {
  ClientPath& own = state_.paths[path];
  const bool moving = state_.activity.is_busy();
  PathReport report = epoch.make_report(path, own.probed.probe(moving, now), now);
  report.interval = milliseconds_in_report(own.probed.interval(moving));
  if (own.mtu.is_measured()) report.mtu = static_cast<std::uint16_t>(own.mtu.mtu());
  if (own.probed.is_standby()) report.flags |= PathReport::kStandby;
  if (own.proof.is_held()) report.flags |= PathReport::kStandby | PathReport::kHeld;
  const bool passes_out_alone = own.probed.one_way() == ProbedPath::OneWay::out;
  if (own.probed.state() == PathState::down || passes_out_alone) report.flags |= PathReport::kUnheard;
  const bool asks_others = own.probed.wants_help() && &epoch == state_.link.current() && now >= own.next_help;
  if (asks_others) report.flags |= PathReport::kByAnyPath;
  if (own.probed.traits().metered) report.flags |= PathReport::kMetered;
  if (state_.context.overrun.is_on(now)) report.flags |= PathReport::kOverrun;
  if (&epoch == state_.link.next()) report.flags |= PathReport::kUncounted;
  frames.emplace_back(PingFrame{report});
  if (const auto delay = delay_to_tell(state_, epoch, path)) frames.emplace_back(*delay);
  if (const auto repaired = state_.receiver.repair().report(epoch)) frames.emplace_back(*repaired);
  if (&epoch == state_.link.current() && !unanswered_since_) unanswered_since_ = now;
  const PacketNumber number{epoch.keys().control_sealed()};
  const bool is_held = own.proof.is_held();
  const std::size_t least = kProbeFrameBytes + (is_held ? own.proof.padding(state_.context.random) : 0);
  const std::size_t before = out.arena.size();
  if (state_.sender.send_control(epoch, frames, PathSet::of(path), out, now, least))
    state_.loops.on_sent(epoch.keys().remote_index(), number, path);
  if (is_held) own.proof.on_probe(report.sequence, out.arena.size() - before, now);
  if (!asks_others) return;
  const bool is_idle = own.probed.state() == PathState::down && !moving;
  own.next_help = now + (is_idle ? Duration{kHelpWhileDownAndIdle} : Duration{kProbeWhileMoving});
  probe_by_proxy(epoch, path, report, out, now);
}

void ClientProber::probe_by_proxy(LinkEpoch& epoch, PathId path, PathReport report, Output& out,
                                  TimePoint now) {
  report.flags |= PathReport::kByProxy;
  state_.sender.send_control(epoch, {PingFrame{report}}, state_.paths.carrying(now) - PathSet::of(path), out,
                             now, kProbeFrameBytes);
}

void ClientProber::tell_server(PathId path, Output& out, TimePoint now) {
  LinkEpoch* epoch = state_.link.current();
  if (epoch != nullptr && state_.paths[path].probed.is_available()) probe(*epoch, path, {}, out, now);
}

void ClientProber::tell_gone(PathId path, Output& out, TimePoint now) {
  LinkEpoch* epoch = state_.link.current();
  ClientPath& own = state_.paths[path];
  if (own.gone_to_tell == 0 || epoch == nullptr || !epoch->keys().is_usable(now)) return;
  --own.gone_to_tell;
  PathReport report = epoch->make_report(path, 0, now);
  report.interval = milliseconds_in_report(own.probed.interval(false));
  report.flags |= PathReport::kUnheard;
  if (own.probed.traits().metered) report.flags |= PathReport::kMetered;
  probe_by_proxy(*epoch, path, report, out, now);
}

bool ClientProber::judge_tunnel(PathId path, std::uint32_t sequence, Output& out, TimePoint now) {
  const TunnelProof::Verdict verdict = state_.paths[path].proof.on_answer(sequence, now);
  if (verdict == TunnelProof::Verdict::returns) out.events.emplace_back(PathReturns{path});
  if (verdict != TunnelProof::Verdict::proved) return false;
  state_.is_proving = !state_.paths.held().empty();
  out.events.emplace_back(PathProved{path});
  return true;
}

bool ClientProber::on_answer(LinkEpoch& epoch, PathId path, std::uint32_t sequence, Output& out,
                             TimePoint now) {
  ClientPath& own = state_.paths[path];
  const Duration silent = own.probed.silence(now);
  const std::uint32_t probes = own.probed.unanswered();
  const auto was = own.probed.answered(sequence, now);
  if (!was) return false;
  const bool is_proved = judge_tunnel(path, sequence, out, now);
  if (is_proved) tell_server(path, out, now);
  if (*was == PathState::up) {
    if (is_proved) update_standby(out, now);
    return is_proved;
  }
  if (own.mtu.is_off() && epoch.keys().peer_knows(FrameType::mtu_probe)) own.mtu.start(now);
  const bool was_told_down = std::exchange(own.is_told_down, false);
  note_change(path, was_told_down ? PathState::down : *was, silent, probes, out);
  update_standby(out, now);
  return true;
}

void ClientProber::run(Output& out, TimePoint now) {
  const bool moving = state_.activity.is_busy();
  const auto sent = state_.activity.last_application();
  bool changed = now >= state_.paths.next_rest();
  for (const PathId id : state_.paths.all()) {
    ClientPath& path = state_.paths[id];
    changed = note_data(state_, id, now) || changed;
    const PathState was = path.probed.state();
    if (path.probed.update(now)) {
      note_silence(id, was, out, now);
      changed = true;
    }
    if (now >= path.next_probe(moving, sent)) probe(*state_.link.current(), id, {}, out, now);
    if (now >= path.next_mtu_probe(moving)) {
      const auto patience = MtuSearch::Patience::of(path.probed.rtt(), path.probed.answer_share());
      state_.sender.send_mtu_probe(id, path.mtu, patience, moving, out, now);
    }
  }
  if (changed) update_standby(out, now);
}

TimePoint ClientProber::deadline() const {
  const bool moving = state_.activity.is_busy();
  const auto sent = state_.activity.last_application();
  TimePoint first = state_.paths.next_rest();
  for (const PathId id : state_.paths.available()) {
    const ClientPath& path = state_.paths[id];
    first = std::min(
        {first, path.next_probe(moving, sent), path.probed.next_change(), path.next_mtu_probe(moving)});
  }
  return first;
}

void ClientProber::update_standby(Output& out, TimePoint now) {
  for (const PathId path : state_.paths.update_standby(now)) {
    out.events.emplace_back(PathStandby{path, state_.paths[path].probed.is_standby()});
    if (LinkEpoch* epoch = state_.link.current()) probe(*epoch, path, {}, out, now);
  }
}

void ClientProber::note_silence(PathId id, PathState was, Output& out, TimePoint now) {
  ClientPath& path = state_.paths[id];
  if (path.probed.one_way() != ProbedPath::OneWay::no) {
    out.events.emplace_back(PathOneWay{id, path.probed.one_way() == ProbedPath::OneWay::out});
    path.is_told_down = false;
    return;
  }
  // One that gave a sign of life, and no other, is no news.
  if (std::exchange(path.is_told_down, path.probed.state() == PathState::down)) return;
  note_change(id, was, path.probed.silence(now), path.probed.unanswered(), out);
}

void ClientProber::note_change(PathId path, PathState was, Duration silent, std::uint32_t probes,
                               Output& out) const {
  const ProbedPath& probed = state_.paths[path].probed;
  out.events.emplace_back(PathChanged{path, was, probed.state(), probed.rtt().latest(), silent, probes});
}

}  // namespace mptunnel
