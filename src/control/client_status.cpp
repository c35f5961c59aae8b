#include "mptunnel/control/client_status.h"

#include <fmt/format.h>

#include "status_values.h"

namespace mptunnel {
namespace {

SessionStatus session_status(const ClientSources& client, TimePoint now) {
  const ClientEngine& engine = client.engine;
  SessionStatus session;
  session.encrypted = client.encrypts;
  session.has_key = client.has_key;
  session.flows = engine.flows();
  session.datagrams_in = engine.datagrams_in();
  session.datagrams_out = engine.datagrams_out();
  session.duplicates_dropped = engine.drops()[Drop::copy];
  if (const KeyEpoch* epoch = engine.epoch()) {
    session.state = SessionState::established;
    session.cipher = name_of(epoch->cipher());
    session.key_age = now - epoch->created();
    if (engine.session_since()) session.age = now - *engine.session_since();
    session.residual_loss_out = engine.data_out().loss();
    session.residual_loss_in = engine.data_in().loss();
  }
  session.fragmented = engine.fragmented();
  session.largest_whole = engine.largest_whole(now);
  return session;
}

std::string problem_of(const Bridge& bridge, const ProbedPath& path, bool has_session, TimePoint now) {
  const bool is_fine = bridge.socket() != nullptr && path.state() == PathState::up;
  if (!bridge.problem().empty() && !is_fine) return bridge.problem();
  if (bridge.socket() == nullptr) return "its name is being looked up";
  if (!has_session) return "no session with mpserver yet";
  if (path.state() == PathState::down || path.state() == PathState::suspect) {
    return fmt::format("sent for {:.1f} s, nothing came back", seconds_of(path.silence(now)));
  }
  return path.state() == PathState::fresh ? "no answer yet" : "";
}

PathStatus path_status(const Bridge& bridge, const ClientEngine& engine, TimePoint now) {
  const PathId id = bridge.id();
  const ClientPath& path = engine.client_path(id);
  PathStatus status;
  status.id = id.value;
  status.name = bridge.name();
  status.state = path.probed.state();
  status.standby = path.probed.is_standby();
  status.remote = text_of(bridge.remote());
  status.device = bridge.device();
  status.rtt = rtt_status(path.probed.rtt());
  if (path.probed.last_answer()) status.last_answer = now - *path.probed.last_answer();
  if (bridge.socket() != nullptr) {
    status.local = text_of(bridge.socket()->local_endpoint());
  } else {
    status.state = PathState::down;
  }
  if (const PathTraffic* traffic = engine.traffic(id))
    add_traffic(status, *traffic, path.history, path.mtu, now);
  status.problem = problem_of(bridge, path.probed, engine.has_session(), now);
  if (status.problem.empty()) status.problem = loss_problem(status);
  return status;
}

}  // namespace

Status collect_status(const ClientSources& client, TimePoint now) {
  const ClientEngine& engine = client.engine;
  Status status;
  status.uptime = now - client.started;
  for (const ListenAddress& address : client.config.listen)
    status.listen.push_back(address.endpoint.to_string());
  status.session = session_status(client, now);
  client.bridges.for_each(
      [&](const Bridge& bridge) { status.paths.push_back(path_status(bridge, engine, now)); });
  status.problems = client.bridges.problems();
  if (auto problem = fragment_problem(status.session, engine.fragment_share()); !problem.empty())
    status.problems.push_back(std::move(problem));
  status.drops = sum_of(engine.drops(), client.drops);
  return status;
}

}  // namespace mptunnel
