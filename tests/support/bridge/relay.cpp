#include "support/bridge/relay.h"

#include <algorithm>
#include <utility>

namespace mptunnel::test {
namespace {

/// Batches from one socket before the others get their turn.
constexpr int kBatchesPerTurn = 4;

void flip_bit(Bytes datagram, std::uint32_t bit) {
  datagram[bit / 8] = static_cast<std::uint8_t>(datagram[bit / 8] ^ 1U << (bit % 8));
}

/// The two directions must not draw the same numbers.
std::uint64_t seed_of(std::uint64_t seed, Direction direction) {
  std::uint64_t state = seed * 2 + static_cast<std::uint64_t>(direction);
  return split_mix64(state);
}

}  // namespace

Relay::Relay(const BridgeOptions& options, const Endpoint& target, Fd listener, EventLoop& loop,
             TimePoint start)
    : loop_(loop),
      target_(target),
      listener_(std::move(listener)),
      clients_(options.max_clients, from_seconds(options.idle_seconds)),
      links_{
          std::make_unique<Link>(options.impairments.up, seed_of(options.seed, Direction::up), start),
          std::make_unique<Link>(options.impairments.down, seed_of(options.seed, Direction::down), start)} {
  loop_.watch(listener_.get(), [this](TimePoint) { read_listener(); });
}

Relay::~Relay() {
  loop_.forget(listener_.get());
  clients_.for_each([this](Client& client) { loop_.forget(client.upstream.get()); });
}

ImpairmentPair Relay::impairments() const {
  return {.up = link(Direction::up).impairments.options(),
          .down = link(Direction::down).impairments.options()};
}

void Relay::set_impairments(const ImpairmentPair& impairments) {
  link(Direction::up).impairments.set_options(impairments.up);
  link(Direction::down).impairments.set_options(impairments.down);
}

void Relay::set_trace(Trace trace) {
  trace_ = std::move(trace);
  for (const Direction direction : kDirections) {
    link(direction).out.set_observer([this, direction](ConstBytes datagram, bool second_copy, bool taken) {
      const std::optional<Loss> loss = taken ? std::nullopt : std::optional(Loss::send);
      trace_({monotonic_now(), direction, loss, second_copy, datagram});
    });
  }
}

void Relay::watch_upstream(const Client& client) {
  loop_.watch(client.upstream.get(), [this, id = client.id](TimePoint) {
    if (Client* const found = clients_.find(id)) read_upstream(*found);
  });
}

Client* Relay::client_of(const Peer& peer, TimePoint now) {
  const Endpoint address = to_endpoint(peer.remote);
  if (Client* const known = clients_.find(address)) {
    // A wildcard listener answers from the address that the client asks now.
    known->peer = peer;
    return known;
  }
  if (!clients_.full()) {
    if (auto upstream = open_connected(target_)) {
      Client& client = clients_.add(address, peer, std::move(*upstream), now);
      watch_upstream(client);
      return &client;
    }
  }
  return nullptr;
}

void Relay::read_listener() {
  Link& up = link(Direction::up);
  for (int turn = 0; turn < kBatchesPerTurn; ++turn) {
    const std::size_t count = up.in.receive(listener_.get());
    const TimePoint now = monotonic_now();
    for (std::size_t i = 0; i < count; ++i) {
      if (Client* const client = client_of(up.in.peer(i), now)) {
        clients_.touch(*client, now);
        pass(Direction::up, *client, up.in.datagram(i), now);
      } else {
        ++up.counters.received;
        up.counters.received_bytes += up.in.datagram(i).size();
        lose(Direction::up, Loss::client, up.in.datagram(i), false, now);
      }
    }
    up.out.flush();
    if (count < kBatch) return;
  }
}

void Relay::read_upstream(Client& client) {
  Link& down = link(Direction::down);
  for (int turn = 0; turn < kBatchesPerTurn; ++turn) {
    const std::size_t count = down.in.receive(client.upstream.get());
    const TimePoint now = monotonic_now();
    if (count > 0) client.last_active = now;
    for (std::size_t i = 0; i < count; ++i) pass(Direction::down, client, down.in.datagram(i), now);
    down.out.flush();
    if (count < kBatch) return;
  }
}

void Relay::pass(Direction direction, Client& client, Bytes datagram, TimePoint now) {
  Link& way = link(direction);
  ++way.counters.received;
  way.counters.received_bytes += datagram.size();
  if (tap_) tap_(direction, datagram);
  const Verdict verdict = way.impairments.judge(datagram, now);
  if (verdict.loss) lose(direction, *verdict.loss, datagram, false, now);
  if (verdict.duplicated) ++way.counters.duplicated;
  for (std::size_t i = 0; i < verdict.count; ++i) {
    pass_copy(direction, client, datagram, verdict.copies[i], i > 0, now);
  }
  // The queue has no room for a copy if it had none for the one before: those lost are the last.
  for (std::size_t i = 0; i < verdict.queue_drops; ++i) {
    lose(direction, Loss::queue, datagram, verdict.count + i > 0, now);
  }
}

void Relay::pass_copy(Direction direction, const Client& client, Bytes datagram, const CopyVerdict& copy,
                      bool second_copy, TimePoint now) {
  Link& way = link(direction);
  if (copy.release <= now && !copy.flipped_bit) {
    send(direction, client, datagram, second_copy);
    return;
  }
  Buffer bytes(datagram.begin(), datagram.end());
  if (copy.flipped_bit) {
    flip_bit(bytes, *copy.flipped_bit);
    ++way.counters.flipped;
  }
  if (copy.release <= now) {
    send_owned(direction, client, std::move(bytes), second_copy);
  } else if (!way.waiting.push({.release = copy.release,
                                .client = client.id,
                                .bytes = std::move(bytes),
                                .second_copy = second_copy})) {
    lose(direction, Loss::memory, datagram, second_copy, now);
  }
}

void Relay::lose(Direction direction, Loss loss, ConstBytes datagram, bool second_copy, TimePoint now) {
  link(direction).counters.lose(loss);
  if (trace_) trace_({now, direction, loss, second_copy, datagram});
}

void Relay::send(Direction direction, const Client& client, ConstBytes datagram, bool second_copy) {
  if (direction == Direction::up) {
    link(direction).out.add(client.upstream.get(), datagram, nullptr, second_copy);
  } else {
    link(direction).out.add(listener_.get(), datagram, &client.peer, second_copy);
  }
}

void Relay::send_owned(Direction direction, const Client& client, Buffer datagram, bool second_copy) {
  if (direction == Direction::up) {
    link(direction).out.add_owned(client.upstream.get(), std::move(datagram), nullptr, second_copy);
  } else {
    link(direction).out.add_owned(listener_.get(), std::move(datagram), &client.peer, second_copy);
  }
}

bool Relay::inject(Direction direction, ConstBytes datagram) {
  const Client* const client = clients_.latest();
  if (client == nullptr) return false;
  const bool up = direction == Direction::up;
  link(direction).injected.add(up ? client->upstream.get() : listener_.get(), datagram,
                               up ? nullptr : &client->peer);
  return true;
}

void Relay::flush_injected() {
  for (const Direction direction : kDirections) link(direction).injected.flush();
}

void Relay::retire_upstream(Client& client) {
  Link& down = link(Direction::down);
  // A socket that is still filled while it closes must not hold us up for ever.
  for (int turn = 0; turn < 1000; ++turn) {
    const std::size_t count = down.in.receive(client.upstream.get());
    const TimePoint now = monotonic_now();
    for (std::size_t i = 0; i < count; ++i) pass(Direction::down, client, down.in.datagram(i), now);
    down.out.flush();
    if (count < kBatch) break;
  }
  down.closed_drops += kernel_drops(client.upstream.get());
  loop_.forget(client.upstream.get());
}

void Relay::rebind() {
  clients_.for_each([this](Client& client) {
    // Opened before the old one closes, so that it can't get the old one's port.
    auto fresh = open_connected(target_);
    if (!fresh) return;
    retire_upstream(client);
    client.upstream = std::move(*fresh);
    watch_upstream(client);
  });
  ++rebinds_;
}

void Relay::release_due(Direction direction, TimePoint now) {
  Link& way = link(direction);
  while (auto due = way.waiting.pop_due(now)) {
    if (const Client* const client = clients_.find(due->client)) {
      send_owned(direction, *client, std::move(due->bytes), due->second_copy);
    } else {
      lose(direction, Loss::client, due->bytes, due->second_copy, now);
    }
  }
  way.out.flush();
}

TimePoint Relay::next_deadline() const {
  return std::min({link(Direction::up).waiting.next_release(), link(Direction::down).waiting.next_release(),
                   clients_.next_expiry()});
}

void Relay::on_time(TimePoint now) {
  for (const Direction direction : kDirections) release_due(direction, now);
  if (clients_.next_expiry() <= now) {
    clients_.expire([this](Client& client) { retire_upstream(client); }, now);
  }
}

DirectionTotals Relay::totals(Direction direction) {
  const Link& way = link(direction);
  DirectionTotals totals{.forwarded = way.out.totals(),
                         .injected = way.injected.totals(),
                         .waiting = way.waiting.size(),
                         .kernel_drops = way.closed_drops,
                         .refused = way.in.refused()};
  if (direction == Direction::up) {
    totals.kernel_drops += kernel_drops(listener_.get());
  } else {
    clients_.for_each([&](Client& client) { totals.kernel_drops += kernel_drops(client.upstream.get()); });
  }
  return totals;
}

nlohmann::ordered_json Relay::stats(TimePoint now) {
  nlohmann::ordered_json result{{"blackout_up", link(Direction::up).impairments.in_blackout(now)},
                                {"blackout_down", link(Direction::down).impairments.in_blackout(now)},
                                {"clients", clients_.size()},
                                {"clients_total", clients_.added()},
                                {"rebinds", rebinds_}};
  result["up"] = to_json(link(Direction::up).counters, totals(Direction::up));
  result["down"] = to_json(link(Direction::down).counters, totals(Direction::down));
  return result;
}

}  // namespace mptunnel::test
