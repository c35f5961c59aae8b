// NAME and SEEN_FROM at the server.
#include "mptunnel/engine/server_parts.h"

namespace mptunnel {

void ServerControl::on_name(EpochRef epoch, const NameFrame& name, Reply& reply,
                            const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  if (name.path != kClientItself && name.path.value >= kMaxPaths) {
    state_.context.drops.add(Drop::path_limit);
    return;
  }
  session.names.set(name.path, name.text);
  if (name.path == kClientItself || !reply.answered.is_first(FrameType::name, state_.context.drops)) return;
  // An address that proves itself later is told then.
  const auto& path = session.paths[name.path.value];
  if (path != nullptr && path->is_validated()) tell_seen_from(epoch, name.path, arrival);
}

void ServerControl::tell_seen_from(EpochRef epoch, PathId path, const ServerArrival& arrival) {
  ServerSession& session = *epoch.session;
  if (!epoch.epoch->keys().peer_knows(FrameType::seen_from)) return;
  const SeenFromFrame seen{path, session.paths[path.value]->route().remote};
  session.sender.send_control(*epoch.epoch, {seen}, PathSet::of(path), arrival.out, arrival.now);
}

}  // namespace mptunnel
