#include "mptunnel/ports/application_table.h"

#include "mptunnel/crypto/kdf.h"
#include "mptunnel/engine/inner_flow.h"

namespace mptunnel {

FlowSource ApplicationTable::use(const Route& application) {
  const auto known = by_address_.find(application.remote);
  if (known != by_address_.end()) {
    known->second.route.local = application.local;
    return known->second.source;
  }
  while (is_tun(FlowHandle{next_handle_}) || by_handle_.contains(FlowHandle{next_handle_})) ++next_handle_;
  const FlowSource source{FlowHandle{next_handle_++}, derive_flow_hash(identity_, application.remote)};
  const auto made = by_address_.emplace(application.remote, Application{source, application}).first;
  by_handle_.emplace(source.handle, &made->second);
  return source;
}

const Route* ApplicationTable::find(FlowHandle source) const {
  const auto found = by_handle_.find(source);
  return found == by_handle_.end() ? nullptr : &found->second->route;
}

void ApplicationTable::follow(Output& out) {
  for (const FlowChange& change : out.flow_changes) {
    const auto found = by_handle_.find(change.flow);
    if (found == by_handle_.end()) continue;
    const Endpoint address = found->second->route.remote;
    by_handle_.erase(found);
    by_address_.erase(address);
  }
  out.flow_changes.clear();
}

}  // namespace mptunnel
