// The applications at mpclient, as sources of datagrams: the engine knows a handle and a hash, this table the
// address. It has an entry for each flow of the engine, which has the limit: see follow().
#pragma once

#include <unordered_map>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/engine/output.h"
#include "mptunnel/session/flows.h"
#include "mptunnel/wire/frame.h"

namespace mptunnel {

class ApplicationTable {
 public:
  explicit ApplicationTable(const ClientIdentity& identity) : identity_(identity) {}

  /// The source of a datagram that came by this route, made if there is none yet. Replies leave from the
  /// address that the last datagram was sent to.
  FlowSource use(const Route& application);
  /// Where replies go, and from where; null if the source was forgotten.
  [[nodiscard]] const Route* find(FlowHandle source) const;
  /// Forgets the sources whose flows have ended, and takes these changes out of `out`. To be called after
  /// each call of the engine that may end flows, and before the next use(): a handle must not outlive its
  /// flow.
  void follow(Output& out);
  [[nodiscard]] std::size_t size() const { return by_address_.size(); }

 private:
  struct Application {
    FlowSource source;
    Route route;
  };

  ClientIdentity identity_;
  std::unordered_map<Endpoint, Application> by_address_;
  std::unordered_map<FlowHandle, const Application*> by_handle_;  ///< into by_address_, whose elements stay
  std::uint32_t next_handle_ = 0;
};

}  // namespace mptunnel
