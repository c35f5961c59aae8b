// What UdpSocket makes of a kernel that refuses. This executable brings its own sendmmsg, which stands before
// the C library's: a test may put a fault in front of the real one.
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

#include "net_support.h"

namespace {

using SendCall = std::function<int(int fd, mmsghdr* messages, unsigned count, int flags)>;

int real_sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  return static_cast<int>(syscall(SYS_sendmmsg, fd, messages, count, flags));
}

SendCall& send_call() {
  static SendCall call;
  return call;
}

}  // namespace

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the C library's are reserved names
extern "C" int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  return send_call() ? send_call()(fd, messages, count, flags) : real_sendmmsg(fd, messages, count, flags);
}

namespace mptunnel {
namespace {

using test::bound_to;
using test::collect;
using test::Datagram;
using test::open_socket;

// The segment size that a message asks for, 0 if none.
std::size_t segment_bytes(const mmsghdr& message) {
  auto* header = const_cast<msghdr*>(&message.msg_hdr);
  for (cmsghdr* note = CMSG_FIRSTHDR(header); note != nullptr; note = CMSG_NXTHDR(header, note)) {
    if (note->cmsg_level != SOL_UDP || note->cmsg_type != UDP_SEGMENT) continue;
    std::uint16_t size = 0;
    std::memcpy(&size, CMSG_DATA(note), sizeof size);
    return size;
  }
  return 0;
}

bool is_series(const mmsghdr& message) {
  return segment_bytes(message) > 0;
}

std::size_t bytes_in(const mmsghdr& message) {
  std::size_t total = 0;
  for (std::size_t i = 0; i < message.msg_hdr.msg_iovlen; ++i) total += message.msg_hdr.msg_iov[i].iov_len;
  return total;
}

class UdpFault : public ::testing::Test {
 protected:
  UdpFault() {
    for (auto* receiver : {&first_, &second_, &third_}) to_.push_back({receiver->local_endpoint(), {}});
  }
  void TearDown() override { send_call() = nullptr; }

  // The kernel's verdict on one message: 0 lets it pass, an errno stops there.
  static void judge(std::function<int(const mmsghdr& message)> verdict) {
    send_call() = [verdict = std::move(verdict)](int fd, mmsghdr* messages, unsigned count, int flags) {
      for (unsigned i = 0; i < count; ++i) {
        const int error = verdict(messages[i]);
        if (error == 0) {
          EXPECT_EQ(real_sendmmsg(fd, messages + i, 1, flags), 1);
        } else if (i > 0) {
          return static_cast<int>(i);
        } else {
          errno = error;
          return -1;
        }
      }
      return static_cast<int>(count);
    };
  }

  // A run of 5 to each of the three receivers.
  std::array<SendOutcome, 3> send_three() {
    const std::array<SendRun, 3> runs{SendRun{bytes_, 100, to_[0]}, SendRun{bytes_, 100, to_[1]},
                                      SendRun{bytes_, 100, to_[2]}};
    std::array<SendOutcome, 3> outcomes{};
    socket_.send(runs, outcomes);
    return outcomes;
  }

  void expect_whole(UdpSocket& receiver) {
    EXPECT_EQ(collect(receiver, 5).datagrams, test::cut(bytes_, 100));
  }

  static std::uint16_t port_of(const mmsghdr& message) {
    return ntohs(static_cast<const sockaddr_in*>(message.msg_hdr.msg_name)->sin_port);
  }

  Datagram bytes_ = test::numbered_bytes(5, 100, 40);
  UdpSocket first_ = open_socket(bound_to("127.0.0.1"));
  UdpSocket second_ = open_socket(bound_to("127.0.0.1"));
  UdpSocket third_ = open_socket(bound_to("127.0.0.1"));
  UdpSocket socket_ = open_socket(bound_to("127.0.0.1"));
  std::vector<Route> to_;
};

TEST_F(UdpFault, DeviceThatCannotSegmentTurnsOffloadOffAndGetsTheBatchAgain) {
  for (const int error : {EIO, EOPNOTSUPP, ENOPROTOOPT}) {
    socket_ = open_socket(bound_to("127.0.0.1"));
    ASSERT_TRUE(socket_.offloads());
    int series = 0;
    judge([&](const mmsghdr& message) {
      if (!is_series(message)) return 0;
      ++series;
      return error;
    });
    for (const SendOutcome& outcome : send_three()) EXPECT_EQ(outcome.accepted, 5U) << error;
    EXPECT_FALSE(socket_.offloads());
    EXPECT_EQ(series, error == EIO ? 1 : 2) << "the last two may be old news: they are tried once more";
    for (auto* receiver : {&first_, &second_, &third_}) expect_whole(*receiver);
    send_three();
    EXPECT_EQ(series, error == EIO ? 1 : 2);
    for (auto* receiver : {&first_, &second_, &third_}) expect_whole(*receiver);
    EXPECT_EQ(socket_.counters().sent, 30U);
  }
}

TEST_F(UdpFault, ConnectedSocketRemembersWhatItsRouteCannotSegment) {
  for (const int error : {EINVAL, EMSGSIZE}) {
    UdpSocketOptions options = bound_to("127.0.0.1");
    options.connect = first_.local_endpoint();
    socket_ = open_socket(options);
    int series = 0;
    bool refuses = true;
    judge([&](const mmsghdr& message) {
      if (!is_series(message)) return 0;
      ++series;
      return refuses ? error : 0;
    });
    const auto send = [&](std::size_t stride) {
      return socket_.send({ConstBytes(bytes_).first(4 * stride), stride, {}}).accepted;
    };
    EXPECT_EQ(send(80), 4U);
    EXPECT_EQ(send(80), 4U);
    EXPECT_EQ(send(100), 4U);
    // EMSGSIZE may be old news: it is tried once more.
    const int tries = error == EMSGSIZE ? 2 : 1;
    EXPECT_EQ(series, tries) << "the same size and larger ones are not tried again";
    EXPECT_TRUE(socket_.offloads());
    refuses = false;
    EXPECT_EQ(send(79), 4U);
    EXPECT_EQ(series, tries + 1) << "smaller ones are";
    ASSERT_TRUE(socket_.connect(first_.local_endpoint()));
    EXPECT_EQ(send(100), 4U);
    EXPECT_EQ(series, tries + 2) << "another route may take more";
    EXPECT_EQ(collect(first_, 20).datagrams.size(), 20U);
  }
}

TEST_F(UdpFault, StrideBeyondTheMtuGoesPlainForThatRunOnly) {
  for (const int error : {EINVAL, EMSGSIZE}) {
    int plain = 0;
    judge([&](const mmsghdr& message) {
      if (!is_series(message)) ++plain;
      return is_series(message) && port_of(message) == to_[1].remote.port ? error : 0;
    });
    for (const SendOutcome& outcome : send_three()) {
      EXPECT_EQ(outcome.accepted, 5U);
      EXPECT_EQ(outcome.error, 0) << "it says nothing about the size of a datagram";
    }
    EXPECT_EQ(plain, 5);
    EXPECT_TRUE(socket_.offloads());
    EXPECT_EQ(socket_.counters().too_big, 0U);
    for (auto* receiver : {&first_, &second_, &third_}) expect_whole(*receiver);
  }
}

TEST_F(UdpFault, RunAfterAPlainOneIsSegmentedAgain) {
  int plain = 0;
  judge([&](const mmsghdr& message) {
    if (!is_series(message)) ++plain;
    return is_series(message) && port_of(message) == to_[0].remote.port ? EINVAL : 0;
  });
  // As many as one call takes: the next run begins a call of its own.
  const Datagram many = test::numbered_bytes(64, 10, 10);
  const std::array<SendRun, 2> runs{SendRun{many, 10, to_[0]}, SendRun{bytes_, 100, to_[1]}};
  std::array<SendOutcome, 2> outcomes{};
  socket_.send(runs, outcomes);
  EXPECT_EQ(outcomes[0].accepted, 64U);
  EXPECT_EQ(outcomes[1].accepted, 5U);
  EXPECT_EQ(plain, 64);
}

TEST_F(UdpFault, DatagramThatIsTooBigLetsItsShorterTailPass) {
  judge([&](const mmsghdr& message) { return bytes_in(message) > 99 ? EMSGSIZE : 0; });
  const SendOutcome outcome = socket_.send({bytes_, 100, to_[0]});
  EXPECT_EQ(outcome.accepted, 1U);
  EXPECT_EQ(outcome.error, EMSGSIZE);
  EXPECT_EQ(socket_.counters().too_big, 4U);
  EXPECT_EQ(collect(first_, 1).datagrams, test::Datagrams{Datagram(bytes_.end() - 40, bytes_.end())});

  const ConstBytes whole(bytes_);
  const std::array<ConstBytes, 4> pieces{whole.first(10), whole.first(200), whole.first(300),
                                         whole.first(20)};
  EXPECT_EQ(socket_.send_pieces(pieces, to_[0]).accepted, 2U);
  EXPECT_EQ(socket_.counters().too_big, 6U);
}

TEST_F(UdpFault, FullSendBufferLosesTheRestAndWaitsForNothing) {
  int calls = 0;
  judge([&](const mmsghdr& message) {
    ++calls;
    return port_of(message) == to_[0].remote.port ? 0 : EAGAIN;
  });
  const auto outcomes = send_three();
  EXPECT_EQ(outcomes[0].accepted, 5U);
  EXPECT_EQ(outcomes[0].error, 0);
  for (const std::size_t lost : {1U, 2U}) {
    EXPECT_EQ(outcomes[lost].accepted, 0U);
    EXPECT_EQ(outcomes[lost].error, EAGAIN);
  }
  EXPECT_EQ(calls, 3) << "one passes, and one is refused, then asked for the reason";
  EXPECT_EQ(socket_.counters().would_block, 10U);
  expect_whole(first_);
}

TEST_F(UdpFault, FullDeviceLosesItsRunOnly) {
  for (const int error : {ENOBUFS, ENOMEM}) {
    judge([&](const mmsghdr& message) { return port_of(message) == to_[1].remote.port ? error : 0; });
    const auto outcomes = send_three();
    EXPECT_EQ(outcomes[0].accepted, 5U);
    EXPECT_EQ(outcomes[1].accepted, 0U);
    EXPECT_EQ(outcomes[1].error, error);
    EXPECT_EQ(outcomes[2].accepted, 5U);
    expect_whole(first_);
    expect_whole(third_);
  }
  EXPECT_EQ(socket_.counters().no_buffers, 10U);
}

TEST_F(UdpFault, InterruptedCallIsRepeated) {
  int interruptions = 3;
  judge([&](const mmsghdr& /*message*/) { return interruptions-- > 0 ? EINTR : 0; });
  for (const SendOutcome& outcome : send_three()) EXPECT_EQ(outcome.accepted, 5U);
  expect_whole(third_);
}

TEST_F(UdpFault, OldNewsIsToldAndTheDatagramsPass) {
  for (const int error : {ECONNREFUSED, EHOSTUNREACH}) {
    bool told = false;
    judge([&](const mmsghdr& /*message*/) { return std::exchange(told, true) ? 0 : error; });
    const auto outcomes = send_three();
    EXPECT_EQ(outcomes[0].error, error);
    EXPECT_EQ(outcomes[1].error, 0);
    for (const SendOutcome& outcome : outcomes) EXPECT_EQ(outcome.accepted, 5U);
    expect_whole(first_);
  }
  EXPECT_EQ(socket_.counters().refused, 1U);
  EXPECT_EQ(socket_.counters().other_errors, 0U);
}

TEST_F(UdpFault, OtherErrorsEndTheRunWithoutEndlessRetries) {
  for (const int error : {EPERM, ENETUNREACH}) {
    int refusals = 0;
    judge([&](const mmsghdr& message) {
      if (port_of(message) != to_[0].remote.port) return 0;
      ++refusals;
      return error;
    });
    const auto outcomes = send_three();
    EXPECT_EQ(outcomes[0].accepted, 0U);
    EXPECT_EQ(outcomes[0].error, error);
    EXPECT_EQ(outcomes[1].accepted, 5U);
    EXPECT_EQ(refusals, error == EPERM ? 1 : 2);
    expect_whole(second_);
  }
  EXPECT_EQ(socket_.counters().other_errors, 10U);
}

TEST_F(UdpFault, OneMessageAtATimeStillSendsAll) {
  send_call() = [](int fd, mmsghdr* messages, unsigned /*count*/, int flags) {
    return real_sendmmsg(fd, messages, 1, flags);
  };
  for (const SendOutcome& outcome : send_three()) EXPECT_EQ(outcome.accepted, 5U);
  for (auto* receiver : {&first_, &second_, &third_}) expect_whole(*receiver);
}

TEST_F(UdpFault, RunsLeaveInOneCall) {
  unsigned calls = 0;
  unsigned messages_seen = 0;
  send_call() = [&](int fd, mmsghdr* messages, unsigned count, int flags) {
    ++calls;
    messages_seen += count;
    return real_sendmmsg(fd, messages, count, flags);
  };
  send_three();
  EXPECT_EQ(calls, 1U);
  EXPECT_EQ(messages_seen, 3U);
}

TEST_F(UdpFault, SeriesKeepWithinWhatEveryKernelTakes) {
  std::size_t series = 0;
  judge([&](const mmsghdr& message) {
    const std::size_t size = segment_bytes(message);
    if (size == 0) return 0;
    ++series;
    EXPECT_LE((bytes_in(message) + size - 1) / size, 64U);
    EXPECT_LE(bytes_in(message), 65000U);
    return 0;
  });
  for (const auto& [count, size] : {std::pair<std::size_t, std::size_t>{200, 100}, {60, 1310}, {5, 30000}}) {
    const Datagram bytes = test::numbered_bytes(count, size, 1);
    EXPECT_EQ(socket_.send({bytes, size, to_[0]}).accepted, count);
    std::vector<ConstBytes> pieces;
    for (std::size_t i = 0; i < count; ++i) pieces.push_back(ConstBytes(bytes).subspan(0, size));
    EXPECT_EQ(socket_.send_pieces(pieces, to_[0]).accepted, count);
  }
  EXPECT_EQ(series, 4U + 4U + 2U + 2U + 2U + 2U);
}

}  // namespace
}  // namespace mptunnel
