// Tells the server what the client and its paths are called, and keeps what the server sees of them.
#pragma once

#include <vector>

#include "mptunnel/engine/client_state.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

class ClientIntroducing {
 public:
  /// `state` outlives the object.
  explicit ClientIntroducing(ClientState& state) : state_(state) {}

  /// NAMEs to stand before an ECHO of this path under this key: none if the server has answered them, or the
  /// path has no name. They are valid as long as the names are. So no ECHO arrives without the name.
  std::vector<Frame> names_for_echo(const LinkEpoch& epoch, PathId path, TimePoint now);
  /// To be called once a second: sends what is due for all paths that are up.
  void run(Output& out, TimePoint now);
  /// SEEN_FROM came under this key.
  void on_seen(const LinkEpoch& epoch, const SeenFromFrame& seen);

 private:
  /// Whether the path has a name that may be said under this key.
  [[nodiscard]] bool has_name(const LinkEpoch& epoch, PathId path) const;
  [[nodiscard]] std::vector<Frame> names_of(PathId path) const;
  /// Sends NAME for this path under this key, if the server does not know it yet.
  void introduce(LinkEpoch& epoch, PathId path, Output& out, TimePoint now);

  ClientState& state_;
};

}  // namespace mptunnel
