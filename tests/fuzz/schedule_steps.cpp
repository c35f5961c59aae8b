// What the steps of a schedule do.
#include <array>
#include <utility>

#include "fuzz/schedule.h"

namespace mptunnel::fuzz {

using namespace std::chrono_literals;
using sim::ClientHost;
using sim::Copy;
using sim::Lane;
using sim::Link;

// ---- The network. ----

void Schedule::let_pass() {
  is_holding_ = false;
  deliver_all();
  wait_briefly();
}

void Schedule::hold() {
  is_holding_ = true;
}

void Schedule::deliver_all() {
  for (const Passing& packet : std::exchange(held_, {})) arrive(packet);
}

Schedule::Passing Schedule::take_held() {
  const auto place = held_.begin() + static_cast<std::ptrdiff_t>(some_place(held_.size()));
  Passing packet = std::move(*place);
  held_.erase(place);
  return packet;
}

void Schedule::deliver_one() {
  if (!held_.empty()) arrive(take_held());
}

void Schedule::drop_one() {
  if (!held_.empty()) take_held();
}

void Schedule::copy_one() {
  if (!held_.empty()) arrive(held_[some_place(held_.size())]);
}

void Schedule::deliver_altered() {
  if (held_.empty()) return;
  Passing packet = take_held();
  alter(packet.copy);
  arrive(packet);
}

void Schedule::alter(Copy& copy) {
  const ConstBytes original = copy.bytes();
  std::vector<std::uint8_t> bytes(original.begin(), original.end());
  switch (input_.below(3)) {
    case 0:
      bytes.resize(std::min<std::size_t>(bytes.size(), input_.u16() % 1500U));
      break;
    case 1:
      bytes.resize(bytes.size() + 1 + input_.below(256));
      break;
    default:
      // Heads are where decisions are made; the place from the end reaches tags.
      if (const std::uint8_t place = input_.u8(); !bytes.empty()) {
        const std::size_t at = place < 128 ? place : bytes.size() + place - 256;
        bytes[at % bytes.size()] ^= static_cast<std::uint8_t>(input_.u8());
      }
      break;
  }
  // To the oracle a copy is altered or it is not.
  if (!std::equal(bytes.begin(), bytes.end(), original.begin(), original.end()))
    copy.altered = std::move(bytes);
}

void Schedule::replay() {
  if (seen_.empty()) return;
  // By age: what came last is 0.
  const std::size_t age = some_place(seen_.size());
  const std::size_t latest = seen_.size() < kRemembered ? seen_.size() - 1 : next_seen_ + kRemembered - 1;
  Passing packet = seen_[(latest + kRemembered - age) % kRemembered % seen_.size()];
  const std::uint8_t how = input_.u8();
  if ((how & 1U) != 0) alter(packet.copy);
  if ((how & 2U) != 0) {
    ClientHost& client = some_client();
    packet.lane = &client.lane(input_.below(client.paths()));
    packet.is_up = (how & 4U) == 0;
    packet.copy.from = packet.is_up ? Route{packet.lane->upstream, packet.lane->server}
                                    : Route{packet.lane->server, packet.lane->client};
  }
  if (packet.is_up && (how & 8U) != 0) packet.copy.from.remote = strangers_[how >> 4U & 1U];
  arrive(packet);
}

void Schedule::make_noise() {
  ClientHost& client = some_client();
  Passing packet;
  packet.lane = &client.lane(input_.below(client.paths()));
  const std::uint8_t how = input_.u8();
  packet.is_up = (how & 1U) == 0;
  const ConstBytes bytes = input_.piece(how >> 1U);
  packet.copy.altered.emplace(bytes.begin(), bytes.end());
  packet.copy.from = packet.is_up ? Route{strangers_.front(), packet.lane->server}
                                  : Route{packet.lane->server, packet.lane->client};
  arrive(packet);
}

void Schedule::change_link() {
  ClientHost& client = some_client();
  Lane& lane = client.lane(input_.below(client.paths()));
  const std::uint8_t how = input_.u8();
  Link& link = (how & 1U) == 0 ? *lane.up : *lane.down;
  test::ImpairmentOptions options =
      link_options(std::array<Duration, 4>{0ms, 2ms, 30ms, 200ms}.at(how >> 1U & 3U));
  options.blackout = (how & 8U) != 0;
  options.mtu_bytes = std::array<std::size_t, 4>{1472, 1272, 900, 560}.at(how >> 4U & 3U);
  if ((how & 0x40U) != 0) options.loss_percent = 30;
  if ((how & 0x80U) != 0) options.jitter = 20ms;
  link.set_options(options);
}

void Schedule::move_path() {
  ClientHost& client = some_client();
  const std::uint8_t how = input_.u8();
  if (how >= 0xc0) {
    world_.new_sockets(client);
  } else {
    world_.rebind(client, how % client.paths(), (how & 0x40U) != 0);
  }
}

// ---- Time and programs. ----

void Schedule::wait_briefly() {
  pass_time(std::chrono::microseconds(250) * (1U << input_.below(11)));
}

void Schedule::wait_long() {
  pass_time(input_.one_of(std::array<Duration, 8>{500ms, 1s, 2500ms, 6s, 11s, 31s, 62s, 125s}));
}

void Schedule::stall() {
  const std::uint8_t how = input_.u8();
  const Duration time = 10ms * (how >> 1U);
  if ((how & 1U) == 0) {
    world_.server().stall(time);
  } else {
    some_client().stall(time);
  }
}

void Schedule::restart_client() {
  ClientHost& client = some_client();
  const std::uint8_t how = input_.u8();
  if (!client.is_running()) {
    client.start();
    return;
  }
  if (restarts_left_ == 0) return;
  --restarts_left_;
  if ((how & 1U) == 0) {
    client.kill();
  } else {
    client.close();
  }
  if ((how & 2U) != 0) world_.new_sockets(client);
  if ((how & 4U) == 0) client.start();
}

void Schedule::restart_server() {
  sim::ServerHost& server = world_.server();
  const std::uint8_t how = input_.u8();
  if (!server.is_running()) {
    server.start();
    return;
  }
  if (restarts_left_ == 0) return;
  --restarts_left_;
  if ((how & 1U) == 0) {
    server.kill();
  } else {
    server.close();
  }
  if ((how & 4U) == 0) server.start();
}

void Schedule::toggle_path() {
  ClientHost& client = some_client();
  const std::uint8_t how = input_.u8();
  client.set_path_available((how >> 1U) % client.paths(), (how & 1U) != 0);
}

void Schedule::refuse() {
  const std::uint8_t how = input_.u8();
  const double percent = std::array<double, 4>{0, 2, 20, 100}.at(how >> 1U & 3U);
  if ((how & 1U) == 0) {
    world_.server().set_refusals(percent);
  } else {
    some_client().set_refusals(percent);
  }
}

void Schedule::wear_keys() {
  constexpr std::array<std::pair<std::uint64_t, std::uint64_t>, 4> kUses{{{kRekeyAfterPackets - 5, 0},
                                                                          {0, kRekeyAfterBlocks - 20},
                                                                          {kRejectAfterPackets - 20, 0},
                                                                          {0, kRejectAfterBlocks - 50}}};
  const std::uint8_t how = input_.u8();
  const auto [packets, blocks] = kUses.at(how >> 1U & 3U);
  // The server announces its packets; the blocks that it sealed can't be pretended at one end.
  if ((how & 1U) == 0 && packets > 0) {
    world_.server().pretend_sealed(static_cast<std::uint32_t>(packets), 0);
  } else {
    some_client().pretend_sealed(static_cast<std::uint32_t>(packets), blocks);
  }
}

// ---- Datagrams. ----

sim::Application& Schedule::some_application(ClientHost& client) {
  const std::size_t first = static_cast<std::size_t>(client.number()) * kApplications;
  return world_.traffic().application(static_cast<std::uint16_t>(first + input_.below(kApplications)));
}

void Schedule::offer() {
  ClientHost& client = some_client();
  sim::Application& application = some_application(client);
  constexpr std::array<std::size_t, 12> kSizes{0, 1, 7, 40, 200, 1000, 1174, 1190, 1446, 1800, 20000, 65507};
  const std::size_t bytes = input_.one_of(kSizes);
  world_.traffic().send(application, bytes > 2000 ? 1 : 1 + input_.below(8), bytes);
}

void Schedule::push() {
  sim::Application& application = some_application(some_client());
  const std::uint16_t bytes = input_.u16();
  // Now and then as large as a datagram can be; to a peer that may be gone.
  world_.server().from_target(application.peer, application, bytes % 4U == 0 ? bytes % 65508U : bytes % 1500U,
                              std::nullopt);
}

}  // namespace mptunnel::fuzz
