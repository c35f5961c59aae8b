// Tells the server what the client and its paths are called, and keeps what the server sees of them.
#pragma once

#include "mptunnel/engine/client_state.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

class ClientIntroducing {
 public:
  /// `state` outlives the object.
  explicit ClientIntroducing(ClientState& state) : state_(state) {}

  /// Sends NAME for this path under this key, if the path has a name and the server does not know it yet.
  void introduce(LinkEpoch& epoch, PathId path, Output& out, TimePoint now);
  /// To be called once a second: sends what is due for all paths that are up.
  void run(Output& out, TimePoint now);
  /// SEEN_FROM came.
  void on_seen(const SeenFromFrame& seen);

 private:
  ClientState& state_;
};

}  // namespace mptunnel
