#include "mptunnel/engine/link/control_sender.h"

#include <algorithm>

#include "mptunnel/engine/link/control_packet.h"

namespace mptunnel {

std::optional<std::size_t> ControlSender::seal_control(LinkEpoch& epoch, const std::vector<Frame>& frames,
                                                       std::size_t at_least, Output& out, TimePoint now) {
  const auto size = seal_control_packet(epoch.keys(), frames, at_least, out, now);
  if (size) return *size;
  context_.drops.add(size.error());
  return std::nullopt;
}

bool ControlSender::send_control(LinkEpoch& epoch, const std::vector<Frame>& frames, PathSet paths,
                                 Output& out, TimePoint now, std::size_t at_least, std::uint8_t dscp) {
  if (paths.empty()) return false;
  const auto size = seal_control(epoch, frames, at_least, out, now);
  if (size) out.send(*size, paths, session_, epoch.index(), {dscp});
  return size.has_value();
}

void ControlSender::send_control_to(const Route& route, LinkEpoch& epoch, const std::vector<Frame>& frames,
                                    Output& out, TimePoint now) {
  if (const auto size = seal_control(epoch, frames, 0, out, now)) out.send_direct(*size, route);
}

std::optional<std::size_t> ControlSender::seal_answer(LinkEpoch& epoch, const std::vector<Frame>& frames,
                                                      std::size_t at_most, Output& out, TimePoint now) {
  const auto size = seal_control(epoch, frames, 0, out, now);
  if (!size || *size <= at_most) return size;
  out.discard_packet(*size);
  context_.drops.add(Drop::no_path);
  return std::nullopt;
}

void ControlSender::send_answer(LinkEpoch& epoch, const std::vector<Frame>& frames, PathId path,
                                std::size_t at_most, Output& out, TimePoint now) {
  if (const auto size = seal_answer(epoch, frames, at_most, out, now))
    out.send(*size, PathSet::of(path), session_, epoch.index());
}

void ControlSender::send_answer_to(const Route& route, LinkEpoch& epoch, const std::vector<Frame>& frames,
                                   std::size_t at_most, Output& out, TimePoint now) {
  if (const auto size = seal_answer(epoch, frames, at_most, out, now)) out.send_direct(*size, route);
}

void ControlSender::send_mtu_probe(PathId path, MtuSearch& search, const MtuSearch::Patience& patience,
                                   bool moving, Output& out, TimePoint now) {
  LinkEpoch& epoch = *link_.current();
  const auto size = search.probe(patience, moving, now);
  if (!size) return;
  if (const auto sealed = seal_mtu_probe(epoch.keys(), path, *size, out, now); !sealed) {
    context_.drops.add(sealed.error());
    return;
  }
  out.send(*size, PathSet::of(path), session_, epoch.index());
}

void ControlSender::send_acks(const std::vector<Frame>& acks, const PathViews& paths, Output& out,
                              TimePoint now) {
  LinkEpoch* epoch = link_.current();
  if (epoch == nullptr || !epoch->keys().peer_knows(FrameType::ack) || !can_send(paths, now)) return;
  const PathSet fastest = PathSet::of(paths.fastest(paths.paths()));
  for (auto first = acks.begin(); first != acks.end();) {
    const auto count = std::min<std::ptrdiff_t>(acks.end() - first, kAcksOfPacket);
    send_control(*epoch, {first, first + count}, fastest, out, now);
    first += count;
  }
}

void ControlSender::count_sent(LinkEpoch* epoch, PathId path, const PacketRun& run, std::uint32_t accepted,
                               Drop drop, DropCounters& drops) {
  if (epoch != nullptr) epoch->path(path).count_sent(accepted, run.bytes_of_first(accepted));
  if (accepted == run.count) return;
  if (epoch != nullptr) {
    PathTraffic& traffic = epoch->path(path);
    traffic.unsent += run.count - accepted;
    if (drop == Drop::send_queue || drop == Drop::would_block || drop == Drop::no_buffers)
      traffic.held_back += run.count - accepted;
  }
  drops.add(drop, run.count - accepted);
}

}  // namespace mptunnel
