#include "mptunnel/engine/client_introducing.h"

namespace mptunnel {
bool ClientIntroducing::has_name(const LinkEpoch& epoch, PathId path) const {
  return !state_.paths[path].name.empty() && epoch.keys().peer_knows(FrameType::name);
}

std::vector<Frame> ClientIntroducing::names_of(PathId path) const {
  std::vector<Frame> frames;
  if (!state_.name.empty()) frames.emplace_back(NameFrame{kClientItself, bytes_of(state_.name)});
  frames.emplace_back(NameFrame{path, bytes_of(state_.paths[path].name)});
  return frames;
}

std::vector<Frame> ClientIntroducing::names_for_echo(const LinkEpoch& epoch, PathId path, TimePoint now) {
  Introduction& introduction = state_.paths[path].introduction;
  if (!has_name(epoch, path) || introduction.is_answered(epoch.index())) return {};
  introduction.on_echo(epoch.index(), now);
  return names_of(path);
}

void ClientIntroducing::introduce(LinkEpoch& epoch, PathId path, Output& out, TimePoint now) {
  Introduction& introduction = state_.paths[path].introduction;
  if (!has_name(epoch, path) || !introduction.is_due(epoch.index(), now)) return;
  if (state_.sender.send_control(epoch, names_of(path), PathSet::of(path), out, now))
    introduction.on_sent(epoch.index(), now);
}

void ClientIntroducing::run(Output& out, TimePoint now) {
  LinkEpoch* epoch = state_.link.current();
  if (epoch == nullptr) return;
  for (const PathId path : state_.paths.all()) {
    if (state_.paths[path].is_of_use()) introduce(*epoch, path, out, now);
  }
}

void ClientIntroducing::on_seen(const LinkEpoch& epoch, const SeenFromFrame& seen) {
  if (state_.paths.contains(seen.path)) {
    state_.paths[seen.path].introduction.on_answer(epoch.index(), seen.address);
  } else {
    state_.context.drops.add(Drop::path_limit);
  }
}

}  // namespace mptunnel
