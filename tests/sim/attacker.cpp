#include "sim/attacker.h"

#include <algorithm>

namespace mptunnel::sim {
namespace {

constexpr std::size_t kAddresses = 3;
/// What is remembered: every packet lately, and a few for good.
constexpr std::size_t kRecent = 200;
constexpr std::size_t kKept = 100;
constexpr std::size_t kMaxNoise = 1400;

}  // namespace

Attacker::Attacker(World& world, const AttackOptions& options)
    : world_(world), options_(options), random_(world.context().new_seed()) {
  for (std::size_t i = 0; i < kAddresses; ++i) addresses_.push_back(world.new_address());
  for (std::size_t i = 0; i < world.clients(); ++i) {
    for (std::size_t path = 0; path < world.client(i).paths(); ++path) attach(world.client(i), path);
  }
  tick();
}

void Attacker::stop() {
  check_paths();
  alive_ = std::make_shared<int>();
  options_.interval = Duration{};
  for (std::size_t i = 0; i < world_.clients(); ++i) {
    ClientHost& client = world_.client(i);
    for (std::size_t path = 0; path < client.paths(); ++path) {
      client.lane(path).up->set_tap(nullptr);
      client.lane(path).down->set_tap(nullptr);
    }
  }
}

void Attacker::attach(ClientHost& client, std::size_t path) {
  Lane& lane = client.lane(path);
  lane.up->set_tap([this, &lane](const Copy& copy) {
    see(copy, true);
    if (random_.uniform() * 100 < options_.forwarded_percent) forward(lane, copy);
  });
  lane.down->set_tap([this](const Copy& copy) { see(copy, false); });
}

void Attacker::see(const Copy& copy, bool is_up) {
  if (seen_.size() < kRecent + kKept) {
    seen_.push_back({copy, is_up});
    return;
  }
  seen_[random_.below(50) == 0 ? kRecent + random_.below(kKept) : next_seen_++ % kRecent] = {copy, is_up};
}

void Attacker::forward(Lane& lane, const Copy& copy) {
  Copy forwarded = copy;
  forwarded.from.remote = addresses_[random_.below(addresses_.size())];
  const auto span = static_cast<double>((options_.forwarded_before - options_.forwarded_after).count());
  lane.up->inject(forwarded,
                  options_.forwarded_after + Duration(static_cast<Duration::rep>(random_.uniform() * span)));
  ++packets_;
}

void Attacker::tick() {
  check_paths();
  if (options_.interval == Duration{}) return;
  send(make_packet());
  world_.events().after(options_.interval, [this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) tick();
  });
}

Copy Attacker::make_packet() {
  const std::uint64_t kind = seen_.empty() ? 0 : random_.below(10);
  if (kind < 2) {
    Copy noise;
    noise.altered.emplace(random_.below(kMaxNoise));
    random_.fill(*noise.altered);
    if (!noise.altered->empty() && random_.below(2) == 0)
      noise.altered->front() = static_cast<std::uint8_t>(random_.below(7));
    return noise;
  }
  Copy copy = seen_[random_.below(seen_.size())].copy;
  if (kind < 6) mutate(copy);
  return copy;
}

void Attacker::mutate(Copy& copy) {
  const ConstBytes original = copy.bytes();
  std::vector<std::uint8_t> bytes(original.begin(), original.end());
  switch (random_.below(4)) {
    case 0:
      bytes.resize(random_.below(bytes.size() + 1));
      break;
    case 1:
      bytes.resize(bytes.size() + 1 + random_.below(30));
      break;
    case 2:
      if (bytes.size() > 8) random_.fill(Bytes(bytes).subspan(4, 4));
      break;
    default:
      if (!bytes.empty())
        bytes[random_.below(bytes.size())] ^= static_cast<std::uint8_t>(1U << random_.below(8));
      break;
  }
  if (!std::equal(bytes.begin(), bytes.end(), original.begin(), original.end()))
    copy.altered = std::move(bytes);
}

void Attacker::send(Copy copy) {
  ClientHost& client = world_.client(random_.below(world_.clients()));
  Lane& lane = client.lane(random_.below(client.paths()));
  ++packets_;
  if (random_.below(2) == 0) {
    const bool is_spoofed = random_.below(2) == 0;
    copy.from = {is_spoofed ? lane.upstream : addresses_[random_.below(addresses_.size())], lane.server};
    lane.up->inject(copy, Duration{});
  } else {
    copy.from = {lane.server, lane.client};
    lane.down->inject(copy, Duration{});
  }
}

void Attacker::check_paths() const {
  if (!world_.server().is_running()) return;
  for (const auto& [handle, session] : world_.server().engine().state().table.all()) {
    for (const auto& path : session->paths) {
      if (!path || !path->is_validated()) continue;
      if (std::find(addresses_.begin(), addresses_.end(), path->route().remote) != addresses_.end())
        world_.journal().fail("a path leads to the attacker at {}", path->route().remote.to_string());
    }
  }
}

}  // namespace mptunnel::sim
