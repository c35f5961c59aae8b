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

#include "netlink_reading.h"
#include "netlink_socket.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr Duration kOpenAgainAfter = 1s;
/// Lists that are cut in two by a change are asked for again this often.
constexpr int kListAttempts = 10;
/// Datagrams that one wake-up takes: then others have their turn.
constexpr int kDatagramsPerWakeup = 64;
constexpr unsigned int kGroups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;

/// Asks for all links (RTM_GETLINK) or all addresses (RTM_GETADDR): they come among the notifications.
/// Returns 0 or errno.
int request_list(NetlinkSocket& socket, std::uint16_t type) {
  alignas(nlmsghdr) std::array<std::uint8_t, 64> request{};
  nlmsghdr* header = mnl_nlmsg_put_header(request.data());
  header->nlmsg_type = type;
  header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  if (type == RTM_GETLINK) {
    mnl_nlmsg_put_extra_header(header, sizeof(ifinfomsg));
    mnl_attr_put_u32(header, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  } else {
    mnl_nlmsg_put_extra_header(header, sizeof(ifaddrmsg));
  }
  return socket.send(*header);
}

/// Applies all of one list, and the notifications between, to `table`. Returns 0 or errno; EINTR if the
/// list has to be asked for again.
int read_list(NetlinkSocket& socket, std::uint16_t type, InterfaceTable& table, TimePoint deadline) {
  if (const int error = request_list(socket, type); error != 0) return error;
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
      const NetlinkSocket::AnswerState state = socket.answer_state(message);
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
    if (const auto opened = socket->open(kGroups); !opened) return tl::make_unexpected(opened.error());
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
