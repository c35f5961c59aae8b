#include "bench/load/source.h"

#include <netinet/udp.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>

#include "mptunnel/net/loop.h"

namespace mptunnel::bench {
namespace {

constexpr std::size_t kMaxSegments = 64;        // UDP_MAX_SEGMENTS before Linux 6.9
constexpr std::size_t kMaxSeriesBytes = 65000;  // below 65,535 minus the headers of either family
/// Of many flows each sends no more than this at a time, as applications do that share a tunnel.
constexpr std::size_t kSeriesOfManyFlows = 8;
/// Two bursts are no closer, so that sending fast leaves the processor to others.
constexpr Duration kLeastInterval = std::chrono::microseconds(100);
/// A delay beyond this moves the schedule: what is caught up in a burst measures buffers, not rates.
constexpr Duration kMaxBehind = std::chrono::milliseconds(20);

void sleep_until(TimePoint deadline) {
  const auto ns = deadline.time_since_epoch().count();
  const timespec at{static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

void set_buffer(int fd) {
  constexpr int kBytes = 8 << 20U;
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &kBytes, sizeof kBytes);
}

}  // namespace

Source::Source(const SourceOptions& options) : options_(options) {
  const std::size_t size = std::max<std::size_t>(1, options_.bytes);
  longest_series_ = std::clamp<std::size_t>(kMaxSeriesBytes / size, 1, kMaxSegments);
  if (options_.flows > 1) longest_series_ = std::min(longest_series_, kSeriesOfManyFlows);
  bytes_.resize(longest_series_ * options_.bytes);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : bytes_)
    byte = static_cast<std::uint8_t>((state = state * 1664525U + 1013904223U) >> 24U);
}

tl::expected<Source, std::string> Source::open(const SourceOptions& options) {
  Source source(options);
  for (std::size_t i = 0; i < options.flows; ++i) {
    auto socket = test::open_connected(options.targets[i % options.targets.size()]);
    if (!socket) return tl::unexpected(socket.error());
    set_buffer(socket->get());
    source.sockets_.push_back(std::move(*socket));
  }
  return source;
}

SourceResult Source::run(double rate, double seconds) {
  result_ = {};
  prctl(PR_SET_TIMERSLACK, 1UL);
  const TimePoint start = monotonic_now();
  const auto end = start + Duration(std::llround(seconds * 1e9));
  TimePoint origin = start;
  std::uint64_t taken = 0;
  for (TimePoint now = start; now < end; now = monotonic_now()) {
    if (rate <= 0) {
      send_due(longest_series_);
      continue;
    }
    const double period_ns = 1e9 / rate;
    auto due = static_cast<std::uint64_t>(static_cast<double>((now - origin).count()) / period_ns) + 1;
    if (static_cast<double>(due - taken) * period_ns > static_cast<double>(kMaxBehind.count())) {
      origin = now;
      taken = 0;
      due = 1;
    }
    if (due > taken) send_due(due - taken);
    taken = due;
    const TimePoint next =
        origin + Duration(static_cast<std::int64_t>(static_cast<double>(taken) * period_ns) + 1);
    sleep_until(std::min(end, std::max(next, now + kLeastInterval)));
  }
  result_.seconds = std::chrono::duration<double>(monotonic_now() - start).count();
  return result_;
}

void Source::send_due(std::uint64_t count) {
  while (count > 0) {
    const auto series = static_cast<std::size_t>(std::min<std::uint64_t>(count, longest_series_));
    send_series(sockets_[next_flow_].get(), series);
    next_flow_ = next_flow_ + 1 == sockets_.size() ? 0 : next_flow_ + 1;
    count -= series;
  }
}

void Source::send_series(int fd, std::size_t count) {
  const std::size_t marked = std::min(options_.bytes, sizeof number_);
  for (std::size_t i = 0; i < count; ++i) {
    ++number_;
    std::memcpy(bytes_.data() + i * options_.bytes, &number_, marked);
  }
  const std::size_t taken =
      options_.offload && count > 1 && options_.bytes > 0 ? send_segmented(fd, count) : send_plain(fd, count);
  result_.sent += taken;
  result_.failed += count - taken;
}

std::size_t Source::send_segmented(int fd, std::size_t count) {
  struct alignas(cmsghdr) Control {
    std::array<std::uint8_t, CMSG_SPACE(sizeof(std::uint16_t))> bytes{};
  } control;
  iovec piece{bytes_.data(), count * options_.bytes};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  message.msg_controllen = sizeof control;
  cmsghdr* const note = CMSG_FIRSTHDR(&message);
  note->cmsg_level = SOL_UDP;
  note->cmsg_type = UDP_SEGMENT;
  note->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
  const auto size = static_cast<std::uint16_t>(options_.bytes);
  std::memcpy(CMSG_DATA(note), &size, sizeof size);
  return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? 0 : count;
}

std::size_t Source::send_plain(int fd, std::size_t count) {
  std::array<mmsghdr, kMaxSegments> messages{};
  std::array<iovec, kMaxSegments> pieces{};
  for (std::size_t i = 0; i < count; ++i) {
    pieces[i] = {bytes_.data() + i * options_.bytes, options_.bytes};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int taken = sendmmsg(fd, messages.data(), static_cast<unsigned>(count), MSG_NOSIGNAL);
  return taken < 0 ? 0 : static_cast<std::size_t>(taken);
}

}  // namespace mptunnel::bench
