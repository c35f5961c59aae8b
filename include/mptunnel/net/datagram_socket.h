// A socket that moves datagrams in batches, whatever is behind it: UdpSocket (udp_socket.h), or a fake in
// tests. One virtual call moves a whole batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/base/endpoint.h"
#include "mptunnel/net/udp_batch.h"

namespace mptunnel {

struct SocketError {
  int error = 0;     ///< errno
  std::string what;  ///< a sentence for people, with address or interface
};

/// It never waits and queues nothing: what the kernel does not take is lost, counted and reported.
class DatagramSocket {
 public:
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;
  virtual ~DatagramSocket() = default;

  /// Turns to another peer. The local port stays (unless another program takes it in that very moment); a
  /// local address that nobody asked for is chosen anew. On an error the socket is connected to nobody, and
  /// stays usable for another connect().
  virtual tl::expected<void, SocketError> connect(const Endpoint& remote) = 0;

  /// One system call: at most `max_batches` batches of up to 64 datagrams. Never blocks. Call it until `more`
  /// is false or the wake-up's budget is spent.
  virtual ReceiveResult receive(ReceiveBuffers& buffers, std::size_t max_batches) = 0;

  /// Sends all runs, in order, and fills `outcomes`, which has as many elements. EAGAIN ends the call: the
  /// rest is lost. Any other error ends its run only.
  virtual void send(std::span<const SendRun> runs, std::span<SendOutcome> outcomes) = 0;
  /// The same for pieces, of which each destination has at least one.
  virtual void send(std::span<const SendPieces> pieces, std::span<SendOutcome> outcomes) = 0;
  SendOutcome send(const SendRun& run);
  /// The same for one destination's pieces; for none of them it does nothing.
  SendOutcome send_pieces(std::span<const ConstBytes> datagrams, const Route& to, std::uint8_t dscp = 0);

  /// Asked from the kernel: after connect() it has the address that datagrams leave from.
  [[nodiscard]] virtual Endpoint local_endpoint() const = 0;
  /// To watch for datagrams to read.
  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] virtual const SocketCounters& counters() const = 0;
  /// What the kernel gave of the wanted buffer size, bytes.
  [[nodiscard]] virtual std::size_t receive_buffer_bytes() const = 0;

 protected:
  DatagramSocket() = default;
};

}  // namespace mptunnel
