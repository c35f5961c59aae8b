#include <algorithm>

#include "mptunnel/engine/client_parts.h"
#include "mptunnel/engine/link/control_packet.h"

namespace mptunnel {
namespace {

std::uint16_t milliseconds_in_report(Duration interval) {
  return static_cast<std::uint16_t>(interval / 1ms);
}

}  // namespace

void ClientProber::probe(LinkEpoch& epoch, PathId path, const std::optional<Frame>& first, Output& out,
                         TimePoint now) {
  ClientPath& own = state_.paths[path];
  const bool moving = state_.activity.is_moving();
  PathReport report = epoch.make_report(path, own.probed.probe(moving, now), now);
  report.interval = milliseconds_in_report(own.probed.interval(moving));
  if (own.mtu.is_measured()) report.mtu = static_cast<std::uint16_t>(own.mtu.mtu());
  if (own.probed.is_standby()) report.flags |= PathReport::kStandby;
  if (own.probed.state() == PathState::down) report.flags |= PathReport::kUnheard;
  if (own.probed.traits().metered) report.flags |= PathReport::kMetered;
  if (&epoch == state_.link.next()) report.flags |= PathReport::kUncounted;
  std::vector<Frame> frames;
  if (first) frames.push_back(*first);
  frames.emplace_back(PingFrame{report});
  if (&epoch == state_.link.current() && !unanswered_since_) unanswered_since_ = now;
  const PacketNumber number{epoch.keys().control_sealed()};
  if (state_.sender.send_control(epoch, frames, PathSet::of(path), out, now, kProbeFrameBytes))
    state_.loops.on_sent(epoch.keys().remote_index(), number, path);
}

bool ClientProber::on_answer(LinkEpoch& epoch, PathId path, std::uint32_t sequence, Output& out,
                             TimePoint now) {
  ClientPath& own = state_.paths[path];
  const Duration silent = own.probed.silence(now);
  const std::uint32_t probes = own.probed.unanswered();
  const auto was = own.probed.answered(sequence, now);
  if (!was || *was == PathState::up) return false;
  if (own.mtu.is_off() && epoch.keys().peer_knows(FrameType::mtu_probe)) own.mtu.start(now);
  note_change(path, *was, silent, probes, out);
  update_standby(out, now);
  return true;
}

void ClientProber::run(Output& out, TimePoint now) {
  const bool moving = state_.activity.is_moving();
  bool changed = now >= state_.paths.next_rest();
  for (const PathId id : state_.paths.all()) {
    ClientPath& path = state_.paths[id];
    const PathState was = path.probed.state();
    if (path.probed.update(now)) {
      note_change(id, was, path.probed.silence(now), path.probed.unanswered(), out);
      changed = true;
    }
    if (now >= path.probed.next_probe(moving)) probe(*state_.link.current(), id, std::nullopt, out, now);
    if (now >= path.next_mtu_probe(moving)) {
      const auto patience = MtuSearch::Patience::of(path.probed.rtt(), path.probed.answer_share());
      state_.sender.send_mtu_probe(id, path.mtu, patience, moving, out, now);
    }
  }
  if (changed) update_standby(out, now);
}

TimePoint ClientProber::deadline() const {
  const bool moving = state_.activity.is_moving();
  TimePoint first = state_.paths.next_rest();
  for (const PathId id : state_.paths.available()) {
    const ClientPath& path = state_.paths[id];
    first = std::min(
        {first, path.probed.next_probe(moving), path.probed.next_change(), path.next_mtu_probe(moving)});
  }
  return first;
}

void ClientProber::update_standby(Output& out, TimePoint now) {
  for (const PathId path : state_.paths.update_standby(now)) {
    out.events.emplace_back(PathStandby{path, state_.paths[path].probed.is_standby()});
    if (LinkEpoch* epoch = state_.link.current()) probe(*epoch, path, std::nullopt, out, now);
  }
}

void ClientProber::note_change(PathId path, PathState was, Duration silent, std::uint32_t probes,
                               Output& out) const {
  const ProbedPath& probed = state_.paths[path].probed;
  out.events.emplace_back(PathChanged{path, was, probed.state(), probed.rtt().latest(), silent, probes});
}

}  // namespace mptunnel
