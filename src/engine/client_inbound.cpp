#include "mptunnel/engine/client_parts.h"
#include "mptunnel/ip/ip_packet.h"
#include "mptunnel/ip/marks.h"

namespace mptunnel {
namespace {

/// A path of the client is always known: by the socket that the packet came to.
class PathOrigin final : public Origin {
 public:
  explicit PathOrigin(PathTraffic& traffic) : Origin(&traffic) {}

 private:
  PathTraffic& admit() override { return genuine(); }
};

/// A CHALLENGE alone tests an address: it is no packet of a path's yet, and the server does not count it as
/// one.
bool is_test_of_address(ConstBytes frames) {
  FrameReader reader(frames);
  const auto first = reader.next();
  return first && std::holds_alternative<ChallengeFrame>(*first) && !reader.next();
}

}  // namespace

struct ClientInbound::Arrival {
  PacketHeader header;
  Bytes packet;
  PathId path;
  Output& out;
  TimePoint now;
  OuterEcn ecn;               ///< of what was repaired none is known
  bool is_recovered = false;  ///< what is read of it was lost, and repaired
};

/// Acts on the frames of one CONTROL packet, all of which are known to be readable.
struct ClientInbound::ControlVisitor {
  ClientInbound& in;
  LinkEpoch& epoch;
  AnsweredOnce& answered;
  const Arrival& arrival;

  void operator()(const PongFrame& pong) const {
    answered.take(FrameType::pong);
    in.on_pong(epoch, pong.report, arrival);
  }
  void operator()(const ServerHelloFrame& hello) const {
    if (&epoch != in.state_.link.next()) return;
    if (!in.handshaking_.on_confirmed(hello.resumed, arrival.out, arrival.now)) {
      in.state_.flows.forget_opened();
      in.addressing_.on_session(arrival.now);
      in.state_.receiver.order().restart(arrival.out);
    }
    // Paths that were down are not up yet: the PONG that comes with SERVER_HELLO is still to be read.
    in.outbound_.flush(arrival.out, arrival.now);
  }
  void operator()(const ChallengeFrame& challenge) const {
    if (!is_first(FrameType::challenge)) return;
    // In one packet: the server tells of the path once it has the answer, and has its name then.
    std::vector<Frame> frames = in.introducing_.names_for_echo(epoch, arrival.path, arrival.now);
    frames.emplace_back(EchoFrame{challenge.token});
    in.prober_.probe(epoch, arrival.path, std::move(frames), arrival.out, arrival.now);
  }
  void operator()(const FlowOpenedFrame& opened) const { mark_flow(opened.flow, true); }
  void operator()(const FlowCloseFrame& closed) const { mark_flow(closed.flow, false); }
  void operator()(const CloseFrame& close) const {
    in.handshaking_.on_close(epoch, close.reason, arrival.out, arrival.now);
  }
  void operator()(const FragmentFrame& fragment) const { in.on_fragment(epoch, fragment, arrival); }
  void operator()(const RepairFrame& repair) const {
    in.state_.receiver.add_repair(epoch, repair, epoch.path(arrival.path), arrival.now);
    in.read_recovered(epoch, arrival);
  }
  void operator()(const RepairReportFrame& report) const {
    if (!is_first(FrameType::repair_report)) return;
    epoch.on_repair_report(report);
    if (&epoch != in.state_.link.current()) return;
    in.state_.sender.on_report(epoch, report, in.state_.paths.reported(*epoch.paths(), arrival.now),
                               arrival.now);
  }
  void operator()(const MtuProbeFrame& probe) const {
    if (!is_of_this_path(probe.path) || !is_first(FrameType::mtu_probe)) return;
    answer(MtuSeenFrame{arrival.path, probe.size});
  }
  void operator()(const MtuSeenFrame& seen) const {
    if (is_of_this_path(seen.path)) in.state_.paths[arrival.path].mtu.on_seen(seen.size, arrival.now);
  }
  void operator()(const MarkProbeFrame& probe) const {
    if (!is_of_this_path(probe.path) || !is_first(FrameType::mark_probe)) return;
    answer(MarkSeenFrame{arrival.path, probe.sequence});
  }
  void operator()(const MarkSeenFrame& seen) const {
    in.state_.sender.marks().on_seen(seen.path, seen.sequence);
  }
  void operator()(const HandshakeFrame& handshake) const {
    if (is_first(FrameType::handshake)) in.handshaking_.on_answer(handshake.packet, arrival.out, arrival.now);
  }
  void operator()(const SeenFromFrame& seen) const { in.introducing_.on_seen(epoch, seen); }
  void operator()(const AckFrame& ack) const {
    if (!in.state_.sender.on_ack(epoch, ack, arrival.now))
      in.state_.context.drops.add(Drop::unexpected_frame);
  }
  void operator()(const AckWantedFrame& wanted) const {
    if (&epoch == in.state_.link.current()) in.state_.receiver.on_ack_wanted(wanted, epoch, arrival.now);
  }
  void operator()(const EpochCountsFrame& counts) const { in.state_.link.on_counts(counts); }
  void operator()(const AddressesGivenFrame& given) const {
    if (in.addressing_.on_given(epoch, given, arrival.out, arrival.now))
      in.outbound_.flush(arrival.out, arrival.now);
  }
  template <typename Other>
  void operator()(const Other&) const {
    in.state_.context.drops.add(Drop::unexpected_frame);
  }

  /// What came by a path is answered by it; if that may pass inwards alone, by all others, too.
  void answer(const Frame& frame) const {
    PathSet to = PathSet::of(arrival.path);
    if (in.state_.paths[arrival.path].probed.wants_help()) to |= in.state_.paths.carrying(arrival.now);
    in.state_.sender.send_control(epoch, {frame}, to, arrival.out, arrival.now);
  }
  [[nodiscard]] bool is_first(FrameType type) const {
    return answered.is_first(type, in.state_.context.drops);
  }
  /// What came by another path says nothing about this one.
  [[nodiscard]] bool is_of_this_path(PathId path) const {
    if (path != arrival.path) in.state_.context.drops.add(Drop::unexpected_frame);
    return path == arrival.path;
  }
  /// What an older session says of a flow is no news of this one.
  void mark_flow(FlowId id, bool opened) const {
    ClientFlow* flow = in.state_.flows.find(id);
    if (flow == nullptr || &epoch != in.state_.link.current()) return;
    flow->opened = opened;
    // What the server sends once it knows the flow again is numbered anew.
    if (!opened) in.state_.receiver.order().close(flow->handle, arrival.out);
  }
};

void ClientInbound::on_packet(PathId path, Bytes packet, OuterEcn ecn, Output& out, TimePoint now) {
  const auto header = decode_header(packet);
  if (!header) {
    state_.context.drops.add(packet.size() < kHeaderBytes ? Drop::truncated : Drop::unknown_type);
    return;
  }
  const Arrival arrival{*header, packet, path, out, now, ecn};
  if (header->type == PacketType::data) {
    if (LinkEpoch* epoch = state_.link.find(header->index)) {
      on_data(*epoch, arrival);
    } else {
      state_.context.drops.add(Drop::unknown_index);
    }
  } else if (header->type == PacketType::control) {
    on_control(arrival);
  } else if (header->type == PacketType::handshake2) {
    handshaking_.on_answer(packet, out, now);
  } else if (header->type == PacketType::cookie) {
    handshaking_.on_cookie(packet, path, out, now);
  } else {
    state_.context.drops.add(Drop::unknown_type);
  }
}

void ClientInbound::on_data(LinkEpoch& epoch, const Arrival& arrival) {
  PathOrigin origin(epoch.path(arrival.path));
  const auto opened =
      state_.receiver.open_data(epoch, arrival.header, arrival.packet, origin, arrival.ecn, arrival.now);
  if (!opened) return;
  if (opened->is_news) handshaking_.on_heard(epoch, arrival.now);
  read_data(epoch, opened->frames, arrival);
  read_recovered(epoch, arrival);
}

void ClientInbound::read_recovered(LinkEpoch& epoch, const Arrival& arrival) {
  const std::vector<ConstBytes>& all = state_.receiver.take_recovered(epoch, arrival.out, arrival.now);
  if (all.empty()) return;
  Arrival recovered = arrival;
  recovered.is_recovered = true;
  recovered.ecn = {};
  for (const ConstBytes frames : all) read_data(epoch, frames, recovered);
}

void ClientInbound::read_data(const LinkEpoch& epoch, ConstBytes frames, const Arrival& arrival) {
  state_.receiver.read_data(
      frames, [&](const DatagramFrame& datagram) { deliver(datagram, arrival); },
      [&](const Frame& frame) {
        const auto* inner = std::get_if<IpFrame>(&frame);
        return inner != nullptr && deliver_inner(epoch, *inner, arrival);
      });
}

bool ClientInbound::deliver_inner(const LinkEpoch& epoch, const IpFrame& frame, const Arrival& arrival) {
  if (!state_.inner || !epoch.can_carry_inner()) return false;
  const auto packet = parse_ip_packet(frame.packet);
  if (!packet) {
    state_.context.drops.add(Drop::inner_malformed);
    state_.receiver.skip_inner(frame, arrival.out, arrival.now);
    return true;
  }
  state_.activity.note_delivery(arrival.now);
  state_.inner->counts.count_out(frame.packet.size());
  const Ecn own = marks_of(*packet).ecn;
  // Whatever is dropped for its mark was, when it was opened.
  const Ecn ecn = forwarded_ecn(own, arrival.ecn.ecn).value_or(own);
  state_.receiver.deliver_inner(frame, ecn, arrival.is_recovered, arrival.out, arrival.now);
  return true;
}

void ClientInbound::deliver(const DatagramFrame& datagram, const Arrival& arrival) {
  ClientFlow* flow = state_.flows.find(datagram.flow);
  if (flow == nullptr) {
    state_.context.drops.add(Drop::flow_unknown);
    return;
  }
  flow->last_used = arrival.now;
  flow->note_to_client(1);
  state_.activity.note_delivery(arrival.now);
  ++datagrams_;
  state_.receiver.deliver(flow->handle, datagram, arrival.is_recovered, arrival.out, arrival.now);
}

void ClientInbound::on_control(const Arrival& arrival) {
  // CLOSE may end the epoch, and SERVER_HELLO has another table count for it.
  const std::shared_ptr<LinkEpoch> epoch = state_.link.hold(arrival.header.index);
  if (!epoch) {
    state_.context.drops.add(Drop::unknown_index);
    return;
  }
  PathOrigin origin(epoch->path(arrival.path));
  const auto opened =
      state_.receiver.open_control(*epoch, arrival.header, arrival.packet, origin, arrival.now);
  if (!opened || opened->is_copy) return;
  if (opened->is_news) handshaking_.on_heard(*epoch, arrival.now);
  const bool is_counted = !is_test_of_address(opened->frames);
  read_control(*epoch, opened->frames, arrival);
  if (is_counted)
    epoch->path(arrival.path).count_received(arrival.header, arrival.packet.size(), arrival.now);
  // After the frames: they may be what a path needs to be up.
  if (state_.paths[arrival.path].probed.passed_in(arrival.now)) on_paths_changed(arrival);
}

void ClientInbound::read_control(LinkEpoch& epoch, ConstBytes frames, const Arrival& arrival) {
  if (const auto error = check_frames(frames)) {
    state_.context.drops.add(*error);
    return;
  }
  AnsweredOnce answered;
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    std::visit(ControlVisitor{*this, epoch, answered, arrival}, *frame);
    // Nothing behind the end of a session is read.
    if (std::holds_alternative<CloseFrame>(*frame)) break;
  }
  if (answered.has_only(FrameType::pong) && &epoch == state_.link.current())
    state_.sender.on_report(epoch, state_.paths.reported(*epoch.paths(), arrival.now), arrival.now);
}

void ClientInbound::on_fragment(LinkEpoch& epoch, const FragmentFrame& fragment, const Arrival& arrival) {
  const auto whole = state_.receiver.add_fragment(epoch, fragment, arrival.ecn, arrival.out, arrival.now);
  if (!whole) return;
  if (fragment.type == PacketType::control) {
    read_control(epoch, whole->frames, arrival);
    return;
  }
  ++epoch.path(arrival.path).first;
  Arrival joined = arrival;
  joined.ecn = whole->ecn;
  read_data(epoch, whole->frames, joined);
  read_recovered(epoch, arrival);
}

void ClientInbound::on_pong(LinkEpoch& epoch, const PathReport& report, const Arrival& arrival) {
  if (!state_.paths.contains(report.path)) {
    state_.context.drops.add(Drop::path_limit);
    return;
  }
  // One that comes by another path says that the PING arrived, and nothing of the way back.
  const bool is_elsewhere = report.path != arrival.path;
  if (is_elsewhere) {
    epoch.on_report_elsewhere(report);
  } else {
    epoch.on_report(report, arrival.now);
  }
  if ((report.flags & PathReport::kByProxy) != 0) return;
  const bool changed =
      is_elsewhere ? state_.paths[report.path].probed.passed_out(report.sequence, arrival.now)
                   : prober_.on_answer(epoch, arrival.path, report.sequence, arrival.out, arrival.now);
  if (changed) on_paths_changed(arrival);
}

void ClientInbound::on_paths_changed(const Arrival& arrival) {
  handshaking_.on_paths_changed(arrival.out, arrival.now);
  outbound_.flush(arrival.out, arrival.now);
}

}  // namespace mptunnel
