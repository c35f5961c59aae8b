#include "support/common/batch_io.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace mptunnel::test {
namespace {

bool is_icmp_error(int code) {
  return code == ECONNREFUSED || code == EHOSTUNREACH || code == ENETUNREACH || code == EHOSTDOWN;
}

/// Keeps the packet information of a received message in the form in which a reply wants it: the address that
/// the datagram came to, and no interface, so that routing picks it.
void keep_packet_info(msghdr& header, PacketInfo& info) {
  info.length = 0;
  for (cmsghdr* item = CMSG_FIRSTHDR(&header); item != nullptr; item = CMSG_NXTHDR(&header, item)) {
    if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
      in_pktinfo value{};
      std::memcpy(&value, CMSG_DATA(item), sizeof value);
      value.ipi_spec_dst = value.ipi_addr;
      value.ipi_ifindex = 0;
      std::memcpy(CMSG_DATA(item), &value, sizeof value);
      info.length = CMSG_SPACE(sizeof value);
    } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
      info.length = CMSG_SPACE(sizeof(in6_pktinfo));
    }
  }
}

}  // namespace

ReceiveBatch::ReceiveBatch() : storage_(kBatch * kMaxDatagramBytes) {}

void ReceiveBatch::prepare() {
  for (std::size_t i = 0; i < kBatch; ++i) {
    pieces_[i] = {storage_.data() + i * kMaxDatagramBytes, kMaxDatagramBytes};
    msghdr& header = messages_[i].msg_hdr;
    header = {};
    header.msg_iov = &pieces_[i];
    header.msg_iovlen = 1;
    header.msg_name = &peers_[i].remote.storage;
    header.msg_namelen = sizeof peers_[i].remote.storage;
    header.msg_control = peers_[i].local.bytes.data();
    header.msg_controllen = peers_[i].local.bytes.size();
  }
}

std::size_t ReceiveBatch::receive(int fd) {
  prepare();
  // A pending error is reported once and cleared; behind it there may be datagrams. Twice is enough to get
  // past it: what a third error would hide makes the socket readable again.
  for (int attempt = 0; attempt < 3; ++attempt) {
    const int count = recvmmsg(fd, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (count >= 0) {
      for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
        peers_[i].remote.length = messages_[i].msg_hdr.msg_namelen;
        keep_packet_info(messages_[i].msg_hdr, peers_[i].local);
      }
      return static_cast<std::size_t>(count);
    }
    if (is_icmp_error(errno)) {
      ++refused_;
    } else if (errno != EINTR) {
      return 0;
    }
  }
  return 0;
}

void SendBatch::add(int fd, ConstBytes datagram, const Peer* peer, bool mark) {
  if (count_ == kBatch || (count_ > 0 && fd != fd_)) flush();
  fd_ = fd;
  // The kernel only reads from it; iovec has one pointer type for both ways.
  pieces_[count_] = {const_cast<std::uint8_t*>(datagram.data()), datagram.size()};
  msghdr& header = messages_[count_].msg_hdr;
  header = {};
  header.msg_iov = &pieces_[count_];
  header.msg_iovlen = 1;
  marks_[count_] = mark;
  if (peer != nullptr) {
    header.msg_name = const_cast<sockaddr_storage*>(&peer->remote.storage);
    header.msg_namelen = peer->remote.length;
    if (peer->local.length > 0) {
      header.msg_control = const_cast<std::uint8_t*>(peer->local.bytes.data());
      header.msg_controllen = peer->local.length;
    }
  }
  ++count_;
}

void SendBatch::add_owned(int fd, std::vector<std::uint8_t> datagram, const Peer* peer, bool mark) {
  if (count_ == kBatch || (count_ > 0 && fd != fd_)) flush();
  // Moving a vector keeps its bytes where they are, so growth of owned_ does no harm.
  owned_.push_back(std::move(datagram));
  add(fd, owned_.back(), peer, mark);
}

void SendBatch::observe(std::size_t index, bool taken) const {
  if (!observer_) return;
  const iovec& piece = pieces_[index];
  observer_({static_cast<const std::uint8_t*>(piece.iov_base), piece.iov_len}, marks_[index], taken);
}

void SendBatch::count_sent(std::size_t index) {
  ++totals_.sent;
  totals_.sent_bytes += messages_[index].msg_len;
  observe(index, true);
}

void SendBatch::count_failed(std::size_t index) {
  ++totals_.failed;
  observe(index, false);
}

void SendBatch::flush() {
  std::size_t at = 0;
  bool tried_again = false;
  while (at < count_) {
    const int taken = sendmmsg(fd_, messages_.data() + at, static_cast<unsigned>(count_ - at), MSG_DONTWAIT);
    if (taken > 0) {
      for (const std::size_t end = at + static_cast<std::size_t>(taken); at < end; ++at) count_sent(at);
      tried_again = false;
    } else if (taken < 0 && errno == EINTR) {
      continue;
    } else if (taken < 0 && is_icmp_error(errno) && !tried_again) {
      // The error is an earlier datagram's; this one has not been tried yet.
      ++totals_.refused;
      tried_again = true;
    } else {
      count_failed(at);
      ++at;
      tried_again = false;
    }
  }
  count_ = 0;
  owned_.clear();
}

}  // namespace mptunnel::test
