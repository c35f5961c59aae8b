// The bridge's data path: from clients to the target and back, through the impairments.
// What it is not: it prints nothing, takes no commands and makes no garbage.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>

#include "support/bridge/client_table.h"
#include "support/bridge/counters.h"
#include "support/bridge/delay_queue.h"
#include "support/bridge/options.h"
#include "support/bridge/trace.h"
#include "support/common/event_loop.h"

namespace mptunnel::test {

class Relay {
 public:
  /// Called with each datagram as it arrives, before any impairment.
  using Tap = std::function<void(Direction direction, ConstBytes datagram)>;

  /// Called with each copy as it leaves or is lost. Not with what is injected.
  using Trace = std::function<void(const TraceRecord& record)>;

  /// `listener` is bound; `loop` must outlive the relay.
  Relay(const BridgeOptions& options, const Endpoint& target, Fd listener, EventLoop& loop, TimePoint start);
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;
  ~Relay();

  void set_tap(Tap tap) { tap_ = std::move(tap); }
  void set_trace(Trace trace);
  [[nodiscard]] ImpairmentPair impairments() const;
  void set_impairments(const ImpairmentPair& impairments);

  /// Sends a datagram of ours past the impairments: up to the target or down to a client, of the client heard
  /// last. False without one. `datagram` must stay as it is until flush_injected().
  bool inject(Direction direction, ConstBytes datagram);
  void flush_injected();

  /// New source ports towards the target, for all clients. What had arrived at the old ones is still relayed.
  void rebind();

  [[nodiscard]] TimePoint next_deadline() const;
  void on_time(TimePoint now);
  /// The directions' counters, and the bridge's.
  nlohmann::ordered_json stats(TimePoint now);

 private:
  struct Link {
    Link(const ImpairmentOptions& options, std::uint64_t seed, TimePoint start)
        : impairments(options, seed, start) {}
    Impairments impairments;
    DelayQueue waiting;
    SendBatch out;
    SendBatch injected;
    DirectionCounters counters;
    ReceiveBatch in;
    std::uint64_t closed_drops = 0;  ///< kernel drops of sockets that are closed
  };

  Link& link(Direction direction) { return *links_[static_cast<std::size_t>(direction)]; }
  [[nodiscard]] const Link& link(Direction direction) const {
    return *links_[static_cast<std::size_t>(direction)];
  }
  void read_listener();
  void read_upstream(Client& client);
  Client* client_of(const Peer& peer, TimePoint now);
  void watch_upstream(const Client& client);
  void retire_upstream(Client& client);
  void pass(Direction direction, Client& client, Bytes datagram, TimePoint now);
  void pass_copy(Direction direction, const Client& client, Bytes datagram, const CopyVerdict& copy,
                 bool second_copy, TimePoint now);
  void lose(Direction direction, Loss loss, ConstBytes datagram, bool second_copy, TimePoint now);
  void send(Direction direction, const Client& client, ConstBytes datagram, bool second_copy);
  void send_owned(Direction direction, const Client& client, Buffer datagram, bool second_copy);
  void release_due(Direction direction, TimePoint now);
  DirectionTotals totals(Direction direction);

  EventLoop& loop_;
  Endpoint target_;
  Fd listener_;
  ClientTable clients_;
  std::array<std::unique_ptr<Link>, 2> links_;
  Tap tap_;
  Trace trace_;
  std::uint64_t rebinds_ = 0;
};

}  // namespace mptunnel::test
