// The clients are hostile: see holder_fuzz.cpp.
#include <array>
#include <map>
#include <memory>
#include <set>

#include "fuzz/holder.h"
#include "fuzz/hostile_peer.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/engine/server_engine.h"
#include "support/key_wear.h"
#include "support/test_random.h"

namespace mptunnel::fuzz {
namespace {

using namespace std::chrono_literals;

struct Holder {
  std::unique_ptr<ClientHandshake> handshake;
  std::unique_ptr<KeyEpoch> epoch;
  std::unique_ptr<KeyEpoch> old;
  Route route;
  Packet last;  ///< the latest packet
};

ServerSettings small_tables(Input& input) {
  ServerSettings settings;
  settings.handshake = read_settings(input);
  settings.max_sessions = 2;
  settings.max_sessions_of_network = 2;
  settings.max_flows = 6;
  settings.order.mode = OrderSettings::Mode::always;
  return settings;
}

class AttackOnServer {
 public:
  explicit AttackOnServer(Input& input)
      : input_(input), settings_(small_tables(input)), server_(settings_, random_) {
    for (std::size_t i = 0; i < holders_.size(); ++i) {
      holders_[i].handshake = std::make_unique<ClientHandshake>(settings_.handshake, random_);
      holders_[i].route = routes().at(i);
    }
  }

  void execute() {
    for (std::size_t i = 0; i < kMaxSteps && !input_.empty(); ++i) {
      step(holders_.at(input_.below(holders_.size())));
      check();
    }
    server_.close(out_, now_);
    carry();
  }

 private:
  static const std::array<Route, 5>& routes() {
    static const std::array<Route, 5> routes = [] {
      std::array<Route, 5> made;
      std::uint8_t host = 1;
      for (Route& route : made) {
        route = {*parse_numeric_endpoint("192.0.2.1", 4000), *parse_numeric_endpoint("203.0.113.1", 2000)};
        route.remote.address[3] = host++;
        route.remote.address[2] = static_cast<std::uint8_t>(host > 4 ? 3 : 2);  // two networks
      }
      return made;
    }();
    return routes;
  }

  void step(Holder& holder) {
    switch (input_.u8() % 16U) {
      case 0:
        shake(holder);
        break;
      case 1:
      case 2:
        hello(holder);
        break;
      case 3:
      case 4:
      case 5:
        send_control(holder, some_frames(input_));
        break;
      case 6:
      case 7:
        send_data(holder);
        break;
      case 8:
        echo(holder);
        break;
      case 9:
        send(holder, Packet(holder.last));
        break;
      case 10:
        holder.route = input_.one_of(routes());
        break;
      case 11:
        pass_time(1ms * (1U << input_.below(10)));
        break;
      case 12:
        pass_time(input_.one_of(std::array<Duration, 6>{1s, 3s, 11s, 31s, 65s, 330s}));
        break;
      case 13:
        answer_from_target();
        break;
      case 14:
        shake_inside(holder);
        break;
      default:
        misuse_keys(holder);
        break;
    }
  }

  /// The rest of the outer handshake follows in carry().
  bool begin(Holder& holder) {
    if (handshakes_ == kMaxHandshakes) return false;
    ++handshakes_;
    holder.handshake->begin(SessionIndex{static_cast<std::uint32_t>(random_.below(1U << kSessionIndexBits))},
                            now_);
    return true;
  }
  void shake(Holder& holder) {
    if (begin(holder)) send(holder, holder.handshake->message_for(PathId{0}));
  }
  void shake_inside(Holder& holder) {
    if (!holder.epoch || !begin(holder)) return;
    const Packet message = holder.handshake->message_for(PathId{0});
    send_control(holder, frame_bytes({HandshakeFrame{message}}));
  }
  void read_handshake2(ConstBytes packet) {
    for (Holder& holder : holders_) {
      auto made = holder.handshake->read(packet, now_);
      if (!made) continue;
      holder.old = std::move(holder.epoch);
      holder.epoch = std::move(*made);
      return;
    }
  }

  void hello(Holder& holder) {
    ClientHelloFrame hello;
    hello.identity.fill(static_cast<std::uint8_t>(input_.below(3)));
    hello.process = input_.below(4);
    PingFrame ping;
    ping.report.path = PathId{static_cast<std::uint8_t>(input_.below(4))};
    Packet frames = frame_bytes({hello, ping});
    frames.resize(300);
    send_control(holder, frames);
  }

  /// The answer to the last challenge that went to the holder's address, or to any other.
  void echo(Holder& holder) {
    const std::uint8_t what = input_.u8();
    const Route& route = (what & 1U) == 0 ? holder.route : routes().at(what % routes().size());
    const auto token = tokens_.find(route);
    if (token == tokens_.end()) return;
    PingFrame ping;
    ping.report.path = PathId{static_cast<std::uint8_t>(what >> 1U & 3U)};
    if (holder.epoch && holder.route == route) proved_.insert(route);
    Packet frames = frame_bytes({EchoFrame{token->second}, ping});
    frames.resize(300);
    send_control(holder, frames);
  }

  void send_control(Holder& holder, const Packet& frames) {
    if (holder.epoch) send(holder, seal_control(*holder.epoch, frames, now_));
  }
  void send_data(Holder& holder) {
    if (holder.epoch) send(holder, seal_data(*holder.epoch, some_frames(input_), now_));
  }

  void misuse_keys(Holder& holder) {
    const std::uint8_t what = input_.u8();
    if (!holder.epoch) return;
    constexpr std::array<std::uint32_t, 4> kJumps{1000, 1U << 21U, 1U << 26U, (1U << 31U) - 3};
    switch (what & 3U) {
      case 0:
        test::wear_out(*holder.epoch, kJumps.at(what >> 2U & 3U), 0);
        break;
      case 1:
        std::swap(holder.epoch, holder.old);
        break;
      case 2:
        if (!holder.last.empty()) holder.last[what % holder.last.size()] ^= 1U;
        break;
      default:
        std::swap(holder.epoch, holders_.at(what % holders_.size()).epoch);
        break;
    }
  }

  void answer_from_target() {
    const std::uint8_t what = input_.u8();
    Packet payload(what % 4U == 0 ? std::size_t{65507} : std::size_t{10} * (what >> 2U));
    // A flow that is open, or one that is no more.
    FlowHandle flow{what};
    if (!sockets_.empty()) flow = *std::next(sockets_.begin(), what % static_cast<int>(sockets_.size()));
    server_.on_target(flow, {payload, std::max<std::size_t>(1, payload.size())}, out_, now_);
    carry();
  }

  void send(Holder& holder, Packet packet) {
    if (packet.empty()) return;
    holder.last = packet;
    const Route route = holder.route;
    heard_from_ = route;
    answer_room_ = packet.size();
    server_.on_network({packet, packet.size()}, route, out_, now_, some_ecn(packet));
    carry();
    answer_room_ = 0;
  }

  void pass_time(Duration time) {
    const TimePoint end = now_ + time;
    // What is due in between, as far as it is worth its time.
    for (int i = 0; i < 40 && server_.deadline() <= end; ++i) {
      now_ = std::max(now_, server_.deadline());
      run_deadline();
    }
    now_ = end;
    run_deadline();
  }
  void run_deadline() {
    for (int i = 0; server_.deadline() <= now_; ++i) {
      MPT_ASSERT(i < kCallsAtOnce);
      server_.on_deadline(out_, now_);
      carry();
    }
  }

  void carry() {
    static_cast<void>(read_all(out_));
    std::vector<Packet> answers;
    for (const PacketRun& run : out_.runs) carry_run(run, answers);
    for (const DirectPacket& direct : out_.direct) {
      hear(out_.bytes_of(direct), direct.route, answers);
    }
    for (const FlowChange& change : out_.flow_changes) {
      if (change.opened) MPT_ASSERT(sockets_.insert(change.flow).second);
    }
    for (const Delivery& delivery : out_.deliveries) MPT_ASSERT(sockets_.contains(delivery.flow));
    for (const FlowChange& change : out_.flow_changes) {
      if (!change.opened) MPT_ASSERT(sockets_.erase(change.flow) == 1);
    }
    out_.clear();
    for (const Packet& answer : answers) read_handshake2(answer);
  }

  void carry_run(const PacketRun& run, std::vector<Packet>& answers) {
    for (const PathId path : run.paths) {
      const Route* route = server_.route_of(run.session, path);
      if (route == nullptr) continue;  // the session ended in the same call
      for_each_packet(out_, run, [&](ConstBytes packet) { hear(packet, *route, answers); });
      server_.on_sent(path, run, run.count, Drop::would_block, now_);
    }
  }

  /// What comes to an address: one that has not proved that it hears the server gets answers alone, no larger
  /// than what came from there.
  void hear(ConstBytes packet, const Route& route, std::vector<Packet>& answers) {
    if (!proved_.contains(route)) {
      MPT_ASSERT(route == heard_from_ && packet.size() <= answer_room_);
      answer_room_ -= packet.size();
    }
    const auto header = decode_header(packet);
    MPT_ASSERT(header);
    if (header->type == PacketType::handshake2) answers.emplace_back(packet.begin(), packet.end());
    if (header->type != PacketType::control) return;
    for (const Holder& holder : holders_) {
      if (!holder.epoch) continue;
      const Packet frames = open_control(*holder.epoch, packet, now_);
      FrameReader reader(frames);
      while (const auto frame = reader.next()) {
        if (const auto* challenge = std::get_if<ChallengeFrame>(&*frame)) tokens_[route] = challenge->token;
        if (const auto* inner = std::get_if<HandshakeFrame>(&*frame))
          answers.emplace_back(inner->packet.begin(), inner->packet.end());
      }
      MPT_ASSERT(reader.error() == FrameError::none);
    }
  }

  void check() const {
    const ServerState& state = server_.state();
    MPT_ASSERT(state.table.all().size() <= settings_.max_sessions + kMaxUnsettledSessions);
    MPT_ASSERT(state.table.flows() <= settings_.max_flows && state.table.flows() == sockets_.size());
    MPT_ASSERT(state.pending.size() <= kMaxPendingHandshakes);
    MPT_ASSERT(state.context.fragments.bytes() <= kFragmentedBytesOfAll);
    MPT_ASSERT(state.context.received.bytes() <= kReceivedBytesOfAll);
    MPT_ASSERT(state.context.waiting.bytes() <= kQueueBytesOfAll);
    std::size_t flows = 0;
    std::size_t settled = 0;
    for (const auto& [handle, session] : state.table.all()) {
      settled += session->is_settled ? 1 : 0;
      flows += session->flows.size();
      check_link(session->link, kMaxEpochs);
      MPT_ASSERT(session->link.current() != nullptr);
    }
    MPT_ASSERT(flows == state.table.flows() && settled <= settings_.max_sessions);
  }

  struct IsLess {
    bool operator()(const Route& a, const Route& b) const { return a.remote < b.remote; }
  };

  Input& input_;
  test::TestRandom random_{1};
  ServerSettings settings_;
  ServerEngine server_;
  std::array<Holder, 3> holders_;
  Output out_;
  TimePoint now_{1h};
  std::size_t handshakes_ = 0;
  std::set<FlowHandle> sockets_;
  std::map<Route, std::uint64_t, IsLess> tokens_;  ///< the last challenge to each address
  std::set<Route, IsLess> proved_;
  Route heard_from_;             ///< in the present call
  std::size_t answer_room_ = 0;  ///< bytes that an answer to it may still have
};

}  // namespace

void attack_server(Input& input) {
  AttackOnServer(input).execute();
}

}  // namespace mptunnel::fuzz
