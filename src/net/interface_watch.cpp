#include "mptunnel/net/interface_watch.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <vector>

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr Duration kOpenAgainAfter = 1s;
/// Lists that are cut in two by a change are asked for again this often.
constexpr int kListAttempts = 10;
/// Datagrams that one wake-up takes: then others have their turn.
constexpr int kDatagramsPerWakeup = 64;
/// The kernel makes no datagram of a list larger than this (netlink_dump()).
constexpr std::size_t kBufferBytes = 32768;
/// Room for the events of a host with many interfaces; what is lost beyond is asked for again.
constexpr int kReceiveBufferBytes = 1 << 20;

tl::unexpected<std::string> failure(std::string_view what) {
  return tl::make_unexpected(fmt::format("{}: {}", what, std::strerror(errno)));
}

}  // namespace

/// An rtnetlink socket that hears of changes to links and addresses, and asks for lists of them. What it is
/// not: a reader of what the messages say, but for where a list ends.
class NetlinkSocket {
 public:
  /// Opens, and hears of changes from then on. The error is a sentence for people.
  tl::expected<void, std::string> open();

  /// Asks for all links (RTM_GETLINK) or all addresses (RTM_GETADDR): they come among the notifications.
  /// Returns 0 or errno.
  int request_list(std::uint16_t type);

  struct Received {
    std::span<const std::uint8_t> messages;  ///< one after the other; valid until the next receive()
    int error = 0;  ///< errno: EAGAIN if nothing is there, ENOBUFS if messages were lost
  };
  /// One datagram of the kernel. Never blocks.
  Received receive();

  /// What a message says of the list that was asked for last.
  struct ListState {
    bool has_ended = false;
    int error = 0;  ///< errno; EINTR if something changed meanwhile, so that a row may be missing
  };
  [[nodiscard]] ListState list_state(std::span<const std::uint8_t> message) const;

  [[nodiscard]] int fd() const { return mnl_socket_get_fd(socket_.get()); }

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const { mnl_socket_close(socket); }
  };

  std::unique_ptr<mnl_socket, Closer> socket_;
  std::vector<std::uint8_t> buffer_;
  std::uint32_t sequence_ = 0;
};

tl::expected<void, std::string> NetlinkSocket::open() {
  socket_.reset(mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!socket_) return failure("no netlink socket");
  // Above the system's limit with CAP_NET_ADMIN alone; a smaller one works too.
  if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes, sizeof kReceiveBufferBytes) != 0)
    static_cast<void>(
        setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes));
  constexpr unsigned int kGroups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (mnl_socket_bind(socket_.get(), kGroups, MNL_SOCKET_AUTOPID) != 0)
    return failure("the netlink socket can't be bound");
  buffer_.resize(kBufferBytes);
  return {};
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

namespace {

template <typename Visit>
void for_each_message(std::span<const std::uint8_t> messages, Visit visit) {
  auto left = static_cast<int>(messages.size());
  const auto* header = reinterpret_cast<const nlmsghdr*>(messages.data());
  while (mnl_nlmsg_ok(header, left)) {
    visit(std::span(reinterpret_cast<const std::uint8_t*>(header), header->nlmsg_len));
    header = mnl_nlmsg_next(header, &left);
  }
}

/// Applies all of one list, and the notifications between, to `table`. Returns 0 or errno; EINTR if the
/// list has to be asked for again.
int read_list(NetlinkSocket& socket, std::uint16_t type, InterfaceTable& table, TimePoint deadline) {
  if (const int error = socket.request_list(type); error != 0) return error;
  int result = 0;
  bool done = false;
  while (!done) {
    const NetlinkSocket::Received received = socket.receive();
    if (received.error == EAGAIN) {
      if (!wait_until_readable(socket.fd(), deadline)) return ETIMEDOUT;
      continue;
    }
    if (received.error != 0) return received.error;
    for_each_message(received.messages, [&](std::span<const std::uint8_t> message) {
      const NetlinkSocket::ListState state = socket.list_state(message);
      if (state.error != 0) result = state.error;
      done = done || state.has_ended;
      table.apply(message);
    });
    if (monotonic_now() >= deadline && !done) return ETIMEDOUT;
  }
  return result;
}

/// Reads `table`; the socket hears of all that is not in it.
tl::expected<std::unique_ptr<NetlinkSocket>, std::string> open_and_read(InterfaceTable& table) {
  const TimePoint deadline = monotonic_now() + InterfaceWatch::kPatience;
  int error = 0;
  for (int attempt = 0; attempt < kListAttempts; ++attempt) {
    // A new socket each time: no answer to an earlier question is left in it.
    auto socket = std::make_unique<NetlinkSocket>();
    if (const auto opened = socket->open(); !opened) return tl::make_unexpected(opened.error());
    table = {};
    // Links first: an address needs the one that it belongs to.
    error = read_list(*socket, RTM_GETLINK, table, deadline);
    if (error == 0) error = read_list(*socket, RTM_GETADDR, table, deadline);
    if (error == 0) return socket;
    if (error != EINTR && error != ENOBUFS) break;
  }
  return tl::make_unexpected(fmt::format("the network interfaces can't be read: {}", std::strerror(error)));
}

}  // namespace

InterfaceWatch::InterfaceWatch(Loop& loop, LoopCallback on_change, NoticeSink on_notice)
    : loop_(loop),
      on_change_(std::move(on_change)),
      on_notice_(on_notice),
      retry_(loop, [this] { read_all(); }) {}

InterfaceWatch::~InterfaceWatch() = default;

tl::expected<void, std::string> InterfaceWatch::start() {
  InterfaceTable table;
  auto socket = open_and_read(table);
  if (!socket) return tl::make_unexpected(socket.error());
  watcher_.reset();
  table_ = std::move(table);
  socket_ = std::move(*socket);
  watcher_ = std::make_unique<ReadWatcher>(loop_, socket_->fd(), [this] { on_readable(); });
  said_problem_ = false;
  if (table_.overflowed() && !said_overflow_) {
    said_overflow_ = true;
    notify(
        on_notice_, LogLevel::warning,
        "there are more than {} network interfaces, or more than {} addresses on one: the rest is not seen",
        InterfaceTable::kMaxInterfaces, InterfaceTable::kMaxAddresses);
  }
  return {};
}

void InterfaceWatch::on_readable() {
  bool changed = false;
  for (int i = 0; i < kDatagramsPerWakeup; ++i) {
    const NetlinkSocket::Received received = socket_->receive();
    if (received.error == EAGAIN) break;
    if (received.error != 0) {
      notify(on_notice_, LogLevel::debug, "network interfaces: {}, reading all again",
             std::strerror(received.error));
      return read_all();
    }
    for_each_message(received.messages, [&](std::span<const std::uint8_t> message) {
      changed = table_.apply(message) || changed;
    });
  }
  if (changed) tell();
}

void InterfaceWatch::read_all() {
  // What is known stays until something better is.
  if (const auto started = start(); !started) {
    if (!said_problem_)
      notify(on_notice_, LogLevel::warning, "{}; trying again until it works", started.error());
    said_problem_ = true;
    watcher_.reset();
    socket_.reset();
    retry_.set(monotonic_now() + kOpenAgainAfter);
    return;
  }
  // Whatever was lost may have been a change and back, which the table can't show.
  tell();
}

void InterfaceWatch::tell() {
  // A copy, because it may destroy this.
  const LoopCallback on_change = on_change_;
  on_change();
}

}  // namespace mptunnel
