#include "mptunnel/ports/tun_port.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "mptunnel/ip/icmp.h"
#include "mptunnel/ip/mss_clamp.h"
#include "mptunnel/ports/run_sender.h"

namespace mptunnel {
namespace {

/// What a write to the device meets that no socket does, and the rest as of sockets.
Drop drop_for_write(int error) {
  switch (error) {
    case EIO:
      return Drop::unreachable;
    case EINVAL:
      return Drop::inner_malformed;
    case ENODEV:
      return Drop::socket_gone;
    default:
      return drop_for(error);
  }
}

}  // namespace

int TunPort::read(const Take& take, TimePoint now) {
  if (!device_) return ENODEV;
  for (std::size_t left = kPackets; left > 0;) {
    const TunReadResult result = device_->read(buffer_, std::min(left, TunBuffer::kPackets));
    for (TunPacket& packet : result.packets) left -= std::min(left, read_one(packet, take, now));
    if (result.error == EBADFD || result.error == ENODEV) return result.error;
    if (result.error != 0 || !result.more) break;
  }
  return 0;
}

std::size_t TunPort::read_one(TunPacket& packet, const Take& take, TimePoint now) {
  auto segmenter = Segmenter::make(packet.header, packet.bytes);
  const auto parsed = parse_ip_packet(packet.bytes);
  if (!segmenter || !parsed) {
    drops_.add(Drop::inner_malformed);
    return 1;
  }
  // What the kernel says to its neighbours on a link; there are none.
  if (parsed->destination.is_multicast() || parsed->destination.is_broadcast()) {
    drops_.add(Drop::inner_multicast);
    return 1;
  }
  const auto fixed_dscp = settings_.copies_dscp ? std::nullopt : std::optional(std::uint8_t{0});
  const InnerFlow flow{InnerFlow::bucket_of(flow_hash(*parsed, settings_.seed)),
                       outer_marks(marks_of(*parsed), fixed_dscp)};
  if (fitting_ && settings_.clamps_mss) clamp_mss(packet.bytes, *parsed, *fitting_);
  if (fitting_ && segmenter->largest() > *fitting_) answer(*parsed, now);
  const std::size_t count = segmenter->count();
  take(count == 1 ? DatagramBatch{packet.bytes, packet.bytes.size()} : cut(*segmenter), flow);
  return count;
}

DatagramBatch TunPort::cut(Segmenter& segmenter) {
  const std::size_t stride = segmenter.largest();
  cut_.resize(std::max(cut_.size(), segmenter.count() * stride));
  std::size_t size = 0;
  while (const auto segment = segmenter.next()) {
    std::copy(segment->head.begin(), segment->head.end(), cut_.data() + size);
    std::copy(segment->payload.begin(), segment->payload.end(), cut_.data() + size + segment->head.size());
    size += segment->size();
  }
  return {Bytes(cut_).first(size), stride};
}

void TunPort::answer(const IpPacket& packet, TimePoint now) {
  if (!is_answering_ || !answers_.take(now)) return;
  std::array<std::uint8_t, kMaxIcmpv6ErrorBytes> answer{};
  // Linux takes nothing that comes from an address of its own; the one that was sent to leads here.
  const auto size = make_too_big(packet, *fitting_, packet.destination, answer);
  if (size) device_->write(ConstBytes(answer).first(*size));
}

void TunPort::on_open() {
  joiner_.reset();
  const TunOffload offload = device_->offload();
  if (offload >= TunOffload::tcp) joiner_.emplace(settings_.seed, offload == TunOffload::udp);
}

void TunPort::deliver(ConstBytes packet) {
  if (!joiner_) return write({{}, packet, {}});
  if (joiner_->is_full()) flush();
  joiner_->add(packet);
}

void TunPort::flush() {
  if (!joiner_) return;
  while (const auto packet = joiner_->next()) write(*packet);
}

void TunPort::write(const JoinedPacket& packet) {
  const int error = device_ ? device_->write(packet.header, packet.head, packet.payload) : ENODEV;
  if (error != 0) drops_.add(drop_for_write(error), packet.packets);
}

}  // namespace mptunnel
