#include "bench/load/sink.h"

#include <fcntl.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <memory>

namespace mptunnel::bench {
namespace {

constexpr std::size_t kMessages = 512;
/// How long it looks away while datagrams come: the buffer holds far more.
constexpr long kNapNs = 500'000;
constexpr int kReceiveBufferBytes = 128 << 20U;

volatile std::sig_atomic_t g_stopped = 0;

struct alignas(cmsghdr) Control {
  std::array<std::uint8_t, CMSG_SPACE(sizeof(int))> bytes;
};

/// Room for one recvmmsg that takes lengths alone.
class Room {
 public:
  Room() {
    for (std::size_t i = 0; i < kMessages; ++i) messages_[i].msg_hdr.msg_control = &controls_[i];
  }

  /// Counts what is there. False if nothing was.
  bool take(int fd, SinkCounters& counters) {
    for (mmsghdr& message : messages_) message.msg_hdr.msg_controllen = sizeof(Control);
    // With MSG_TRUNC the length is the datagram's own, however little room it has.
    const int count = recvmmsg(fd, messages_.data(), kMessages, MSG_DONTWAIT | MSG_TRUNC, nullptr);
    for (int i = 0; i < count; ++i) {
      mmsghdr& message = messages_[static_cast<std::size_t>(i)];
      counters.datagrams += datagrams_of(message);
      counters.bytes += message.msg_len;
    }
    return count > 0;
  }

 private:
  static std::uint64_t datagrams_of(mmsghdr& message) {
    for (cmsghdr* note = CMSG_FIRSTHDR(&message.msg_hdr); note != nullptr;
         note = CMSG_NXTHDR(&message.msg_hdr, note)) {
      if (note->cmsg_level != SOL_UDP || note->cmsg_type != UDP_GRO) continue;
      int segment = 0;
      std::memcpy(&segment, CMSG_DATA(note), sizeof segment);
      const auto bytes = static_cast<unsigned>(segment);
      return bytes == 0 ? 1 : (message.msg_len + bytes - 1) / bytes;
    }
    return 1;
  }

  std::array<mmsghdr, kMessages> messages_{};
  std::array<Control, kMessages> controls_{};
};

tl::expected<SinkCounters*, std::string> map_counters(const std::string& path) {
  const test::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.is_open() || ftruncate(file.get(), sizeof(SinkCounters)) != 0)
    return tl::unexpected(test::system_error(path, errno));
  void* const mapped = mmap(nullptr, sizeof(SinkCounters), PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) return tl::unexpected(test::system_error(path, errno));
  return static_cast<SinkCounters*>(mapped);
}

}  // namespace

tl::expected<Sink, std::string> Sink::open(const Endpoint& listen, const std::string& counter_file) {
  auto socket = test::open_bound(listen);
  if (!socket) return tl::unexpected(socket.error());
  const int on = 1;
  setsockopt(socket->get(), SOL_UDP, UDP_GRO, &on, sizeof on);
  setsockopt(socket->get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  SinkCounters* shared = nullptr;
  if (!counter_file.empty()) {
    auto mapped = map_counters(counter_file);
    if (!mapped) return tl::unexpected(mapped.error());
    shared = *mapped;
  }
  return Sink(std::move(*socket), shared);
}

SinkCounters Sink::run() {
  struct sigaction action {};
  action.sa_handler = [](int) { g_stopped = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  SinkCounters counters;
  const auto room = std::make_unique<Room>();
  const timespec nap{0, kNapNs};
  while (g_stopped == 0) {
    bool any = false;
    while (room->take(socket_.get(), counters)) any = true;
    if (shared_ != nullptr) *shared_ = counters;
    if (any) {
      nanosleep(&nap, nullptr);
    } else {
      pollfd entry{socket_.get(), POLLIN, 0};
      constexpr int kLongestWaitMs = 200;  // a signal that came just before the call is seen then
      poll(&entry, 1, kLongestWaitMs);
    }
  }
  return counters;
}

}  // namespace mptunnel::bench
