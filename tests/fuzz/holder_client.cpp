// The server is hostile: see holder_fuzz.cpp.
#include <array>
#include <memory>
#include <set>

#include "fuzz/holder.h"
#include "fuzz/hostile_peer.h"
#include "mptunnel/base/assert.h"
#include "mptunnel/engine/client_engine.h"
#include "mptunnel/session/pending_handshakes.h"
#include "support/key_wear.h"
#include "support/test_random.h"

namespace mptunnel::fuzz {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPaths = 3;
constexpr std::size_t kMaxFlowsOfClient = 4;
constexpr std::uint32_t kSources = 8;
/// Before it knows what its server chose, the next epoch is there beside the current and the old ones.
constexpr std::size_t kMostEpochs = kMaxOldEpochs + 2;

ClientSettings settings_of(const HandshakeSettings& handshake) {
  ClientSettings settings;
  settings.handshake = handshake;
  settings.identity.fill(5);
  settings.paths = kPaths;
  settings.max_flows = kMaxFlowsOfClient;
  settings.order.mode = OrderSettings::Mode::always;
  return settings;
}

class AttackOnClient {
 public:
  explicit AttackOnClient(Input& input)
      : input_(input),
        settings_(read_settings(input)),
        keyring_({settings_.key, {}}),
        pending_(settings_, keyring_, random_),
        client_(settings_of(settings_), random_) {
    for (std::uint8_t i = 0; i < kPaths; ++i) client_.set_path_available(PathId{i}, true, out_, now_);
    carry();
  }

  void execute() {
    for (std::size_t i = 0; i < kMaxSteps && !input_.empty(); ++i) {
      step();
      check();
    }
    client_.close(out_, now_);
    carry();
  }

 private:
  void step() {
    switch (input_.u8() % 16U) {
      case 0:
      case 1:
        answer_handshake();
        break;
      case 2:
        confirm();
        break;
      case 3:
      case 4:
      case 5:
        send_control(some_frames(input_));
        break;
      case 6:
      case 7:
        if (epoch_ != nullptr) send(seal_data(*epoch_, some_frames(input_), now_));
        break;
      case 8:
        send(Packet(last_));
        break;
      case 9:
      case 10:
        offer();
        break;
      case 11:
        pass_time(1ms * (1U << input_.below(10)));
        break;
      case 12:
        pass_time(input_.one_of(std::array<Duration, 6>{1s, 3s, 11s, 31s, 125s, 330s}));
        break;
      case 13:
        change_path();
        break;
      case 14:
        send_raw();
        break;
      default:
        misuse_keys();
        break;
    }
  }

  // ---- Handshakes ----

  void answer_handshake() {
    if (handshake1_.empty() || handshakes_ == kMaxHandshakes) return;
    ++handshakes_;
    const bool is_inside = input_.below(2) == 1;
    SessionIndex chosen;
    const auto choose = [&](SessionIndex index) {
      chosen = index;
      return true;
    };
    const auto answer =
        is_inside
            ? pending_.renew(handshake1_,
                             {SessionHandle{1},
                              *keyring_.find(decode_handshake_prefix(handshake1_)->key_name), renewals_},
                             choose, now_)
            : pending_.answer(handshake1_, kClient, choose, now_);
    if (!answer) return;
    const Packet response(answer->response.begin(), answer->response.end());
    if (answer->is_new) keep(pending_.adopt(chosen));
    if (is_inside) {
      send_control(frame_bytes({HandshakeFrame{response}}), old_.get());
    } else {
      send(response);
    }
  }

  void keep(std::unique_ptr<KeyEpoch> made) {
    if (!made) return;
    old_ = std::move(current_);
    current_ = std::move(made);
    epoch_ = current_.get();
  }

  /// SERVER_HELLO and the answer to the last PING.
  void confirm() {
    const std::uint8_t what = input_.u8();
    PongFrame pong;
    pong.report.path = PathId{static_cast<std::uint8_t>(what % kPaths)};
    pong.report.sequence = last_ping_.sequence;
    pong.report.echo = last_ping_.time;
    pong.report.held = 0;
    std::vector<Frame> frames{ServerHelloFrame{(what & 0x80U) != 0}, pong};
    if ((what & 0x40U) != 0) frames.erase(frames.begin());
    path_ = pong.report.path;
    send_control(frame_bytes(frames));
  }

  void misuse_keys() {
    const std::uint8_t what = input_.u8();
    constexpr std::array<std::uint32_t, 4> kJumps{1000, 1U << 21U, 1U << 26U, (1U << 31U) - 3};
    if ((what & 1U) == 0) {
      if (epoch_ != nullptr) test::wear_out(*epoch_, kJumps.at(what >> 1U & 3U), 0);
    } else {
      epoch_ = epoch_ == current_.get() && old_ ? old_.get() : current_.get();
    }
  }

  // ---- What the client gets ----

  void send_control(const Packet& frames, KeyEpoch* epoch = nullptr) {
    if (epoch == nullptr) epoch = epoch_;
    if (epoch != nullptr) send(seal_control(*epoch, frames, now_));
  }

  void send(const Packet& packet) {
    // A socket that was closed hears nothing.
    if (packet.empty() || !client_.path(path_).is_available()) return;
    last_ = packet;
    Packet sent = packet;
    client_.on_path(path_, {sent, sent.size()}, out_, now_, {some_ecn(packet)});
    carry();
  }

  void send_raw() {
    path_ = PathId{static_cast<std::uint8_t>(input_.below(kPaths))};
    const std::uint8_t what = input_.u8();
    Packet packet = last_;
    if ((what & 1U) != 0) {
      const ConstBytes bytes = input_.piece(what);
      packet.assign(bytes.begin(), bytes.end());
    } else if (!packet.empty()) {
      packet[what % packet.size()] ^= static_cast<std::uint8_t>(1U + input_.u8() % 255U);
    }
    send(std::move(packet));
  }

  void offer() {
    const std::uint8_t what = input_.u8();
    const FlowHandle source{what % kSources};
    Packet payload((what & 0x80U) != 0 ? std::size_t{65507} : 100U * (what >> 5U));
    offered_.insert(source);
    client_.on_application({payload, std::max<std::size_t>(1, payload.size())}, {source, source.value}, out_,
                           now_);
    carry();
  }

  void change_path() {
    const std::uint8_t what = input_.u8();
    const PathId path{static_cast<std::uint8_t>(what >> 2U & 3U)};
    if (path.value >= kPaths) return;
    if ((what & 1U) != 0) {
      client_.set_path_available(path, (what & 2U) != 0, out_, now_);
    } else if (client_.path(path).is_available()) {
      client_.readdress_path(path, out_, now_);
    }
    carry();
  }

  void pass_time(Duration time) {
    const TimePoint end = now_ + time;
    // What is due in between, as far as it is worth its time.
    for (int i = 0; i < 40 && client_.deadline() <= end; ++i) {
      now_ = std::max(now_, client_.deadline());
      run_deadline();
    }
    now_ = end;
    run_deadline();
  }
  void run_deadline() {
    for (int i = 0; client_.deadline() <= now_; ++i) {
      MPT_ASSERT(i < kCallsAtOnce);
      client_.on_deadline(out_, now_);
      carry();
    }
  }

  // ---- What comes of it ----

  void carry() {
    static_cast<void>(read_all(out_));
    MPT_ASSERT(out_.direct.empty());
    for (const PacketRun& run : out_.runs) {
      for_each_packet(out_, run, [this](ConstBytes packet) { hear(packet); });
      for (const PathId path : run.paths) {
        MPT_ASSERT(path.value < kPaths && client_.path(path).is_available());
        client_.on_sent(path, run, run.count, Drop::would_block, now_);
      }
    }
    for (const Delivery& delivery : out_.deliveries) MPT_ASSERT(offered_.contains(delivery.flow));
    for (const FlowChange& change : out_.flow_changes) {
      MPT_ASSERT(!change.opened && offered_.erase(change.flow) == 1);
    }
    out_.clear();
  }

  void hear(ConstBytes packet) {
    const auto header = decode_header(packet);
    MPT_ASSERT(header);
    if (header->type == PacketType::handshake1) handshake1_.assign(packet.begin(), packet.end());
    for (KeyEpoch* epoch : {current_.get(), old_.get()}) {
      if (epoch == nullptr) continue;
      const Packet frames = open_control(*epoch, packet, now_);
      FrameReader reader(frames);
      while (const auto frame = reader.next()) {
        if (const auto* ping = std::get_if<PingFrame>(&*frame)) last_ping_ = ping->report;
        if (const auto* inner = std::get_if<HandshakeFrame>(&*frame))
          handshake1_.assign(inner->packet.begin(), inner->packet.end());
      }
      MPT_ASSERT(reader.error() == FrameError::none);
    }
  }

  void check() const {
    const ClientState& state = client_.state();
    MPT_ASSERT(state.flows.size() <= kMaxFlowsOfClient);
    MPT_ASSERT(state.context.fragments.bytes() <= kFragmentedBytesOfAll);
    MPT_ASSERT(state.context.received.bytes() <= kReceivedBytesOfAll);
    MPT_ASSERT(state.context.waiting.bytes() <= kQueueBytesOfAll);
    check_link(state.link, kMostEpochs);
  }

  inline static const Endpoint kClient = *parse_numeric_endpoint("192.0.2.1", 4000);

  Input& input_;
  test::TestRandom random_{1};
  HandshakeSettings settings_;
  Keyring keyring_;
  PendingHandshakes pending_;
  ClientEngine client_;
  TokenBucket renewals_{1000, 1000};
  Output out_;
  TimePoint now_{1h};
  PathId path_;  ///< by which the server sends
  std::size_t handshakes_ = 0;
  std::unique_ptr<KeyEpoch> current_;
  std::unique_ptr<KeyEpoch> old_;
  KeyEpoch* epoch_ = nullptr;  ///< which of them is used
  Packet handshake1_;          ///< the client's latest
  Packet last_;                ///< what the server sent last
  PathReport last_ping_;
  std::set<FlowHandle> offered_;
};

}  // namespace

void attack_client(Input& input) {
  AttackOnClient(input).execute();
}

}  // namespace mptunnel::fuzz
