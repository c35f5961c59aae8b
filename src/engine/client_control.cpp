// The client's CONTROL packets: what the server says, and what is said to it.

#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/control_packet.h"

namespace mptunnel {

namespace {

/// A CHALLENGE alone tests an address: it is no packet of a path's yet, and the server does not count it as
/// one.
bool is_test_of_address(ConstBytes frames) {
  FrameReader reader(frames);
  const auto first = reader.next();
  return first && std::holds_alternative<ChallengeFrame>(*first) && !reader.next();
}

}  // namespace

/// Acts on the frames of one CONTROL packet, all of which are known to be readable.
struct ClientEngine::ControlVisitor {
  ClientEngine& engine;
  KeyEpoch& epoch;
  PathId path;
  AnsweredOnce& answered;
  Output& out;
  TimePoint now;

  void operator()(const PongFrame& pong) const { engine.on_pong(epoch, path, pong.report, out, now); }
  void operator()(const ServerHelloFrame& hello) const {
    if (&epoch == engine.next_.get()) engine.confirm(hello.resumed, out, now);
  }
  void operator()(const ChallengeFrame& challenge) const {
    if (is_first(FrameType::challenge)) engine.send_probe(epoch, path, EchoFrame{challenge.token}, out, now);
  }
  void operator()(const FlowOpenedFrame& opened) const { mark_flow(opened.flow, true); }
  void operator()(const FlowCloseFrame& closed) const { mark_flow(closed.flow, false); }
  void operator()(const CloseFrame& close) const { engine.on_close(epoch, close.reason, out, now); }
  void operator()(const FragmentFrame& fragment) const {
    engine.on_fragment(epoch, path, fragment, out, now);
  }
  void operator()(const MtuProbeFrame& probe) const {
    if (probe.path == path && is_first(FrameType::mtu_probe))
      engine.send_control(epoch, {MtuSeenFrame{path, probe.size}}, PathSet::of(path), out, now);
  }
  void operator()(const MtuSeenFrame& seen) const {
    if (seen.path == path) engine.paths_[path.value].mtu.on_seen(seen.size, now);
  }
  template <typename Other>
  void operator()(const Other&) const {
    engine.drops_.add(Drop::unexpected_frame);
  }

  [[nodiscard]] bool is_first(FrameType type) const { return answered.is_first(type, engine.drops_); }
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
  // A report in the packet speaks of what was sent before it, and CLOSE may end the epoch: counted
  // afterwards, but among those that the epoch counts now.
  const std::shared_ptr<PathTable> before = epoch.paths();
  const auto count = [&](PathTable& table) { table[path.value].count_received(packet.size()); };
  if (!opened) {
    drops_.add(opened.error());
    if (opened.error() == Drop::copy && epoch.verifies(header, packet)) count(*before);
    return;
  }
  if (is_news) heard(epoch, now);
  const SessionIndex index = epoch.local_index();
  const bool is_counted = !is_test_of_address(*opened);
  on_control_frames(epoch, path, *opened, out, now);
  // SERVER_HELLO may have joined the counters with those of the session.
  const KeyEpoch* after = find_epoch(index);
  if (is_counted) count(after == nullptr ? *before : *after->paths());
}

void ClientEngine::on_control_frames(KeyEpoch& epoch, PathId path, ConstBytes frames, Output& out,
                                     TimePoint now) {
  if (const auto error = check_frames(frames)) {
    drops_.add(*error);
    return;
  }
  AnsweredOnce answered;
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    // CLOSE ends the epoch that the visitor refers to; nothing behind it is read.
    std::visit(ControlVisitor{*this, epoch, path, answered, out, now}, *frame);
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
  epoch.on_report(report);
  epoch.path(report.path).on_report(report, now);
  // A PONG comes back by the way the PING went; one that comes by another says nothing about either.
  if (report.path != path) return;
  ClientPath& own = paths_[path.value];
  const Duration silent = own.probed.silence(now);
  const std::uint32_t probes = own.probed.unanswered();
  const auto was = own.probed.answered(report.sequence, now);
  if (!was || *was == PathState::up) return;
  if (own.mtu.is_off() && epoch.peer_knows(FrameType::mtu_probe)) own.mtu.start(now);
  note_path_change(path, *was, silent, probes, out);
  update_standby(out, now);
  note_all_down(out, now);
  flush_queue(out, now);
}

void ClientEngine::confirm(bool resumed, Output& out, TimePoint now) {
  const bool had_session = current_ != nullptr;
  retire(current_, now);
  current_ = std::move(next_);
  if (resumed && session_paths_) {
    current_->join_paths(session_paths_);
  } else {
    retired_in_ = retired_out_ = Arrivals{};
    session_since_ = now;
    for (ClientPath& path : paths_) path.probed.forgive_silence(now);
  }
  session_paths_ = current_->paths();
  next_hello_ = kNever;
  hello_life_min_ = Duration{};
  is_handshaking_ = false;
  handshake_.abandon();
  handshaking_since_.reset();
  unanswered_since_.reset();
  said_no_answer_ = said_refused_ = said_lost_ = false;
  all_down_since_.reset();
  if (!resumed || !had_session) flows_.forget_opened();
  out.events.emplace_back(SessionStarted{current_->cipher(), resumed && had_session});
  // Paths that were down are not news yet: the PONG that comes with SERVER_HELLO is still to be read.
  flush_queue(out, now);
}

void ClientEngine::on_close(const KeyEpoch& epoch, CloseReason reason, Output& out, TimePoint now) {
  if (&epoch == next_.get()) {
    next_.reset();
    next_hello_ = kNever;
    if (!said_refused_) out.events.emplace_back(SessionRefused{reason});
    said_refused_ = true;
    start_handshake(false, now);
    next_handshake_ = now + kHandshakeRepeatMax;
    handshaking_since_ = next_handshake_;
  } else if (&epoch == current_.get()) {
    retire(current_, now);
    out.events.emplace_back(SessionEnded{reason});
    if (!next_) start_handshake(false, now);
  }
}

bool ClientEngine::send_control(KeyEpoch& epoch, const std::vector<Frame>& frames, PathSet paths, Output& out,
                                TimePoint now) {
  if (paths.empty()) return false;
  const bool probes = std::holds_alternative<PingFrame>(frames.back());
  const auto size = seal_control_packet(epoch, frames, probes ? kProbeFrameBytes : 0, out, now);
  if (!size) {
    drops_.add(size.error());
    return false;
  }
  out.send(*size, paths, SessionHandle{}, epoch.local_index());
  return true;
}

void ClientEngine::send_probe(KeyEpoch& epoch, PathId path, std::optional<Frame> first, Output& out,
                              TimePoint now) {
  ClientPath& own = paths_[path.value];
  PathReport report = make_report(epoch, path, own.probed.probe(is_moving_, now), now);
  report.interval = static_cast<std::uint16_t>(own.probed.interval(is_moving_) / 1ms);
  if (own.mtu.is_measured()) report.mtu = static_cast<std::uint16_t>(own.mtu.mtu());
  if (own.probed.is_standby()) report.flags |= PathReport::kStandby;
  if (own.probed.state() == PathState::down) report.flags |= PathReport::kUnheard;
  if (own.probed.traits().metered) report.flags |= PathReport::kMetered;
  if (&epoch == next_.get()) report.flags |= PathReport::kUncounted;
  std::vector<Frame> frames;
  if (first) frames.push_back(*first);
  frames.emplace_back(PingFrame{report});
  if (&epoch == current_.get() && !unanswered_since_) unanswered_since_ = now;
  if (const PacketNumber number{epoch.control_sealed()};
      send_control(epoch, frames, PathSet::of(path), out, now))
    loop_check_.on_sent(epoch.remote_index(), number, path);
}

}  // namespace mptunnel
