#include "mptunnel/engine/peer_names.h"

#include <algorithm>

#include "mptunnel/base/assert.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

void PeerNames::set(PathId path, ConstBytes text) {
  MPT_ASSERT(path.value < kMaxPaths || path == kClientItself);
  std::string& name = names_[path.value];
  name.clear();
  for (const std::uint8_t byte : text) name += byte > ' ' && byte < 0x7f ? static_cast<char>(byte) : '?';
}

void PeerNames::take_client(const PeerNames& former) {
  const auto known = former.names_.find(kClientItself.value);
  if (known != former.names_.end()) names_.insert(*known);
}

std::string PeerNames::of(PathId path) const {
  const auto found = names_.find(path.value);
  return found == names_.end() ? std::string() : found->second;
}

}  // namespace mptunnel
