#include "support/bridge/client_table.h"

#include <utility>

namespace mptunnel::test {

Client* ClientTable::find(const Endpoint& address) {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : found->second.get();
}

Client* ClientTable::find(std::uint64_t id) {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

Client& ClientTable::add(const Endpoint& address, const Peer& peer, Fd upstream, TimePoint now) {
  if (by_address_.empty()) next_expiry_ = now + idle_;
  auto client = std::make_unique<Client>();
  client->id = ++last_id_;
  client->address = address;
  client->peer = peer;
  client->upstream = std::move(upstream);
  client->last_active = now;
  Client& added = *client;
  by_id_[added.id] = &added;
  by_address_[address] = std::move(client);
  return added;
}

void ClientTable::expire(const std::function<void(Client&)>& before_end, TimePoint now) {
  TimePoint next = kNever;
  for (auto at = by_address_.begin(); at != by_address_.end();) {
    Client& client = *at->second;
    const TimePoint end = client.last_active + idle_;
    if (end > now) {
      next = std::min(next, end);
      ++at;
      continue;
    }
    before_end(client);
    by_id_.erase(client.id);
    at = by_address_.erase(at);
  }
  next_expiry_ = next;
}

void ClientTable::for_each(const std::function<void(Client&)>& visit) {
  for (auto& [address, client] : by_address_) visit(*client);
}

}  // namespace mptunnel::test
