// The data path of the client: application to paths, paths to application.

#include <algorithm>
#include <array>
#include <utility>

#include "mptunnel/base/cursor.h"
#include "mptunnel/engine/client_engine.h"
#include "mptunnel/engine/control_packet.h"

namespace mptunnel {

PathSet ClientEngine::data_paths(TimePoint now) const {
  PathSet paths;
  for (std::size_t i = 0; i < paths_.size(); ++i) {
    const ProbedPath& path = paths_[i].probed;
    if (path.carries_data() && !path.is_standby()) paths.insert(PathId{static_cast<std::uint8_t>(i)});
  }
  if (paths.empty() && all_down_since_ && now - *all_down_since_ < kAllDownCopiesFor)
    return available_paths();
  return paths;
}

Carriers ClientEngine::carriers(TimePoint now) const {
  return carriers_of(data_paths(now), mtu_of());
}

std::optional<std::size_t> ClientEngine::largest_whole(TimePoint now) const {
  const Carriers carriers = this->carriers(now);
  if (!current_ || carriers.paths.empty()) return std::nullopt;
  return carriers.largest_payload(*current_);
}

bool ClientEngine::can_send(PathSet paths, TimePoint now) const {
  return !paths.empty() && current_ && current_->is_usable(now);
}

void ClientEngine::take_datagram(ClientFlow& flow, ConstBytes payload, const Carriers& carriers,
                                 std::uint8_t dscp, Output& out, TimePoint now) {
  if (shut_looped(payload, out, now)) return;
  if (can_send(carriers.paths, now)) {
    const auto sealed = seal_datagram(flow, payload, carriers, dscp, out, now);
    if (!sealed) drops_.add(sealed.error());
  } else if (!queue_.push(FlowHandle{flow.id.value}, payload, now, dscp)) {
    drops_.add(Drop::queue_full);
  }
}

tl::expected<void, Drop> ClientEngine::seal_datagram(const ClientFlow& flow, ConstBytes payload,
                                                     const Carriers& carriers, std::uint8_t dscp, Output& out,
                                                     TimePoint now) {
  KeyEpoch& epoch = *current_;
  if (payload.size() > kMaxPacketBytes) return tl::unexpected(Drop::too_large);
  const bool open_here = !flow.opened;
  std::array<std::uint8_t, 16> head{};
  ByteWriter writer(head);
  if (open_here) encode_frame(FlowOpenFrame{flow.id, flow.hash}, writer);
  encode_datagram_prefix(flow.id, writer);
  const ConstBytes prefix = ConstBytes(head).first(writer.written());

  // A clear packet can't open a flow: until the server has acknowledged it, the datagram travels sealed.
  std::size_t size = 0;
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
  sender_.send(size, carriers, mtu_of(), SessionHandle{}, epoch.local_index(), dscp, out);
  return {};
}

void ClientEngine::finish_sending(const Carriers& carriers, Output& out, TimePoint now) {
  if (!current_ || !sender_.finish(*current_, SessionHandle{}, out, drops_, now)) return;
  for (const PathId path : carriers.paths) paths_[path.value].mtu.note_large(now);
}

void ClientEngine::flush_queue(Output& out, TimePoint now) {
  const Carriers carriers = this->carriers(now);
  if (queue_.empty() || !can_send(carriers.paths, now)) return;
  queue_.drain([&](const DatagramQueue::Item& item) {
    const ClientFlow* flow = flows_.find(FlowId{static_cast<std::uint16_t>(item.flow.value)});
    if (flow == nullptr) {
      drops_.add(Drop::flow_unknown);
      return true;
    }
    const auto sealed = seal_datagram(*flow, item.payload, carriers, item.dscp, out, now);
    if (!sealed) drops_.add(sealed.error());
    return true;
  });
  finish_sending(carriers, out, now);
}

void ClientEngine::on_data(KeyEpoch& epoch, PathId path, const PacketHeader& header, Bytes packet,
                           Output& out, TimePoint now) {
  const bool is_news = epoch.is_news(header);
  PathTraffic& traffic = epoch.path(path);
  const auto opened = epoch.open_data(header, packet, now);
  if (!opened) {
    drops_.add(opened.error());
    if (opened.error() == Drop::copy) check_copy(epoch, path, header, packet);
    return;
  }
  traffic.count_received(packet.size());
  ++traffic.first;
  // A clear packet is no sign of life: anybody on the way can write one.
  if (is_news && !epoch.is_clear()) heard(epoch, now);
  on_opened_data(*opened, out, now);
}

void ClientEngine::on_opened_data(ConstBytes frames, Output& out, TimePoint now) {
  if (const auto datagram = whole_datagram(frames)) {
    deliver(*datagram, out, now);
    return;
  }
  if (const auto error = check_frames(frames)) {
    drops_.add(*error);
    return;
  }
  FrameReader reader(frames);
  while (const auto frame = reader.next()) {
    const auto* datagram = std::get_if<DatagramFrame>(&*frame);
    if (datagram == nullptr) {
      drops_.add(Drop::unexpected_frame);
      return;
    }
    deliver(*datagram, out, now);
  }
}

void ClientEngine::on_fragment(KeyEpoch& epoch, PathId path, const FragmentFrame& fragment, Output& out,
                               TimePoint now) {
  const auto frames = complete_packet(epoch, fragment, fragments_, out, drops_, now);
  if (!frames) return;
  if (fragment.type == PacketType::control) {
    on_control_frames(epoch, path, *frames, out, now);
    return;
  }
  ++epoch.path(path).first;
  on_opened_data(*frames, out, now);
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
  PathTraffic& traffic = epoch.path(path);
  traffic.count_received(packet.size());
  ++traffic.duplicates;
  if (copy_checks_.draw(random_) && !epoch.verifies(header, packet)) traffic.voided = true;
}

bool ClientEngine::shut_looped(ConstBytes payload, Output& out, TimePoint now) {
  std::optional<LoopCheck::Hit> hit;
  for (const std::size_t size : {kProbeBytes, kHelloBytes}) {
    if (!hit && payload.size() >= size) hit = loop_check_.find(payload, size);
  }
  if (!hit) return false;
  drops_.add(Drop::own_packet);
  ClientPath& own = paths_[hit->path.value];
  // One may be somebody's trick, who saw it on the way and can make the application send it.
  const bool is_again = own.looped && now - *own.looped < kDataMovesFor && own.looped_number != hit->number;
  own.looped = now;
  own.looped_number = hit->number;
  if (!is_again || !own.probed.is_available()) return true;
  out.events.emplace_back(PathLooped{hit->path});
  set_path_available(hit->path, false, out, now);
  return true;
}

void ClientEngine::close_flows(const std::vector<FlowId>& closed, Output& out, TimePoint now) {
  if (!current_) return;
  for (const FlowId flow : closed) send_control(*current_, {FlowCloseFrame{flow}}, data_paths(now), out, now);
}

}  // namespace mptunnel
