#include "mptunnel/engine/server_session.h"

#include <algorithm>

namespace mptunnel {
namespace {

/// Two rekeys within kOldKeyOpensFor happen when a client restarts its handshake; more are a peer's mistake.
constexpr std::size_t kMaxEpochs = 4;

}  // namespace

PathMask ServerSession::data_paths(TimePoint now) const {
  PathMask mask = 0;
  if (superseded || dormant) return mask;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (paths[i] && paths[i]->carries_data(now)) mask |= PathMask{1} << i;
  }
  return mask;
}

std::optional<PathId> ServerSession::path_at(const Route& route) const {
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (paths[i] && paths[i]->route() == route) return PathId{static_cast<std::uint8_t>(i)};
  }
  return std::nullopt;
}

std::vector<SessionIndex> ServerSession::add_epoch(std::unique_ptr<KeyEpoch> keys, TimePoint now) {
  std::uint32_t order = 0;
  for (Epoch& epoch : epochs) {
    epoch.until = std::min(epoch.until, now + kOldKeyOpensFor);
    order = std::max(order, epoch.order + 1);
  }
  std::vector<SessionIndex> gone;
  if (epochs.size() >= kMaxEpochs) {
    gone.push_back(epochs.front().keys->local_index());
    epochs.erase(epochs.begin());
  }
  epochs.push_back({std::move(keys), order, kNever});
  return gone;
}

}  // namespace mptunnel
