#include "mptunnel/ports/run_sender.h"

#include <algorithm>
#include <cerrno>

namespace mptunnel {

Drop drop_for(int error) {
  switch (error) {
    case EAGAIN:
      return Drop::would_block;
    case ENOBUFS:
    case ENOMEM:
      return Drop::no_buffers;
    case EMSGSIZE:
      return Drop::message_size;
    case ECONNREFUSED:
      return Drop::refused;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case ENODEV:
      return Drop::unreachable;
    default:
      return Drop::socket_error;
  }
}

void RunSender::keep_within(std::size_t room, SendQueue& queue, TimePoint now) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < copies_.size(); ++i) {
    const PacketRun& run = *copies_[i].run;
    if (run.has_datagrams) {
      const std::size_t charge = run.stride + kPacketChargeBytes;
      const std::size_t fit = room == 0 ? 0 : std::max<std::size_t>(1, room / charge);
      copies_[i].offered = static_cast<std::uint32_t>(std::min<std::size_t>(run.count, fit));
      room -= std::min(room, copies_[i].offered * charge);
      if (copies_[i].offered < run.count) queue.refused(now);
      if (copies_[i].offered == 0) continue;
      sends_[i].bytes = sends_[i].bytes.first(run.bytes_of_first(copies_[i].offered));
    }
    sends_[kept++] = sends_[i];
  }
  sends_.resize(kept);
}

void RunSender::note(const DatagramSocket& socket, SendQueue& queue, bool is_due, TimePoint now) const {
  if (is_due && queue.is_due_after()) {
    queue.after(socket.queued_bytes(), now);
    return;
  }
  std::size_t bytes = 0;
  for (const SendRun& send : sends_) bytes += send.bytes.size();
  queue.sent(bytes);
}

}  // namespace mptunnel
