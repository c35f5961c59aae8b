// The receiving half of UdpSocket.
#include <netinet/udp.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>
#include <vector>

#include "mptunnel/base/assert.h"
#include "mptunnel/net/socket_address.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel {
namespace {

// Local address, segment size, traffic class, drop counter and time of one batch.
constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(in6_pktinfo)) + 2 * CMSG_SPACE(sizeof(int)) +
                                      CMSG_SPACE(sizeof(std::uint32_t)) + CMSG_SPACE(sizeof(timespec));

struct alignas(cmsghdr) Control {
  std::array<std::uint8_t, kControlBytes> bytes;
};

template <typename T>
T value_of(const cmsghdr& header) {
  T value{};
  std::memcpy(&value, CMSG_DATA(&header), sizeof value);
  return value;
}

// What the kernel reports besides the bytes.
struct Notes {
  Endpoint local;
  std::size_t segment_bytes = 0;  // 0: not a batch
  Marks marks;
  Duration stamp{};  // when it came, of CLOCK_REALTIME; 0: not known
};

Notes read_notes(detail::UdpSocketState& state, msghdr& message) {
  Notes notes;
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level == SOL_UDP && header->cmsg_type == UDP_GRO) {
      notes.segment_bytes = static_cast<std::size_t>(std::max(0, value_of<int>(*header)));
    } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
      // The address to answer from: that of the datagram, unless that was a broadcast or multicast.
      notes.local = from_address(value_of<in_pktinfo>(*header).ipi_spec_dst);
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
      const auto info = value_of<in6_pktinfo>(*header);
      if (!IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
        notes.local = from_address(info.ipi6_addr, info.ipi6_ifindex);
    } else if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS) {
      // A byte, though it is sent as an int.
      notes.marks = Marks::of_traffic_class(value_of<std::uint8_t>(*header));
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS) {
      notes.marks = Marks::of_traffic_class(static_cast<std::uint8_t>(value_of<int>(*header)));
    } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_RXQ_OVFL) {
      const auto drops = value_of<std::uint32_t>(*header);
      state.counters.kernel_drops += drops - std::exchange(state.last_drops, drops);
    } else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_TIMESTAMPNS) {
      const auto time = value_of<timespec>(*header);
      notes.stamp = std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
    }
  }
  if (notes.local.is_set()) notes.local.port = state.port;
  return notes;
}

// A stamp costs 60 ns a datagram where these come one by one (2026-11), an eighth of the receive; so a socket
// asks for them only when something may be old, and goes without again once it has been read promptly.
constexpr std::uint32_t kPromptReads = 1000;

void follow_pauses(detail::UdpSocketState& state, bool is_pause) {
  state.prompt_reads = is_pause ? 0 : state.prompt_reads + 1;
  const bool wants = is_pause || (state.has_stamps && state.prompt_reads < kPromptReads);
  if (wants == state.has_stamps) return;
  const int value = wants ? 1 : 0;
  static_cast<void>(setsockopt(state.fd, SOL_SOCKET, SO_TIMESTAMPNS, &value, sizeof value));
  state.has_stamps = wants;
}

}  // namespace

struct ReceiveBuffers::Impl {
  Impl(std::size_t slots, std::size_t slot_bytes)
      : bytes(std::make_unique_for_overwrite<std::uint8_t[]>(slots * slot_bytes)),
        vectors(slots),
        controls(slots),
        addresses(slots),
        messages(slots),
        received(slots) {
    for (std::size_t i = 0; i < slots; ++i) {
      vectors[i] = {bytes.get() + i * slot_bytes, slot_bytes};
      messages[i].msg_hdr.msg_iov = &vectors[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = &addresses[i];
      messages[i].msg_hdr.msg_control = &controls[i];
    }
    used = slots;
  }

  // The kernel writes the lengths of what it filled: only those need to be set back.
  void make_ready() {
    for (std::size_t i = 0; i < used; ++i) {
      messages[i].msg_hdr.msg_namelen = sizeof(SocketAddress);
      messages[i].msg_hdr.msg_controllen = sizeof(Control);
    }
    used = 0;
  }

  // One recvmmsg. Returns the number of messages, or -1 with errno set.
  int read(int fd, std::size_t limit) {
    make_ready();
    int count = 0;
    do {
      count = recvmmsg(fd, messages.data(), static_cast<unsigned>(limit), MSG_DONTWAIT, nullptr);
    } while (count < 0 && errno == EINTR);
    used = static_cast<std::size_t>(std::max(0, count));
    return count;
  }

  std::unique_ptr<std::uint8_t[]> bytes;
  std::vector<iovec> vectors;
  std::vector<Control> controls;
  std::vector<SocketAddress> addresses;
  std::vector<mmsghdr> messages;
  std::vector<Received> received;
  std::size_t used = 0;  // messages that the last call filled
};

ReceiveBuffers::ReceiveBuffers(std::size_t slots, std::size_t slot_bytes) {
  MPT_ASSERT(slots >= 1 && slots <= UIO_MAXIOV && slot_bytes >= 1);
  impl_ = std::make_unique<Impl>(slots, slot_bytes);
}

ReceiveBuffers::~ReceiveBuffers() = default;

ReceiveResult UdpSocket::receive(ReceiveBuffers& buffers, std::size_t max_batches) {
  ReceiveBuffers::Impl& room = *buffers.impl_;
  const std::size_t limit = std::min(room.messages.size(), max_batches);
  ReceiveResult result;
  if (limit == 0) return result;

  const ClockPair now = read_clocks();
  const ReceiveAge age(now, state_.emptied);
  follow_pauses(state_, age.may_be_old());
  int count = room.read(state_.fd, limit);
  if (count < 0 && errno != EAGAIN) {
    // The kernel reports the error of an earlier send, once, before it gives datagrams.
    const int error = errno;
    if (error == ECONNREFUSED) ++state_.counters.refused;
    if (state_.hears_icmp) {
      state_.has_icmp = true;
    } else {
      result.error = error;
    }
    count = room.read(state_.fd, limit);
  }
  const bool is_emptied = count < 0 ? errno == EAGAIN : room.used < limit;
  // Woken for nothing: a send has met the error, or the kernel has a word of its own.
  if (count < 0 && state_.hears_icmp) state_.has_icmp = true;
  result.has_icmp = state_.has_icmp;
  if (is_emptied) state_.emptied = now;
  if (count <= 0) return result;

  std::size_t kept = 0;
  SocketCounters& counters = state_.counters;
  const std::uint64_t drops_before = counters.kernel_drops;
  for (std::size_t i = 0; i < room.used; ++i) {
    mmsghdr& message = room.messages[i];
    const Notes notes = read_notes(state_, message.msg_hdr);
    if ((message.msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      ++counters.truncated;
      continue;
    }
    const std::size_t length = message.msg_len;
    const bool many = notes.segment_bytes > 0 && notes.segment_bytes < length;
    const std::uint64_t datagrams = many ? (length + notes.segment_bytes - 1) / notes.segment_bytes : 1;
    if (age.may_be_old() && notes.stamp > Duration{} && age.is_old(notes.stamp)) {
      result.old += datagrams;
      continue;
    }
    Received& received = room.received[kept++];
    received.batch.bytes = {static_cast<std::uint8_t*>(room.vectors[i].iov_base), length};
    received.batch.stride = many ? notes.segment_bytes : std::max<std::size_t>(1, length);
    received.route = {from_socket_address(room.addresses[i]), notes.local};
    received.marks = notes.marks;
    counters.received += datagrams;
    counters.received_bytes += length;
  }
  result.batches = {room.received.data(), kept};
  result.more = room.used == limit;
  counters.old += result.old;
  result.kernel_drops = counters.kernel_drops - drops_before;
  return result;
}

}  // namespace mptunnel
