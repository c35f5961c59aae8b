// The data path of the client: application to paths, paths to application.

#include <array>

#include "mptunnel/base/cursor.h"
#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/control_packet.h"

namespace mptunnel {

PathMask ClientEngine::data_paths(TimePoint now) const {
  PathMask mask = 0;
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    if (paths_[i].carries_data()) mask |= PathMask{1} << i;
  }
  if (mask == 0 && all_down_since_ && now - *all_down_since_ < kAllDownCopiesFor) return available_paths();
  return mask;
}

bool ClientEngine::can_send(PathMask paths, TimePoint now) const {
  return paths != 0 && current_ && current_->is_usable(now);
}

void ClientEngine::take_datagram(ClientFlow& flow, ConstBytes payload, PathMask paths, Output& out,
                                 TimePoint now) {
  if (can_send(paths, now)) {
    const auto sealed = seal_datagram(flow, payload, paths, out, now);
    if (!sealed) drops_.add(sealed.error());
  } else if (!queue_.push(FlowHandle{flow.id.value}, payload, now)) {
    drops_.add(Drop::queue_full);
  }
}

tl::expected<void, Drop> ClientEngine::seal_datagram(const ClientFlow& flow, ConstBytes payload,
                                                     PathMask paths, Output& out, TimePoint now) {
  KeyEpoch& epoch = *current_;
  std::size_t size = epoch.data_overhead() + datagram_prefix_bytes(flow.id) + payload.size();
  if (size > kMaxPacketBytes) return tl::unexpected(Drop::too_large);
  bool open_here = !flow.opened;
  if (open_here && size + flow_open_bytes(flow.id) + kTagBytes > kMaxPacketBytes) {
    send_control(epoch, {FlowOpenFrame{flow.id, flow.hash}}, paths, out, now);
    open_here = false;
  }
  std::array<std::uint8_t, 16> head{};
  ByteWriter writer(head);
  if (open_here) encode_frame(FlowOpenFrame{flow.id, flow.hash}, writer);
  encode_datagram_prefix(flow.id, writer);
  const ConstBytes prefix = ConstBytes(head).first(writer.written());

  // A clear packet can't open a flow: until the server has acknowledged it, the datagram travels sealed.
  if (open_here && epoch.is_clear()) {
    size = KeyEpoch::kControlOverhead + prefix.size() + payload.size();
    const auto sealed = epoch.seal_control(prefix, payload, out.make_packet(size), now);
    if (!sealed) {
      out.discard_packet(size);
      return tl::unexpected(sealed.error());
    }
  } else {
    size = epoch.data_overhead() + prefix.size() + payload.size();
    const auto sealed = epoch.seal_data(prefix, payload, out.make_packet(size), now);
    if (!sealed) {
      out.discard_packet(size);
      return sealed;
    }
  }
  out.send(size, paths, SessionHandle{}, epoch.local_index());
  return {};
}

void ClientEngine::flush_queue(Output& out, TimePoint now) {
  const PathMask paths = data_paths(now);
  if (queue_.empty() || !can_send(paths, now)) return;
  queue_.drain([&](const DatagramQueue::Item& item) {
    const ClientFlow* flow = flows_.find(FlowId{static_cast<std::uint16_t>(item.flow.value)});
    if (flow == nullptr) {
      drops_.add(Drop::flow_unknown);
      return true;
    }
    const auto sealed = seal_datagram(*flow, item.payload, paths, out, now);
    if (!sealed) drops_.add(sealed.error());
    return true;
  });
}

void ClientEngine::on_data(KeyEpoch& epoch, PathId path, const PacketHeader& header, Bytes packet,
                           Output& out, TimePoint now) {
  const bool is_news = epoch.is_news(header);
  const auto opened = epoch.open_data(header, packet, now);
  if (!opened) {
    drops_.add(opened.error());
    if (opened.error() == Drop::copy) check_copy(epoch, path, header, packet);
    return;
  }
  ++epoch.path(path).received;
  // A clear packet is no sign of life: anybody on the way can write one.
  if (is_news && !epoch.is_clear()) heard(epoch, now);

  if (const auto datagram = whole_datagram(*opened)) {
    deliver(*datagram, out, now);
    return;
  }
  if (const auto error = check_frames(*opened)) {
    drops_.add(*error);
    return;
  }
  FrameReader reader(*opened);
  while (const auto frame = reader.next()) {
    const auto* datagram = std::get_if<DatagramFrame>(&*frame);
    if (datagram == nullptr) {
      drops_.add(Drop::unexpected_frame);
      return;
    }
    deliver(*datagram, out, now);
  }
}

void ClientEngine::deliver(const DatagramFrame& datagram, Output& out, TimePoint now) {
  ClientFlow* flow = flows_.find(datagram.flow);
  if (flow == nullptr) {
    drops_.add(Drop::flow_unknown);
    return;
  }
  flow->last_used = now;
  last_data_ = now;
  ++datagrams_out_;
  out.deliver(FlowHandle{datagram.flow.value}, datagram.payload);
}

void ClientEngine::check_copy(KeyEpoch& epoch, PathId path, const PacketHeader& header, Bytes packet) {
  ++epoch.path(path).received;
  if (copy_checks_.draw(random_) && !epoch.is_genuine_copy(header, packet)) epoch.path(path).voided = true;
}

void ClientEngine::close_flows(const std::vector<FlowId>& closed, Output& out, TimePoint now) {
  if (!current_) return;
  for (const FlowId flow : closed) send_control(*current_, {FlowCloseFrame{flow}}, data_paths(now), out, now);
}

}  // namespace mptunnel
