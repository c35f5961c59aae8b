// What the tests of this layer share: sockets on loopback, bytes to recognise, and a loop that can't hang.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "mptunnel/net/loop.h"
#include "mptunnel/net/udp_socket.h"

namespace mptunnel::test {

/// A test that waits longer than this has failed.
inline constexpr auto kPatience = std::chrono::seconds(10);

using Datagram = std::vector<std::uint8_t>;
using Datagrams = std::vector<Datagram>;

inline Endpoint endpoint(std::string_view address, std::uint16_t port = 0) {
  return parse_numeric_endpoint(address, port).value();
}

/// Opens, or fails the test loudly.
inline UdpSocket open_socket(const UdpSocketOptions& options) {
  auto socket = UdpSocket::open(options);
  if (!socket) throw std::runtime_error(socket.error().what);
  return *std::move(socket);
}

inline UdpSocketOptions bound_to(std::string_view address) {
  UdpSocketOptions options;
  options.bind = endpoint(address);
  return options;
}

inline bool has_ipv6() {
  return UdpSocket::open(bound_to("::1")).has_value();
}

inline bool wait_readable(int fd, TimePoint deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - monotonic_now()).count();
  pollfd entry{fd, POLLIN, 0};
  return left > 0 && poll(&entry, 1, static_cast<int>(left)) > 0;
}

/// `count` datagrams back to back that differ from each other: `size` bytes each, the last `tail`.
inline Datagram numbered_bytes(std::size_t count, std::size_t size, std::size_t tail) {
  Datagram bytes((count - 1) * size + tail);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 251);
  return bytes;
}

inline Datagrams cut(ConstBytes bytes, std::size_t stride) {
  Datagrams result;
  DatagramBatch batch{{const_cast<std::uint8_t*>(bytes.data()), bytes.size()}, stride};
  for_each_datagram(batch, [&](Bytes datagram) { result.emplace_back(datagram.begin(), datagram.end()); });
  return result;
}

/// What `socket` gets until there are `count` datagrams, or patience ends.
struct Inbox {
  Datagrams datagrams;
  std::vector<Route> routes;  ///< one per datagram
  std::vector<Marks> marks;   ///< the same
  std::size_t batches = 0;
  int error = 0;

  void collect(UdpSocket& socket, ReceiveBuffers& buffers, std::size_t count) {
    const TimePoint deadline = monotonic_now() + kPatience;
    while (datagrams.size() < count && wait_readable(socket.fd(), deadline)) {
      const ReceiveResult result = socket.receive(buffers);
      if (result.error != 0) error = result.error;
      for (const Received& received : result.batches) {
        ++batches;
        EXPECT_GE(received.batch.stride, 1U);
        for_each_datagram(received.batch, [&](Bytes bytes) {
          datagrams.emplace_back(bytes.begin(), bytes.end());
          routes.push_back(received.route);
          marks.push_back(received.marks);
        });
      }
    }
  }
};

inline Inbox collect(UdpSocket& socket, std::size_t count) {
  ReceiveBuffers buffers;
  Inbox inbox;
  inbox.collect(socket, buffers, count);
  return inbox;
}

/// A loop that ends, and fails the test, when patience does.
class PatientLoop {
 public:
  PatientLoop() { watchdog_.set(monotonic_now() + kPatience); }

  operator Loop&() { return loop_; }  // NOLINT(google-explicit-constructor)
  void stop() { loop_.stop(); }
  void run() {
    loop_.run();
    EXPECT_FALSE(expired_) << "nothing stopped the loop";
  }

 private:
  Loop loop_;
  bool expired_ = false;
  Timer watchdog_{loop_, [this] {
                    expired_ = true;
                    loop_.stop();
                  }};
};

}  // namespace mptunnel::test
