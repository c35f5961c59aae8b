// How much one wake-up of a socket may take.
#pragma once

#include <algorithm>
#include <cstddef>

#include "mptunnel/net/datagram_socket.h"

namespace mptunnel {

/// Counts what a wake-up takes from its socket: after that the other sockets and the timers have their turn,
/// whatever is left. All that came is counted, also what is dropped afterwards.
class ReceiveBudget {
 public:
  /// Half a millisecond of work at a million datagrams a second; large enough for full UDP_SEGMENT runs. The
  /// first call after traffic has changed from single datagrams to batches may bring four times as many.
  static constexpr std::size_t kDatagrams = 512;

  /// A wake-up begins: then receive() while there is more().
  void start() {
    left_ = kDatagrams;
    more_ = true;
  }
  /// Whether the socket may have something, and the wake-up may take it.
  [[nodiscard]] bool more() const { return more_; }
  /// As DatagramSocket::receive(), of as much as is left.
  ReceiveResult receive(DatagramSocket& socket, ReceiveBuffers& buffers) {
    const ReceiveResult result = socket.receive(buffers, batches());
    more_ = take(result);
    return result;
  }
  /// For the next receive call: as many batches as bring about what is left, judged by the last ones.
  [[nodiscard]] std::size_t batches() const {
    return std::clamp<std::size_t>(left_ / in_each_, 1, ReceiveBuffers::kDefaultSlots);
  }
  /// Whether another receive call may follow the one that brought this.
  bool take(const ReceiveResult& result) {
    const std::size_t slots = result.batches.size();
    left_ -= std::min<std::size_t>(left_, result.old);
    if (slots == 0) return result.old > 0 && result.more && left_ > 0;
    std::size_t datagrams = 0;
    for (const Received& received : result.batches) datagrams += datagrams_in(received.batch);
    in_each_ = std::max<std::size_t>(1, datagrams / slots);
    left_ -= std::min(left_, datagrams);
    return result.more && left_ > 0;
  }

 private:
  std::size_t left_ = kDatagrams;
  std::size_t in_each_ = 32;
  bool more_ = true;
};

}  // namespace mptunnel
