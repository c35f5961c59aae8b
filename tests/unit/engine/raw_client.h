// A client by hand: handshakes and CONTROL packets with whatever frames a test wants, from any address.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "tunnel.h"

namespace mptunnel::test {

class RawClient {
 public:
  RawClient(ServerEngine& server, RandomSource& random, const Route& route,
            const HandshakeSettings& settings = {})
      : server_(server), random_(random), settings_(settings), handshake_(settings, random), route_(route) {}

  /// HANDSHAKE 1, and the answer to it: true if it gave an epoch. Shows a cookie once it has one.
  bool shake(TimePoint now) {
    handshake_.begin(SessionIndex{static_cast<std::uint32_t>(random_.below(1U << kSessionIndexBits))}, now);
    message_ = handshake_.message_for(PathId{0});
    Output out = send(message_, now);
    if (out.direct.size() == 1 && handshake_.read_cookie(out.bytes_of(out.direct[0]), PathId{0}, now)) {
      message_ = handshake_.message_for(PathId{0});
      out = send(message_, now);
    }
    if (out.direct.size() != 1) return false;
    auto made = handshake_.read(out.bytes_of(out.direct[0]), now);
    if (made) epoch_ = std::move(*made);
    return made.has_value();
  }
  /// The same HANDSHAKE 1 again, as it comes by another path.
  void repeat_handshake(TimePoint now) {
    const Output out = send(message_, now);
    EXPECT_EQ(out.direct.size(), 1U) << "a copy gets the same answer";
  }
  Packet control(const std::vector<Frame>& frames, TimePoint now) {
    return seal(true, frame_bytes(frames), now);
  }
  Packet data(const std::vector<Frame>& frames, TimePoint now) {
    return seal(false, frame_bytes(frames), now);
  }
  /// CONTROL, padded as a client of ours pads a PING: room for an answer to an address that proved nothing.
  Packet padded(const std::vector<Frame>& frames, TimePoint now) {
    Packet bytes = frame_bytes(frames);
    bytes.resize(std::max(bytes.size(), kProbeFrameBytes));
    return seal(true, bytes, now);
  }
  /// PING of path 0.
  Packet ping(TimePoint now) { return padded({PingFrame{}}, now); }
  /// CLIENT_HELLO and PING of path 0, as a client of ours would send them.
  Packet hello(std::uint8_t identity, ProcessId process, TimePoint now) {
    ClientHelloFrame frame;
    frame.identity.fill(identity);
    frame.process = process;
    return control({frame, PingFrame{}}, now);
  }
  /// What the server makes of this packet. Events of the server are kept.
  Output send(Packet packet, TimePoint now) {
    Output out;
    server_.on_network({packet, packet.size()}, route_, out, now);
    events.insert(events.end(), out.events.begin(), out.events.end());
    return out;
  }
  /// Handshake and hello: true if the server then has a session that answers.
  bool connect(std::uint8_t identity, ProcessId process, TimePoint now) {
    return shake(now) && !send(hello(identity, process, now), now).runs.empty();
  }
  /// The same, and answers the challenge, if there is one: true if the server then keeps the session.
  bool join(std::uint8_t identity, ProcessId process, TimePoint now) {
    if (!shake(now)) return false;
    const Output out = send(hello(identity, process, now), now);
    return !out.runs.empty() && echo(out, now);
  }
  /// Answers the challenge in what the server sent.
  bool echo(const Output& out, TimePoint now) {
    const ConstBytes answer = out.runs.empty() ? out.bytes_of(out.direct.at(0)) : out.bytes_of(out.runs[0]);
    for (const Frame& frame : read(answer, now)) {
      if (const auto* challenge = std::get_if<ChallengeFrame>(&frame))
        return !send(control({EchoFrame{challenge->token}, PingFrame{}}, now), now).runs.empty();
    }
    return true;
  }
  /// A handshake inside the session: the epoch that it gave, or null.
  std::unique_ptr<KeyEpoch> renew(TimePoint now) {
    ClientHandshake inside(settings_, random_);
    inside.begin(SessionIndex{static_cast<std::uint32_t>(random_.below(1U << kSessionIndexBits))}, now);
    const Output out = send(control({PingFrame{}, HandshakeFrame{inside.message()}}, now), now);
    for (const PacketRun& run : out.runs) {
      const ConstBytes bytes = out.bytes_of(run);
      Packet copy(bytes.begin(), bytes.end());
      const auto opened = epoch_->open_control(*decode_header(copy), copy, now);
      if (!opened) continue;
      FrameReader reader(*opened);
      while (const auto frame = reader.next()) {
        const auto* answer = std::get_if<HandshakeFrame>(&*frame);
        if (answer == nullptr) continue;
        if (auto made = inside.read(answer->packet, now)) return std::move(*made);
      }
    }
    return nullptr;
  }
  /// What the client seals under from now on.
  void use(std::unique_ptr<KeyEpoch> epoch) { epoch_ = std::move(epoch); }
  /// The frames of a packet of the server; it must open.
  std::vector<Frame> read(ConstBytes packet, TimePoint now) {
    Packet copy(packet.begin(), packet.end());
    std::vector<Frame> frames;
    const auto opened = epoch_->open_control(*decode_header(copy), copy, now);
    EXPECT_TRUE(opened);
    if (!opened) return frames;
    FrameReader reader(*opened);
    while (const auto frame = reader.next()) frames.push_back(*frame);
    return frames;
  }
  [[nodiscard]] KeyEpoch& epoch() { return *epoch_; }
  void set_route(const Route& route) { route_ = route; }

  std::vector<Event> events;

 private:
  Packet seal(bool is_control, const Packet& frames, TimePoint now) {
    Packet packet((is_control ? KeyEpoch::kControlOverhead : epoch_->data_overhead()) + frames.size());
    if (is_control) {
      EXPECT_TRUE(epoch_->seal_control(frames, {}, packet, now));
    } else {
      EXPECT_TRUE(epoch_->seal_data(frames, {}, packet, now));
    }
    return packet;
  }

  ServerEngine& server_;
  RandomSource& random_;
  HandshakeSettings settings_;
  ClientHandshake handshake_;
  Packet message_;  // the last HANDSHAKE 1
  Route route_;
  std::unique_ptr<KeyEpoch> epoch_;
};

/// A client's address: `network` is its /24.
inline Route raw_route(std::uint8_t network, std::uint16_t port = 4000) {
  Route route{*parse_numeric_endpoint("10.1.0.9", port), *parse_numeric_endpoint("203.0.113.1", 2000)};
  route.remote.address[2] = network;
  return route;
}

}  // namespace mptunnel::test
