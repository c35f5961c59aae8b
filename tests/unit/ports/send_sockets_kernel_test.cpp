// Sockets of the system that only send, with a kernel that may refuse to steer. This executable brings its
// own setsockopt, which stands before the C library's.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "mptunnel/ports/send_sockets.h"
#include "unit/ports/captured_log.h"

namespace {

bool& refuses_steering() {
  static bool refuses = false;
  return refuses;
}

}  // namespace

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the C library's are reserved names
extern "C" int setsockopt(int fd, int level, int name, const void* value, socklen_t size) noexcept {
  if (refuses_steering() && level == SOL_SOCKET && name == SO_ATTACH_REUSEPORT_CBPF) {
    errno = EPERM;
    return -1;
  }
  return static_cast<int>(syscall(SYS_setsockopt, fd, level, name, value, size));
}

namespace mptunnel {
namespace {

using namespace std::chrono_literals;

class SendSocketsOfTheKernel : public testing::TestWithParam<bool> {
 protected:
  SendSocketsOfTheKernel() {
    refuses_steering() = GetParam();
    ListenAddress listen;
    listen.endpoint = parse_numeric_endpoint("127.0.0.1", 0).value();
    EXPECT_TRUE(listeners_.open({listen}));
    route_.remote = parse_numeric_endpoint("127.0.0.1", 9).value();
  }
  ~SendSocketsOfTheKernel() override { refuses_steering() = false; }

  /// The first session sends while packets stand.
  void jam(SendSockets& outlets) {
    for (TimePoint now{}; now < TimePoint{} + 50ms; now += 5ms) {
      Outlet& by = *outlets.find(SessionHandle{1}, PathId{0}, route_);
      if (by.queue.is_due(now)) by.queue.before(50000, now);
      outlets.note(by, SessionHandle{1}, PathId{0}, 1000);
      by.queue.after(50000, now);
      outlets.settle(now);
    }
  }
  void read(DatagramSocket& socket) {
    const ReceiveResult result = socket.receive(buffers_, 32);
    for (const Received& received : result.batches) heard_ += datagrams_in(received.batch);
    if (heard_ == sent_) ports_.loop().stop();
  }

  static constexpr std::size_t kDatagrams = 200;
  test::CapturedLog lines_;
  SystemPorts ports_{SocketTuning{.offload = false}};
  ReceiveBuffers buffers_;
  std::size_t sent_ = 0;
  std::size_t heard_ = 0;
  ListenSockets listeners_{ports_.context(), Steering{0, 200}, SocketUse::paths,
                           [this](DatagramSocket& socket) { read(socket); }};
  Route route_;
};

TEST_P(SendSocketsOfTheKernel, TakeNothingOfWhatComes) {
  SendSockets outlets(listeners_, [](SessionHandle, PathId) { return true; });
  jam(outlets);
  EXPECT_EQ(outlets.own_sockets(), refuses_steering() ? 0U : 1U);
  UdpSocketOptions options;
  options.connect = listeners_.find(route_)->local_endpoint();
  Timer patience(ports_.loop(), [this] { ports_.loop().stop(); });
  while (sent_ < kDatagrams && heard_ == sent_) {
    auto peer = UdpSocket::open(options);
    ASSERT_TRUE(peer) << peer.error().what;
    const std::array<std::uint8_t, 2> datagram{static_cast<std::uint8_t>(sent_), 9};
    ASSERT_EQ(peer->send({datagram, 2, {}}).accepted, 1U);
    ++sent_;
    // One by one: on a busy machine the first would be old when the last is there, and be dropped for that.
    patience.set(monotonic_now() + 3s);
    ports_.loop().run();
  }
  EXPECT_EQ(heard_, kDatagrams);
  EXPECT_EQ(lines_.take().find("the kernel does not steer datagrams among 9 sockets") != std::string::npos,
            refuses_steering());
}

INSTANTIATE_TEST_SUITE_P(Kernels, SendSocketsOfTheKernel, testing::Bool(), [](const auto& refuses) {
  return std::string(refuses.param ? "WithoutSteering" : "WithSteering");
});

}  // namespace
}  // namespace mptunnel
