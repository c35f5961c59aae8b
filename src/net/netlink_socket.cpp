#include "netlink_socket.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string_view>

#include "netlink_reading.h"

namespace mptunnel {
namespace {

/// The kernel makes no datagram of a list larger than this (netlink_dump()).
constexpr std::size_t kNetlinkBufferBytes = 32768;
/// Room for the events of a host with many interfaces; what is lost beyond is asked for again.
constexpr int kNetlinkReceiveBytes = 1 << 20;
/// What of the kernel's words is worth a line.
constexpr std::size_t kMaxSaidBytes = 128;

tl::unexpected<std::string> netlink_failure(std::string_view what) {
  return tl::make_unexpected(fmt::format("{}: {}", what, std::strerror(errno)));
}

/// Options that old kernels have not.
void switch_on(int fd, int option) {
  const int on = 1;
  static_cast<void>(setsockopt(fd, SOL_NETLINK, option, &on, sizeof on));
}

/// The kernel's words in an answer with attributes, which stand behind the request's own header alone: the
/// socket asks for no more of it (NETLINK_CAP_ACK).
std::string words_in(const nlmsghdr& answer) {
  std::string words;
  if ((answer.nlmsg_flags & NLM_F_ACK_TLVS) == 0 || (answer.nlmsg_flags & NLM_F_CAPPED) == 0) return words;
  if (mnl_nlmsg_get_payload_len(&answer) < sizeof(nlmsgerr)) return words;
  for_each_attribute(answer, sizeof(nlmsgerr), [&words](const nlattr& attribute) {
    if (mnl_attr_get_type(&attribute) != NLMSGERR_ATTR_MSG) return;
    std::string_view text(static_cast<const char*>(mnl_attr_get_payload(&attribute)),
                          mnl_attr_get_payload_len(&attribute));
    text = text.substr(0, std::min(text.find('\0'), kMaxSaidBytes));
    for (const char letter : text) words += letter >= ' ' && letter <= '~' ? letter : '?';
  });
  return words;
}

}  // namespace

tl::expected<void, std::string> NetlinkSocket::open(unsigned int groups) {
  socket_.reset(mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket_) return netlink_failure("no netlink socket");
  // Above the system's limit with CAP_NET_ADMIN alone; a smaller one works too.
  if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kNetlinkReceiveBytes, sizeof kNetlinkReceiveBytes) != 0)
    static_cast<void>(
        setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &kNetlinkReceiveBytes, sizeof kNetlinkReceiveBytes));
  switch_on(fd(), NETLINK_CAP_ACK);
  switch_on(fd(), NETLINK_EXT_ACK);
  if (mnl_socket_bind(socket_.get(), groups, MNL_SOCKET_AUTOPID) != 0)
    return netlink_failure("the netlink socket can't be bound");
  buffer_.resize(kNetlinkBufferBytes);
  return {};
}

void NetlinkSocket::list_strictly() {
  switch_on(fd(), NETLINK_GET_STRICT_CHK);
}

int NetlinkSocket::send(nlmsghdr& request) {
  request.nlmsg_seq = ++sequence_;
  return mnl_socket_sendto(socket_.get(), &request, request.nlmsg_len) < 0 ? errno : 0;
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

NetlinkSocket::AnswerState NetlinkSocket::answer_state(std::span<const std::uint8_t> message) const {
  const auto* header = reinterpret_cast<const nlmsghdr*>(message.data());
  AnswerState state;
  state.is_answer =
      header->nlmsg_seq == sequence_ && header->nlmsg_pid == mnl_socket_get_portid(socket_.get());
  if (!state.is_answer) return state;
  if ((header->nlmsg_flags & NLM_F_DUMP_INTR) != 0) state.error = EINTR;
  if (header->nlmsg_type != NLMSG_DONE && header->nlmsg_type != NLMSG_ERROR) return state;
  state.has_ended = true;
  // Both start with an errno, negative.
  std::int32_t code = -EPROTO;
  if (mnl_nlmsg_get_payload_len(header) >= sizeof code)
    std::memcpy(&code, mnl_nlmsg_get_payload(header), sizeof code);
  if (code < 0) state.error = -code;
  if (code < 0 && header->nlmsg_type == NLMSG_ERROR) state.said = words_in(*header);
  return state;
}

}  // namespace mptunnel
