#include "mptunnel/control/client_status.h"

#include <fmt/format.h>

#include "status_values.h"

namespace mptunnel {
namespace {

SessionStatus session_status(const SessionSnapshot& snapshot, const ClientSources& client) {
  SessionStatus session = session_values(snapshot);
  session.encrypted = client.encrypts;
  session.has_key = client.has_key;
  return session;
}

std::string problem_of(const Bridge& bridge, const PathSnapshot& path, bool has_session) {
  const bool is_fine = bridge.socket() != nullptr && path.state == PathState::up;
  if (!bridge.problem().empty() && !is_fine) return bridge.problem();
  if (bridge.socket() == nullptr) return "its name is being looked up";
  if (!has_session) return "no session with mpserver yet";
  if (path.state == PathState::down || path.state == PathState::suspect) {
    return fmt::format("sent for {:.1f} s, nothing came back", seconds_of(path.silent));
  }
  return path.state == PathState::fresh ? "no answer yet" : "";
}

PathStatus path_status(const Bridge& bridge, const PathSnapshot& path, bool has_session) {
  PathStatus status = path_values(path);
  status.name = bridge.name();
  status.remote = text_of(bridge.remote());
  status.device = bridge.device();
  if (bridge.socket() != nullptr) {
    status.local = text_of(bridge.socket()->local_endpoint());
  } else {
    status.state = PathState::down;
  }
  status.problem = problem_of(bridge, path, has_session);
  if (status.problem.empty()) status.problem = loss_problem(status);
  return status;
}

}  // namespace

Status collect_status(const ClientSources& client, TimePoint now) {
  const ClientSnapshot snapshot = client.engine.snapshot(now);
  const bool has_session = snapshot.session.key.has_value();
  Status status;
  status.uptime = now - client.started;
  for (const ListenAddress& address : client.config.listen)
    status.listen.push_back(address.endpoint.to_string());
  status.session = session_status(snapshot.session, client);
  client.bridges.for_each([&](const Bridge& bridge) {
    status.paths.push_back(path_status(bridge, snapshot.paths.at(bridge.id().value), has_session));
  });
  status.problems = client.bridges.problems();
  if (auto problem = fragment_problem(status.session, snapshot.session.fragment_share); !problem.empty())
    status.problems.push_back(std::move(problem));
  status.drops = sum_of(snapshot.drops, client.drops);
  return status;
}

}  // namespace mptunnel
