#include "mptunnel/net/route_watch.h"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mptunnel {
namespace {

/// Messages are thrown away in portions: what comes meanwhile has another turn.
constexpr int kRouteMessagesPerTurn = 256;
/// The kernel's least is more than this, and holds a dozen messages.
constexpr int kRouteBufferBytes = 1;

/// For how long a report counts among those at once.
constexpr Duration kReportsInAll = static_cast<int>(RouteWatch::kReportsAtOnce) * RouteWatch::kReportsApart;

constexpr unsigned int group_bit(unsigned int group) {
  return 1U << (group - 1);
}

}  // namespace

RouteWatch::RouteWatch(Loop& loop, LoopCallback on_change)
    : loop_(loop), on_change_(std::move(on_change)), timer_(loop, [this] { report(); }) {
  reports_.fill(monotonic_now() - kReportsInAll);
}

tl::expected<void, std::string> RouteWatch::start() {
  const auto failure = [] {
    return tl::make_unexpected(fmt::format("routes are not watched: {}", std::strerror(errno)));
  };
  File socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.is_open()) return failure();
  static_cast<void>(
      setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &kRouteBufferBytes, sizeof kRouteBufferBytes));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = group_bit(RTNLGRP_IPV4_ROUTE) | group_bit(RTNLGRP_IPV6_ROUTE) |
                      group_bit(RTNLGRP_IPV4_RULE) | group_bit(RTNLGRP_IPV6_RULE);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failure();
  watcher_.reset();
  socket_ = std::move(socket);
  watcher_ = std::make_unique<ReadWatcher>(loop_, socket_.get(), [this] { on_readable(); });
  return {};
}

void RouteWatch::on_readable() {
  watcher_->pause();
  timer_.set(std::max(monotonic_now() + kSettleFor, reports_.at(oldest_) + kReportsInAll));
}

void RouteWatch::report() {
  char byte = 0;
  for (int i = 0; i < kRouteMessagesPerTurn; ++i) {
    const ssize_t count = recv(socket_.get(), &byte, sizeof byte, MSG_TRUNC);
    // ENOBUFS: messages were lost, which is what is wanted of them.
    if (count < 0 && errno != ENOBUFS && errno != EINTR) break;
  }
  reports_.at(oldest_) = monotonic_now();
  oldest_ = (oldest_ + 1) % reports_.size();
  watcher_->resume();
  // A copy, because it may destroy this.
  const LoopCallback on_change = on_change_;
  on_change();
}

}  // namespace mptunnel
