#include "netlink_socket.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace mptunnel {
namespace {

/// The kernel makes no datagram of a list larger than this (netlink_dump()).
constexpr std::size_t kBufferBytes = 32768;
/// Room for the events of a host with many interfaces; what is lost beyond is asked for again.
constexpr int kReceiveBufferBytes = 1 << 20;

tl::unexpected<std::string> failure(std::string_view what) {
  return tl::make_unexpected(fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

void NetlinkSocket::Closer::operator()(mnl_socket* socket) const {
  mnl_socket_close(socket);
}

tl::expected<NetlinkSocket, std::string> NetlinkSocket::open() {
  NetlinkSocket made;
  made.socket_.reset(mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!made.socket_) return failure("no netlink socket");
  // Above the system's limit with CAP_NET_ADMIN alone; a smaller one works too.
  if (setsockopt(made.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes, sizeof kReceiveBufferBytes) !=
      0)
    static_cast<void>(
        setsockopt(made.fd(), SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes));
  constexpr unsigned int kGroups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (mnl_socket_bind(made.socket_.get(), kGroups, MNL_SOCKET_AUTOPID) != 0)
    return failure("the netlink socket can't be bound");
  made.buffer_.resize(kBufferBytes);
  return made;
}

int NetlinkSocket::fd() const {
  return mnl_socket_get_fd(socket_.get());
}

int NetlinkSocket::request_list(std::uint16_t type) {
  alignas(nlmsghdr) std::array<std::uint8_t, 64> request{};
  nlmsghdr* header = mnl_nlmsg_put_header(request.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  header->nlmsg_seq = ++sequence_;
  if (type == RTM_GETLINK) {
    mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg));
    mnl_attr_put_u32(header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  } else {
    mnl_nlmsg_put_extra_header(header, sizeof(ifaddrmsg));
  }
  return mnl_socket_sendto(socket_.get(), header, header->nlmsg_len) < 0 ? errno : 0;
}

NetlinkSocket::Received NetlinkSocket::receive() {
  sockaddr_nl sender{};
  iovec piece{buffer_.data(), buffer_.size()};
  msghdr message{};
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  while (true) {
    const ssize_t count = recvmsg(fd(), &message, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return {.messages = {}, .error = errno == EWOULDBLOCK ? EAGAIN : errno};
    if ((message.msg_flags & MSG_TRUNC) != 0) return {.messages = {}, .error = ENOBUFS};
    // Programs may write to each other by netlink; only the kernel has port 0.
    if (message.msg_namelen != sizeof sender || sender.nl_pid != 0) return {};
    return {.messages = std::span(buffer_).first(static_cast<std::size_t>(count))};
  }
}

NetlinkSocket::ListState NetlinkSocket::list_state(std::span<const std::uint8_t> message) const {
  const auto* header = reinterpret_cast<const nlmsghdr*>(message.data());
  const bool is_answer =
      header->nlmsg_seq == sequence_ && header->nlmsg_pid == mnl_socket_get_portid(socket_.get());
  if (!is_answer) return {};
  ListState state;
  if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) state.error = EINTR;
  if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR) {
    state.has_ended = true;
    // Both start with an errno, negative.
    std::int32_t code = 0;
    if (mnl_nlmsg_get_payload_len(header) >= sizeof code)
      std::memcpy(&code, mnl_nlmsg_get_payload(header), sizeof code);
    if (code < 0) state.error = -code;
    if (code >= 0 && header->nlmsg_type == NLMSG_ERROR) state.error = EPROTO;
  }
  return state;
}

}  // namespace mptunnel
