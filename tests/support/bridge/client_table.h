// The clients of the bridge: each address and its own connected socket to the target, like a forked socat's.
// It moves no datagrams.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/base/time.h"
#include "support/common/batch_io.h"
#include "support/common/sockets.h"

namespace mptunnel::test {

struct Client {
  std::uint64_t id = 0;  ///< never used again
  Endpoint address;
  Peer peer;  ///< the same for the kernel, and the local address that the client talks to
  Fd upstream;
  TimePoint last_active;  ///< of either direction
};

/// Bounded; clients without traffic for the idle time go.
class ClientTable {
 public:
  ClientTable(std::size_t limit, Duration idle) : limit_(limit), idle_(idle) {}

  /// Null if the address is not known.
  Client* find(const Endpoint& address);
  Client* find(std::uint64_t id);
  /// The client that was heard last; null without any.
  Client* latest() { return find(latest_); }
  [[nodiscard]] bool full() const { return by_address_.size() >= limit_; }
  /// Takes the address and the socket; the table must not be full.
  Client& add(const Endpoint& address, const Peer& peer, Fd upstream, TimePoint now);
  /// Notes that the client itself was heard.
  void touch(Client& client, TimePoint now) {
    client.last_active = now;
    latest_ = client.id;
  }
  /// Removes the idle ones, each after `before_end(client)`. To be called at next_expiry().
  void expire(const std::function<void(Client&)>& before_end, TimePoint now);
  [[nodiscard]] TimePoint next_expiry() const { return by_address_.empty() ? kNever : next_expiry_; }
  void for_each(const std::function<void(Client&)>& visit);
  [[nodiscard]] std::size_t size() const { return by_address_.size(); }
  [[nodiscard]] std::uint64_t added() const { return last_id_; }

 private:
  std::size_t limit_;
  Duration idle_;
  std::uint64_t last_id_ = 0;
  std::uint64_t latest_ = 0;
  TimePoint next_expiry_ = kNever;
  std::unordered_map<Endpoint, std::unique_ptr<Client>> by_address_;
  std::unordered_map<std::uint64_t, Client*> by_id_;
};

}  // namespace mptunnel::test
