#include "mptunnel/control/server_status.h"

#include <fmt/format.h>

#include "mptunnel/control/event_log.h"
#include "status_values.h"

namespace mptunnel {
namespace {

std::string problem_of(const PathStatus& status, const PathSnapshot& path) {
  if (path.unheard) return "the client hears nothing on it";
  if (path.state == PathState::down || path.state == PathState::suspect)
    return fmt::format("no probe came for {:.1f} s", seconds_of(path.last_heard.value_or(Duration{})));
  if (path.state == PathState::fresh) return "its address has not proved yet that it hears us";
  return loss_problem(status);
}

PathStatus path_status(const PathSnapshot& path) {
  PathStatus status = path_values(path);
  status.name = fmt::format("path {}", path.id.value);
  status.remote = text_of(path.route.remote);
  status.local = text_of(path.route.local);
  status.problem = problem_of(status, path);
  return status;
}

ClientStatus client_status(const PeerSnapshot& client, bool has_key) {
  ClientStatus status;
  status.client = client_name(client.identity);
  status.session = session_values(client.session);
  if (client.dormant) status.session.state = SessionState::dormant;
  status.session.encrypted = client.session.key && client.session.key->cipher != Cipher::none;
  status.session.has_key = has_key;
  for (const PathSnapshot& path : client.paths) status.paths.push_back(path_status(path));
  return status;
}

}  // namespace

Status collect_status(const ServerSources& server, TimePoint now) {
  const ServerSnapshot snapshot = server.engine.snapshot(now);
  Status status;
  status.is_server = true;
  status.uptime = now - server.started;
  for (const ListenAddress& address : server.config.listen)
    status.listen.push_back(address.endpoint.to_string());
  status.target = to_string(server.config.target);
  for (const PeerSnapshot& client : snapshot.peers) {
    const ClientStatus& own = status.clients.emplace_back(client_status(client, server.has_key));
    const auto problem = fragment_problem(own.session, client.session.fragment_share);
    if (!problem.empty()) status.problems.push_back(fmt::format("client {}: {}", own.client, problem));
  }
  status.drops = sum_of(snapshot.drops, server.drops);
  return status;
}

}  // namespace mptunnel
