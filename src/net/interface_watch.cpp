#include "mptunnel/net/interface_watch.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <poll.h>

#include <cerrno>
#include <cstring>

#include "mptunnel/net/clock.h"
#include "netlink_socket.h"

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

constexpr Duration kRetryAfter = 1s;
/// Lists that are cut in two by a change are asked for again this often.
constexpr int kListAttempts = 10;
/// Datagrams that one wake-up takes: then others have their turn.
constexpr int kDatagramsPerWakeup = 64;

template <typename Visit>
void for_each_message(std::span<const std::uint8_t> messages, Visit visit) {
  auto left = static_cast<int>(messages.size());
  const auto* header = reinterpret_cast<const nlmsghdr*>(messages.data());
  while (mnl_nlmsg_ok(header, left)) {
    visit(std::span(reinterpret_cast<const std::uint8_t*>(header), header->nlmsg_len));
    header = mnl_nlmsg_next(header, &left);
  }
}

bool wait_readable(int fd, TimePoint deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - monotonic_now()).count();
  pollfd entry{fd, POLLIN, 0};
  return left > 0 && poll(&entry, 1, static_cast<int>(left)) > 0;
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
      if (!wait_readable(socket.fd(), deadline)) return ETIMEDOUT;
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

/// A socket that hears of all that is not in the table.
struct Opened {
  std::unique_ptr<NetlinkSocket> socket;
  InterfaceTable table;
};

tl::expected<Opened, std::string> open_and_read() {
  const TimePoint deadline = monotonic_now() + InterfaceWatch::kPatience;
  int error = 0;
  for (int attempt = 0; attempt < kListAttempts; ++attempt) {
    // A new socket each time: no answer to an earlier question is left in it.
    auto socket = NetlinkSocket::open();
    if (!socket) return tl::make_unexpected(socket.error());
    Opened opened{.socket = std::make_unique<NetlinkSocket>(std::move(*socket)), .table = {}};
    // Links first: an address needs the one that it belongs to.
    error = read_list(*opened.socket, RTM_GETLINK, opened.table, deadline);
    if (error == 0) error = read_list(*opened.socket, RTM_GETADDR, opened.table, deadline);
    if (error == 0) return opened;
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
  auto opened = open_and_read();
  if (!opened) return tl::make_unexpected(opened.error());
  watcher_.reset();
  table_ = std::move(opened->table);
  socket_ = std::move(opened->socket);
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
    retry_.set(monotonic_now() + kRetryAfter);
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
