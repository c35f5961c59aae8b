// Somebody who has the key as well, and floods the server from addresses that are proved: the others'
// datagrams, flows, paths and places stay as they are, and a new client is let in.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "mptunnel/base/cursor.h"
#include "mptunnel/session/handshake.h"
#include "sim/attack_report.h"
#include "sim/bench.h"
#include "support/engine_access.h"

namespace mptunnel::sim {
namespace {

SecretKey shared_key() {
  SecretKey key;
  key.bytes.fill(1);
  return key;
}

/// A client of ours with a session and proved paths, from which anything else is sent besides.
class Holder {
 public:
  Holder(Bench& bench, ClientHost& host) : bench_(bench), host_(host) {
    settings_.key = shared_key();
    handshake_.emplace(settings_, random_);
  }

  [[nodiscard]] ClientHost& host() { return host_; }
  /// CONTROL with these frames' bytes, from the address of a path or, if `port` is given, from another port.
  void control(ConstBytes frames, std::uint16_t port = 0) {
    std::vector<std::uint8_t> packet(KeyEpoch::kControlOverhead + frames.size());
    if (!keys().seal_control(frames, {}, packet, bench_.world.now())) return;
    send(packet, port);
  }
  void control(const std::vector<Frame>& frames, std::uint16_t port = 0) {
    std::vector<std::uint8_t> bytes(2000);
    ByteWriter writer(bytes);
    for (const Frame& frame : frames) encode_frame(frame, writer);
    control(ConstBytes(bytes).first(writer.written()), port);
  }
  void send(ConstBytes packet, std::uint16_t port = 0) {
    if (kept_.size() < kKept) kept_.emplace_back(packet.begin(), packet.end());
    Copy copy;
    copy.altered.emplace(packet.begin(), packet.end());
    Lane& lane = host_.lane(0);
    copy.from = {port == 0 ? lane.upstream : lane.upstream.with_port(port), lane.server};
    lane.up->inject(copy, Duration{});
  }
  /// HANDSHAKE 1, never the same.
  ConstBytes handshake() {
    handshake_->begin(SessionIndex{static_cast<std::uint32_t>(random_.below(1U << kSessionIndexBits))},
                      bench_.world.now());
    return handshake_->message();
  }
  /// Until the server asks for a proof, and has got it.
  void prove_address() {
    host_.lane(0).down->set_tap([this](const Copy& copy) {
      if (copy.packet->type == PacketType::cookie)
        (void)handshake_->read_cookie(copy.bytes(), PathId{0}, bench_.world.now());
    });
    for (int i = 0; i < 100; ++i) send(handshake());
    bench_.run(50ms);
    host_.lane(0).down->set_tap(nullptr);
    ASSERT_FALSE(handshake_->paths_with_cookies(bench_.world.now()).empty());
  }
  /// HANDSHAKE 1, never the same, with the cookie.
  std::vector<std::uint8_t> proved_handshake() {
    (void)handshake();
    return handshake_->message_for(PathId{0});
  }
  /// One of the first packets that were sent, again.
  void replay(std::uint32_t n) { send(kept_[n % kept_.size()]); }
  KeyEpoch& keys() { return test::keys_of(host_.engine()); }
  test::TestRandom& random() { return random_; }
  /// The test's numbers follow no order of the engine's.
  void allow_jumps() { bench_.world.context().oracle.allow_jump(host_.process(), keys().remote_index()); }

 private:
  static constexpr std::size_t kKept = 200;

  Bench& bench_;
  ClientHost& host_;
  std::vector<std::vector<std::uint8_t>> kept_;
  HandshakeSettings settings_;
  test::TestRandom random_{7};
  std::optional<ClientHandshake> handshake_;
};

struct HolderRow {
  const char* name;
  int per_millisecond;
  Drop reason;          ///< that it ends with
  std::uint64_t least;  ///< so many of these there must be
  /// Sends one packet, the nth.
  void (*attack)(Holder& holder, std::uint32_t n);
};

constexpr std::array<std::uint8_t, 100> kSomeBytes{};

PingFrame ping_of(std::uint32_t path) {
  PingFrame ping;
  ping.report.path = PathId{static_cast<std::uint8_t>(path % kMaxPaths)};
  return ping;
}

void send_full_control(Holder& holder, std::uint32_t n) {
  std::vector<Frame> frames;
  for (std::uint32_t i = 0; i < kMaxFramesOfPacket / 4; ++i) {
    frames.emplace_back(MtuProbeFrame{PathId{0}, 1400});
    frames.emplace_back(EchoFrame{holder.random().u64()});
    frames.emplace_back(FlowCloseFrame{FlowId{static_cast<std::uint16_t>((n + i) % 256)}});
    frames.emplace_back(MtuSeenFrame{PathId{static_cast<std::uint8_t>(i)}, 500});
  }
  holder.control(frames);
}
void send_mtu_probe(Holder& holder, std::uint32_t n) {
  holder.control({MtuProbeFrame{PathId{static_cast<std::uint8_t>(n % kMaxPaths)}, 1200}});
}
/// A PING of each path from another port each time: each is challenged.
void send_wandering_ping(Holder& holder, std::uint32_t n) {
  std::vector<std::uint8_t> bytes(100);
  ByteWriter writer(bytes);
  encode_frame(ping_of(n), writer);
  holder.control(bytes, static_cast<std::uint16_t>(10'000 + n % 50'000));
}
void send_flow_open(Holder& holder, std::uint32_t n) {
  const FlowId flow{static_cast<std::uint16_t>(n % 4096)};
  holder.control({FlowOpenFrame{flow, holder.random().u64()}, FlowCloseFrame{flow}});
}
void keep_flows_open(Holder& holder, std::uint32_t n) {
  holder.control({FlowOpenFrame{FlowId{static_cast<std::uint16_t>(n % 4096)}, n}});
}
void send_handshake_inside(Holder& holder, std::uint32_t) {
  holder.control({HandshakeFrame{holder.handshake()}});
}
void send_handshake_outside(Holder& holder, std::uint32_t n) {
  holder.send(holder.handshake(), static_cast<std::uint16_t>(10'000 + n % 50'000));
}
void send_handshake_with_cookie(Holder& holder, std::uint32_t n) {
  if (n == 0) holder.prove_address();
  if (n % 2 == 0) return holder.send(holder.proved_handshake());
  holder.send(holder.handshake());
}
void begin_packet(Holder& holder, std::uint32_t n) {
  const FragmentFrame part{PacketType::data, PacketNumber{1'000'000 + n}, 65'500, 0, kSomeBytes};
  holder.control({part});
}
/// Copies, and numbers that were used with another packet.
void send_stale(Holder& holder, std::uint32_t n) {
  if (n < 200) return send_mtu_probe(holder, n);
  if (n % 2 == 0) return holder.replay(n);
  std::vector<std::uint8_t> packet(200);
  encode_header({PacketType::data, holder.keys().remote_index(), PacketNumber{n % 512}}, packet);
  holder.random().fill(Bytes(packet).subspan(kHeaderBytes));
  holder.send(packet);
}
/// Empty datagrams of flows that there are not.
void send_unknown_flow(Holder& holder, std::uint32_t n) {
  holder.control({DatagramFrame{FlowId{static_cast<std::uint16_t>(5000 + n % 1000)}, {}}});
}

class KeyHolderTest : public testing::Test {
 protected:
  KeyHolderTest() { bench_.begin(); }

  static BenchOptions options() {
    BenchOptions options = clean_bench();
    options.client.handshake.key = shared_key();
    options.server.settings.handshake.key = shared_key();
    options.server.settings.max_flows = 256;
    return options;
  }
  /// A client with another identity, at an address in the network of `neighbour`.
  ClientHost& add_neighbour(ClientHost& neighbour, std::uint8_t number, std::size_t paths) {
    ClientOptions options = bench_.client.options();
    options.identity.front() = number;
    options.paths = paths;
    ClientHost& host = bench_.world.add_client(options);
    for (std::size_t path = 0; path < paths; ++path) {
      Endpoint place = neighbour.lane(0).upstream;
      place.address[3] = static_cast<std::uint8_t>(number + path);
      bench_.world.rebind_to(host, path, place);
    }
    return host;
  }
  const ServerSession* victim() {
    for (const auto& [handle, session] : bench_.server().engine().state().table.all()) {
      if (session->identity == bench_.client.options().identity) return session.get();
    }
    return nullptr;
  }

  /// `attack` goes on for so long. After half of it a new client begins.
  template <typename Attack>
  void expect_no_harm(Duration time, const std::vector<ClientHost*>& attackers, Attack attack) {
    const auto go_on = [&] {
      for (const TimePoint end = bench_.world.now() + time / 2; bench_.world.now() < end; bench_.run(1ms))
        attack();
    };
    ASSERT_NE(victim(), nullptr);
    const SessionHandle before = victim()->handle;
    go_on();
    ClientHost& newcomer = add_neighbour(bench_.client, 20, 3);
    Application& application = newcomer.add_application({});
    newcomer.start();
    bench_.world.traffic().start(application);
    const TimePoint asked = bench_.world.now();
    go_on();
    const Duration in = resumed_after(application, asked);
    EXPECT_LE(in, 1s);
    expect_same_place(before);
    bench_.settle();
    const auto ms = [](Duration span) { return std::chrono::duration<double, std::milli>(span).count(); };
    EXPECT_LE(slowest(), 22ms) << "the paths' delay and the target's";
    expect_attack_costs_nothing(
        bench_, {.attacker_bytes = bytes_of(attackers),
                 // Before an address of its own is proved, a full table has no room for a new client's flow.
                 .defenders = {{&bench_.client}, {&newcomer, asked + in}},
                 .more = fmt::format("answers took {:.1f} ms at most; a new client was in after {:.0f} ms",
                                     ms(slowest()), ms(in))});
  }

  Bench bench_{options()};

 private:
  void expect_same_place(SessionHandle before) {
    ASSERT_NE(victim(), nullptr);
    EXPECT_EQ(victim()->handle, before);
    EXPECT_EQ(bench_.count<SessionStarted>(bench_.client.events()), 1U);
    EXPECT_EQ(victim()->flows.size(), 1U);
    for (std::size_t path = 0; path < bench_.client.paths(); ++path) {
      EXPECT_EQ(bench_.state(path), PathState::up);
      EXPECT_EQ(victim()->paths.at(path)->route().remote, bench_.client.lane(path).upstream);
    }
  }
  [[nodiscard]] Duration slowest() const {
    Duration slowest{};
    for (const RoundTrip& trip : bench_.application.round_trips)
      slowest = std::max(slowest, trip.answered - trip.asked);
    return slowest;
  }
};

class KeyHolder : public KeyHolderTest, public testing::WithParamInterface<HolderRow> {};

TEST_P(KeyHolder, HarmsNobodyElse) {
  ClientHost& host = add_neighbour(bench_.client, 200, 2);
  host.start();
  bench_.run(1s);
  Holder holder(bench_, host);
  holder.allow_jumps();
  std::uint32_t n = 0;
  expect_no_harm(10s, {&host}, [&] {
    for (int i = 0; i < GetParam().per_millisecond; ++i) GetParam().attack(holder, n++);
  });
  EXPECT_GT(bench_.server().drops(GetParam().reason), GetParam().least) << name_of(GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, KeyHolder,
    testing::Values(
        HolderRow{"FullControl", 5, Drop::unexpected_frame, 500'000, send_full_control},
        HolderRow{"MtuProbes", 10, Drop::path_limit, 90'000, send_mtu_probe},
        HolderRow{"PingsFromEverywhere", 5, Drop::copy, 0, send_wandering_ping},
        HolderRow{"FlowOpenChurn", 5, Drop::flow_rate, 20'000, send_flow_open},
        HolderRow{"FlowsWithoutEnd", 5, Drop::flow_limit, 4'000, keep_flows_open},
        HolderRow{"HandshakesInside", 2, Drop::handshake_rate, 19'000, send_handshake_inside},
        HolderRow{"HandshakesOutside", 2, Drop::handshake_unproved, 19'000, send_handshake_outside},
        HolderRow{"HandshakesWithCookie", 5, Drop::handshake_rate, 19'000, send_handshake_with_cookie},
        HolderRow{"Fragments", 10, Drop::fragment_expired, 90'000, begin_packet},
        HolderRow{"StaleNumbers", 10, Drop::open_failed, 49'000, send_stale},
        HolderRow{"UnknownFlows", 10, Drop::flow_unknown, 90'000, send_unknown_flow}),
    [](const auto& row) { return std::string(row.param.name); });

TEST_F(KeyHolderTest, FloodOfDataHarmsNobodyElse) {
  ClientHost& host = add_neighbour(bench_.client, 200, 2);
  host.start();
  bench_.run(1s);
  for (int i = 0; i < 8; ++i)
    bench_.world.traffic().start(host.add_application({.interval = 1ms, .burst = 4, .echo = false}));
  expect_no_harm(4s, {&host}, [] {});
}

TEST_F(KeyHolderTest, ProgramsThatRestartWithoutEndHarmNobodyElse) {
  // From a network of its own: 200 handshakes a second are twice what one network gets.
  std::vector<ClientHost*> hosts{&add_neighbour(bench_.client, 99, 1)};
  bench_.world.rebind_to(*hosts[0], 0, make_endpoint(0x65010101U, 1000));
  for (std::uint8_t i = 0; i < 20; ++i)
    hosts.push_back(&add_neighbour(*hosts[0], static_cast<std::uint8_t>(100 + i), 1));
  int n = 0;
  expect_no_harm(10s, hosts, [&] {
    if (++n % 5 != 0) return;
    ClientHost& host = *hosts[static_cast<std::size_t>(n / 5) % hosts.size()];
    if (host.is_running()) host.kill();
    host.start();
  });
}

}  // namespace
}  // namespace mptunnel::sim
