#include "mptunnel/engine/client_introducing.h"

#include <string_view>
#include <vector>

namespace mptunnel {
namespace {

ConstBytes name_to_send(std::string_view name) {
  return bytes_of(name.substr(0, kMaxNameBytes));
}

}  // namespace

void ClientIntroducing::introduce(LinkEpoch& epoch, PathId path, Output& out, TimePoint now) {
  ClientPath& own = state_.paths[path];
  const KeyEpoch& keys = epoch.keys();
  if (own.name.empty() || own.proof.is_held() || !keys.peer_knows(FrameType::name) ||
      !own.introduction.is_due(epoch.index(), now))
    return;
  std::vector<Frame> frames;
  if (!state_.name.empty()) frames.emplace_back(NameFrame{kClientItself, name_to_send(state_.name)});
  frames.emplace_back(NameFrame{path, name_to_send(own.name)});
  if (state_.sender.send_control(epoch, frames, PathSet::of(path), out, now))
    own.introduction.on_sent(epoch.index(), now);
}

void ClientIntroducing::run(Output& out, TimePoint now) {
  LinkEpoch* epoch = state_.link.current();
  if (epoch == nullptr) return;
  for (const PathId path : state_.paths.all()) {
    if (state_.paths[path].is_of_use()) introduce(*epoch, path, out, now);
  }
}

void ClientIntroducing::on_seen(const SeenFromFrame& seen) {
  if (state_.paths.contains(seen.path)) {
    state_.paths[seen.path].introduction.on_answer(seen.address);
  } else {
    state_.context.drops.add(Drop::path_limit);
  }
}

}  // namespace mptunnel
