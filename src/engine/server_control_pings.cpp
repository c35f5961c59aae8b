// PINGs: what ServerControl answers, challenges, and learns of paths by them.
#include "mptunnel/engine/server_parts.h"

namespace mptunnel {
namespace {

/// Grows with the key epoch and the packet number.
std::uint64_t order_of(const EpochRef& epoch, const ServerArrival& arrival) {
  return std::uint64_t{epoch.epoch->order()} << 32U | arrival.header.number.value;
}

/// What is answered to a report, whichever way it came.
PathReport answer_to(const PathReport& report, const EpochRef& epoch, const OverrunWatch& overrun,
                     TimePoint now) {
  PathReport answer = epoch.epoch->make_report(report.path, report.sequence, now);
  if (overrun.is_on(now)) answer.flags |= PathReport::kOverrun;
  return answer;
}

}  // namespace

void ServerControl::on_ping(EpochRef epoch, const PathReport& report, Reply& reply,
                            const ServerArrival& arrival) {
  if (report.path.value >= kMaxPaths) {
    state_.context.drops.add(Drop::path_limit);
    return;
  }
  ServerSession& session = *epoch.session;
  ServerPath* known = session.paths[report.path.value].get();
  if ((report.flags & PathReport::kByProxy) != 0) {
    if (known != nullptr) answer_proxy(epoch, *known, report, arrival);
    return;
  }
  ServerPath& path = known != nullptr ? *known : make_path(session, report.path, arrival);
  const auto round_trip = epoch.epoch->on_report(report, arrival.now);
  if (path.is_newest(order_of(epoch, arrival))) path.on_report(report, round_trip);
  answer_ping(epoch, path, report, false, reply, arrival);
}

void ServerControl::answer_proxy(EpochRef epoch, ServerPath& path, const PathReport& report,
                                 const ServerArrival& arrival) {
  path.on_proxy_report(report, order_of(epoch, arrival), arrival.now);
  if (!path.is_validated()) return;
  epoch.epoch->on_report_elsewhere(report);
  PathReport answer = answer_to(report, epoch, state_.context.overrun, arrival.now);
  answer.flags |= PathReport::kByProxy;
  epoch.session->sender.send_control(*epoch.epoch, {PongFrame{answer}}, PathSet::of(report.path), arrival.out,
                                     arrival.now);
}

void ServerControl::answer_ping(EpochRef epoch, ServerPath& path, const PathReport& report, bool is_copy,
                                Reply& reply, const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  const Route old_route = path.route();
  const auto verdict = path.on_ping({arrival.route, order_of(epoch, arrival), arrival.packet.size(), is_copy},
                                    kChallengeBytes, state_.context.random, arrival.now);
  if (verdict.answer) {
    PathReport answer = answer_to(report, epoch, state_.context.overrun, arrival.now);
    if (path.mtu.is_measured()) answer.mtu = static_cast<std::uint16_t>(path.mtu.mtu());
    reply.path = report.path;
    reply.is_direct = verdict.challenge && arrival.route != path.route();
    reply.is_by_any = !is_copy && (report.flags & PathReport::kByAnyPath) != 0;
    reply.frames.emplace_back(PongFrame{answer});
    const auto repaired = session.receiver.repair().report(*epoch.epoch);
    if (repaired && path.is_validated()) reply.frames.emplace_back(*repaired);
    if (verdict.challenge) reply.frames.emplace_back(ChallengeFrame{*verdict.challenge});
  }
  const auto challenge = [&](const std::optional<std::uint64_t>& token, const Route& route) {
    if (token)
      session.sender.send_control_to(route, *epoch.epoch, {ChallengeFrame{*token}}, arrival.out, arrival.now);
  };
  if (verdict.challenge_new) session.sender.keep_sent();
  challenge(verdict.challenge_old, old_route);
  challenge(verdict.challenge_new, arrival.route);
}

ServerPath& ServerControl::make_path(ServerSession& session, PathId id, const ServerArrival& arrival) {
  auto& path = session.paths[id.value];
  path = std::make_unique<ServerPath>(arrival.route, state_.context.random, arrival.now);
  session.strays.assign(id, arrival.route, std::nullopt);
  return *path;
}

}  // namespace mptunnel
