#include "mptunnel/engine/link/receiver.h"

#include <utility>

#include "mptunnel/ip/ip_packet.h"

namespace mptunnel {
namespace {

/// Whether these frames may travel in fragments: what changes nothing that the packet around a fragment still
/// needs.
bool may_be_in_parts(ConstBytes frames) {
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    if (!std::holds_alternative<DatagramFrame>(*frame) && !std::holds_alternative<FlowOpenFrame>(*frame) &&
        !std::holds_alternative<RepairFrame>(*frame))
      return false;
  }
  return true;
}

/// Of a packet that met congestion: the sender of what is inside can be told by its loss alone.
std::optional<Drop> refuse_marked(ConstBytes frames) {
  const auto inner = whole_ip(frames);
  if (!inner) return std::nullopt;
  const auto packet = parse_ip_packet(inner->packet);
  if (!packet || forwarded_ecn(marks_of(*packet).ecn, Ecn::ce)) return std::nullopt;
  return Drop::inner_congestion;
}

KeyEpoch::Refuse refusal(const LinkEpoch& epoch, OuterEcn ecn) {
  const bool is_marked = ecn.ecn == Ecn::ce && ecn.is_certain;
  return is_marked && epoch.can_carry_inner() ? refuse_marked : nullptr;
}

}  // namespace

std::optional<Receiver::Opened> Receiver::open_data(LinkEpoch& epoch, const PacketHeader& header,
                                                    Bytes packet, Origin& origin, OuterEcn ecn,
                                                    TimePoint now) {
  KeyEpoch& keys = epoch.keys();
  const bool is_news = keys.is_news(header);
  const auto opened = keys.open_data(header, packet, now, refusal(epoch, ecn));
  if (!opened) {
    context_.drops.add(opened.error());
    if (opened.error() == Drop::copy) count_copy(epoch, header, packet, origin, now);
    return std::nullopt;
  }
  PathTraffic& traffic = origin.genuine();
  traffic.count_received(header, packet.size(), now);
  ++traffic.first;
  repair_.on_data(epoch, header.number, *opened, now);
  // A clear packet is no sign of life: anybody on the way can write one.
  return Opened{*opened, is_news && !keys.is_clear()};
}

void Receiver::count_copy(LinkEpoch& epoch, const PacketHeader& header, Bytes packet, Origin& origin,
                          TimePoint now) {
  // From an address that is new each is looked at, because only what is genuine is remembered.
  const bool is_new = !origin.is_known();
  const bool was_recovered = repair_.is_recovered(epoch, header.number);
  const bool is_looked_at = is_new || was_recovered || context_.copy_checks.draw(context_.random);
  const bool is_genuine = !is_looked_at || epoch.keys().verifies(header, packet);
  if (is_new && !is_genuine) return;
  if (was_recovered && is_genuine) repair_.withdraw(epoch, header.number);
  PathTraffic& traffic = origin.genuine();
  traffic.count_received(header, packet.size(), now);
  ++traffic.duplicates;
  if (!is_genuine) traffic.voided = true;
}

std::optional<Receiver::Opened> Receiver::open_control(LinkEpoch& epoch, const PacketHeader& header,
                                                       Bytes packet, Origin& origin, TimePoint now) {
  KeyEpoch& keys = epoch.keys();
  const bool is_news = keys.is_news(header);
  const auto opened = keys.open_control(header, packet, now);
  if (opened) return Opened{*opened, is_news};
  context_.drops.add(opened.error());
  if (opened.error() != Drop::copy || !keys.verifies(header, packet)) return std::nullopt;
  origin.genuine().count_received(packet.size());
  return Opened{packet.subspan(kHeaderBytes, packet.size() - KeyEpoch::kControlOverhead), false, true};
}

std::optional<Receiver::Whole> Receiver::add_fragment(LinkEpoch& epoch, const FragmentFrame& fragment,
                                                      OuterEcn ecn, Output& out, TimePoint now) {
  KeyEpoch& keys = epoch.keys();
  const PacketHeader header{fragment.type, epoch.index(), fragment.number};
  const bool is_data = header.type == PacketType::data;
  // Whether all parts of a recovered packet come after all is known once they have.
  const bool was_recovered = is_data && repair_.is_recovered(epoch, header.number);
  if (keys.is_seen(header) && !was_recovered) {
    context_.drops.add(Drop::copy);
    return std::nullopt;
  }
  auto whole = fragments_.add(header.index, fragment, ecn, now);
  if (!whole) {
    context_.drops.add(whole.error());
    return std::nullopt;
  }
  if (!*whole) return std::nullopt;
  const Bytes packet = out.keep(std::move((*whole)->packet));
  if (was_recovered) {
    context_.drops.add(Drop::copy);
    if (keys.verifies(header, packet)) repair_.withdraw(epoch, header.number);
    return std::nullopt;
  }
  const auto opened = is_data ? keys.open_data(header, packet, now, refusal(epoch, (*whole)->ecn))
                              : keys.open_control(header, packet, now);
  if (!opened) {
    context_.drops.add(opened.error());
    return std::nullopt;
  }
  if (!is_data && !may_be_in_parts(*opened)) {
    context_.drops.add(Drop::unexpected_frame);
    return std::nullopt;
  }
  if (is_data) repair_.on_data(epoch, header.number, *opened, now);
  return Whole{*opened, (*whole)->ecn};
}

void Receiver::deliver_inner(const IpFrame& frame, Ecn ecn, bool is_recovered, Output& out, TimePoint now) {
  ConstBytes packet = frame.packet;
  if (ecn_of(packet) != ecn) {
    // What came is a view that is not to be written to, and the network marks few.
    const Bytes marked = out.keep({packet.begin(), packet.end()});
    set_ecn(marked, ecn);
    packet = marked;
  }
  if (frame.number) {
    order_.on_datagram({tun_flow(frame.number->bucket), frame.number->number, packet, is_recovered}, out,
                       now);
  } else {
    out.deliver(tun_flow(0), packet);
  }
}

}  // namespace mptunnel
