// What a client calls itself and its paths, as the server keeps it: one word each of printable ASCII.
#pragma once

#include <map>
#include <string>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/ids.h"
#include "mptunnel/base/path_set.h"

namespace mptunnel {

class PeerNames {
 public:
  /// `path` is below kMaxPaths or kClientItself, and `text` as NAME has it. '?' stands for what is no visible
  /// ASCII.
  void set(PathId path, ConstBytes text);
  /// What the client was called so far, and nothing of its paths.
  void take_client(const PeerNames& former);
  [[nodiscard]] bool knows(PathId path) const { return names_.contains(path.value); }
  /// Empty if the client did not say.
  [[nodiscard]] std::string of(PathId path) const;

 private:
  std::map<std::uint8_t, std::string> names_;  ///< at most kMaxPaths and one
};

}  // namespace mptunnel
