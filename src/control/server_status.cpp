#include "mptunnel/control/server_status.h"

#include <fmt/format.h>

#include "mptunnel/control/event_log.h"
#include "status_values.h"

namespace mptunnel {
namespace {

SessionStatus session_status(const ServerSession& client, bool has_key, TimePoint now) {
  const KeyEpoch& keys = client.sealing();
  SessionStatus session;
  session.state = client.dormant ? SessionState::dormant : SessionState::established;
  session.cipher = name_of(keys.cipher());
  session.encrypted = !keys.is_clear();
  session.has_key = has_key;
  session.key_age = now - keys.created();
  session.flows = client.flows.size();
  session.datagrams_in = client.datagrams_out;
  session.datagrams_out = client.datagrams_in;
  for (const PathTraffic& path : *keys.paths()) session.duplicates_dropped += path.duplicates;
  session.age = now - client.started;
  session.residual_loss_out = client.data_out().loss();
  session.residual_loss_in = client.data_in().loss();
  session.fragmented = client.sender.watch().fragmented();
  if (const Carriers carriers = client.carriers(now); !carriers.paths.empty())
    session.largest_whole = carriers.largest_payload(keys);
  return session;
}

PathStatus path_status(PathId id, const ServerPath& path, const PathTraffic& traffic, TimePoint now) {
  PathStatus status;
  status.id = id.value;
  status.name = fmt::format("path {}", id.value);
  status.state = path.state(now);
  status.standby = path.is_standby();
  status.remote = text_of(path.route().remote);
  status.local = text_of(path.route().local);
  status.rtt = rtt_status(path.rtt());
  status.last_answer = now - path.last_heard();
  add_traffic(status, traffic, path.history, path.mtu, now);
  if (path.is_unheard()) {
    status.problem = "the client hears nothing on it";
  } else if (status.state == PathState::down || status.state == PathState::suspect) {
    status.problem = fmt::format("no probe came for {:.1f} s", seconds_of(*status.last_answer));
  } else if (status.state == PathState::fresh) {
    status.problem = "its address has not proved yet that it hears us";
  } else {
    status.problem = loss_problem(status);
  }
  return status;
}

ClientStatus client_status(const ServerSession& client, bool has_key, TimePoint now) {
  ClientStatus status;
  status.client = client_name(client.identity);
  status.session = session_status(client, has_key, now);
  for (std::size_t i = 0; i < client.paths.size(); ++i) {
    if (client.paths[i] == nullptr) continue;
    const PathId id{static_cast<std::uint8_t>(i)};
    status.paths.push_back(path_status(id, *client.paths[i], client.sealing().path(id), now));
  }
  return status;
}

}  // namespace

Status collect_status(const ServerSources& server, TimePoint now) {
  Status status;
  status.is_server = true;
  status.uptime = now - server.started;
  for (const ListenAddress& address : server.config.listen)
    status.listen.push_back(address.endpoint.to_string());
  status.target = to_string(server.config.target);
  for (const auto& [handle, client] : server.engine.sessions()) {
    status.clients.push_back(client_status(*client, server.has_key, now));
    const auto problem =
        fragment_problem(status.clients.back().session, client->sender.watch().recent_share());
    if (!problem.empty())
      status.problems.push_back(fmt::format("client {}: {}", status.clients.back().client, problem));
  }
  status.drops = sum_of(server.engine.drops(), server.drops);
  return status;
}

}  // namespace mptunnel
