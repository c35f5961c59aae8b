// The client's CONTROL packets: what the server says, and what is said to it.

#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/control_packet.h"

namespace mptunnel {

/// Acts on the frames of one CONTROL packet, all of which are known to be readable.
struct ClientEngine::ControlVisitor {
  ClientEngine& engine;
  KeyEpoch& epoch;
  PathId path;
  Output& out;
  TimePoint now;

  void operator()(const PongFrame& pong) const { engine.on_pong(epoch, path, pong.report, out, now); }
  void operator()(const ServerHelloFrame& hello) const {
    if (&epoch == engine.next_.get()) engine.confirm(hello.resumed, out, now);
  }
  void operator()(const ChallengeFrame& challenge) const {
    engine.send_probe(epoch, path, EchoFrame{challenge.token}, out, now);
  }
  void operator()(const FlowOpenedFrame& opened) const { mark_flow(opened.flow, true); }
  void operator()(const FlowCloseFrame& closed) const { mark_flow(closed.flow, false); }
  void operator()(const CloseFrame& close) const { engine.on_close(epoch, close.reason, out, now); }
  template <typename Other>
  void operator()(const Other&) const {
    engine.drops_.add(Drop::unexpected_frame);
  }

  /// What an older session says of a flow is no news of this one.
  void mark_flow(FlowId id, bool opened) const {
    ClientFlow* flow = engine.flows_.find(id);
    if (flow != nullptr && &epoch == engine.current_.get()) flow->opened = opened;
  }
};

void ClientEngine::on_control(KeyEpoch& epoch, PathId path, const PacketHeader& header, Bytes packet,
                              Output& out, TimePoint now) {
  const bool is_news = epoch.is_news(header);
  const auto opened = epoch.open_control(header, packet, now);
  if (!opened) {
    drops_.add(opened.error());
    if (opened.error() == Drop::copy) ++epoch.path(path).received;
    return;
  }
  ++epoch.path(path).received;
  if (is_news) heard(epoch, now);
  if (const auto error = check_frames(*opened)) {
    drops_.add(*error);
    return;
  }
  FrameReader reader(*opened);
  while (const auto frame = reader.next()) {
    // CLOSE ends the epoch that the visitor refers to; nothing behind it is read.
    std::visit(ControlVisitor{*this, epoch, path, out, now}, *frame);
    if (std::holds_alternative<CloseFrame>(*frame)) break;
  }
}

void ClientEngine::heard(const KeyEpoch& epoch, TimePoint now) {
  if (&epoch != current_.get() || !current_->is_usable(now)) return;
  unanswered_since_.reset();
  said_lost_ = false;
  if (is_handshaking_ && is_for_silence_) {
    is_handshaking_ = false;
    handshake_.abandon();
  }
}

void ClientEngine::on_pong(KeyEpoch& epoch, PathId path, const PathReport& report, Output& out,
                           TimePoint now) {
  if (report.path.value >= paths_.size()) {
    drops_.add(Drop::path_limit);
    return;
  }
  epoch.announce_data(report.data_sealed);
  note_report(epoch.path(report.path), report);
  // A PONG comes back by the way the PING went; one that comes by another says nothing about either.
  if (report.path != path) return;
  ProbedPath& probed = paths_[path.value];
  const auto was = probed.answered(report.sequence, now);
  if (!was || *was == PathState::up) return;
  Event event;
  event.kind = EventKind::path_changed;
  event.path = path;
  event.was = *was;
  event.state = PathState::up;
  event.rtt = probed.rtt().latest();
  out.events.push_back(event);
  note_all_down(out, now);
  flush_queue(out, now);
}

void ClientEngine::confirm(bool resumed, Output& out, TimePoint now) {
  const bool had_session = current_ != nullptr;
  retire(current_, now);
  current_ = std::move(next_);
  next_hello_ = kNever;
  hello_life_min_ = Duration{};
  is_handshaking_ = false;
  handshake_.abandon();
  handshaking_since_.reset();
  unanswered_since_.reset();
  said_no_answer_ = said_refused_ = said_lost_ = false;
  all_down_since_.reset();
  if (!resumed || !had_session) flows_.forget_opened();
  Event event;
  event.kind = EventKind::session_started;
  event.cipher = current_->cipher();
  event.resumed = resumed && had_session;
  out.events.push_back(event);
  // Paths that were down are not news yet: the PONG that comes with SERVER_HELLO is still to be read.
  flush_queue(out, now);
}

void ClientEngine::on_close(const KeyEpoch& epoch, CloseReason reason, Output& out, TimePoint now) {
  Event event;
  event.reason = reason;
  if (&epoch == next_.get()) {
    next_.reset();
    next_hello_ = kNever;
    event.kind = EventKind::session_refused;
    if (!said_refused_) out.events.push_back(event);
    said_refused_ = true;
    start_handshake(false, now);
    next_handshake_ = now + kHandshakeRepeatMax;
    handshaking_since_ = next_handshake_;
  } else if (&epoch == current_.get()) {
    retire(current_, now);
    event.kind = EventKind::session_ended;
    out.events.push_back(event);
    if (!next_) start_handshake(false, now);
  }
}

void ClientEngine::send_control(KeyEpoch& epoch, const std::vector<Frame>& frames, PathMask paths,
                                Output& out, TimePoint now) {
  if (paths == 0) return;
  const bool probes = std::holds_alternative<PingFrame>(frames.back());
  const auto size = seal_control_packet(epoch, frames, probes ? kProbeFrameBytes : 0, out, now);
  if (size) {
    out.send(*size, paths, SessionHandle{}, epoch.local_index());
  } else {
    drops_.add(size.error());
  }
}

void ClientEngine::send_probe(KeyEpoch& epoch, PathId path, std::optional<Frame> first, Output& out,
                              TimePoint now) {
  std::vector<Frame> frames;
  if (first) frames.push_back(*first);
  frames.emplace_back(PingFrame{make_report(epoch, path, paths_[path.value].probe(now))});
  if (&epoch == current_.get() && !unanswered_since_) unanswered_since_ = now;
  send_control(epoch, frames, mask_of(path), out, now);
}

}  // namespace mptunnel
