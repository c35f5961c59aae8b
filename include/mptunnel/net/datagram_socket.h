// A socket that moves datagrams in batches, whatever is behind it: UdpSocket (udp_socket.h), or a fake in
// tests. What goes into and comes out of it comes first. One virtual call moves a whole batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>

#include "mptunnel/base/bytes.h"
#include "mptunnel/base/endpoint.h"
#include "mptunnel/ip/marks.h"
#include "mptunnel/net/icmp_report.h"

namespace mptunnel {

/// One slot's worth of what arrived: datagrams of one sender.
struct Received {
  DatagramBatch batch;
  Route route;    ///< `local` is set by sockets opened with `packet_info`, and has the socket's port
  Marks marks{};  ///< by sockets opened with `read_marks`; else none
};

/// Valid until the next receive with the same buffers, whichever socket does it.
struct ReceiveResult {
  std::span<const Received> batches;
  int error = 0;  ///< an errno that was pending (ECONNREFUSED: an ICMP answer to an earlier send), 0 if none
  bool more = false;  ///< every slot was filled: the socket may have more
  std::uint64_t kernel_drops =
      0;  ///< lost before these because the receive buffer was full; only those not yet reported
  std::uint64_t old = 0;  ///< datagrams that waited longer than kMaxReceiveAge, and were dropped
  bool has_icmp = false;  ///< take_icmp() has something to read
};

/// Room for one receive call: shared by all sockets of a loop. Its memory is used only where datagrams land.
class ReceiveBuffers {
 public:
  /// Holds any UDP datagram and any batch that UDP_GRO makes of them.
  static constexpr std::size_t kSlotBytes = 65536;
  static constexpr std::size_t kDefaultSlots = 32;

  /// `slots` is 1 to 1024 (UIO_MAXIOV). Smaller slots than kSlotBytes truncate, and then lose, what doesn't
  /// fit.
  explicit ReceiveBuffers(std::size_t slots = kDefaultSlots, std::size_t slot_bytes = kSlotBytes);
  ReceiveBuffers(const ReceiveBuffers&) = delete;
  ReceiveBuffers& operator=(const ReceiveBuffers&) = delete;
  ~ReceiveBuffers();

 private:
  friend class UdpSocket;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Datagrams for one destination, back to back: each `stride` bytes, the last may be shorter. An empty
/// `bytes` is one empty datagram. The bytes stay the caller's and are done with when the send returns.
struct SendRun {
  ConstBytes bytes;
  std::size_t stride = 0;  ///< 1 to 65,535; ignored if `bytes` is empty
  Route to;       ///< `remote` is ignored by connected sockets; an unset `local` lets the kernel choose
  Marks marks{};  ///< of each packet. Only others than none cost something
};

/// Datagrams for one destination that lie scattered: each piece is one, an empty piece too. At least one.
struct SendPieces {
  std::span<const ConstBytes> datagrams;
  Route to;       ///< as in SendRun
  Marks marks{};  ///< as in SendRun
};

/// What became of one run. Datagrams that were not accepted are lost: nothing is queued, nothing waits.
struct SendOutcome {
  std::uint32_t accepted = 0;  ///< datagrams that the kernel took
  /// The last errno met, 0 if none. With all datagrams accepted it is the news of an earlier one
  /// (ECONNREFUSED). EMSGSIZE always speaks of a datagram that was sent by itself, never of a segmented run.
  int error = 0;
};

/// Since the socket was opened. All but the bytes count datagrams, one by one however they were batched.
struct SocketCounters {
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t old = 0;        ///< dropped: they waited longer than kMaxReceiveAge; not in `received`
  std::uint64_t truncated = 0;  ///< batches that didn't fit a slot, and were dropped
  std::uint64_t kernel_drops =
      0;  ///< dropped by the kernel because the receive buffer was full (SO_RXQ_OVFL)
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t would_block = 0;  ///< not sent: EAGAIN, the send buffer was full
  std::uint64_t no_buffers = 0;   ///< not sent: ENOBUFS or ENOMEM
  std::uint64_t refused = 0;  ///< ECONNREFUSED reports, by send or receive; the datagram at hand was not lost
  std::uint64_t too_big = 0;  ///< not sent: EMSGSIZE
  std::uint64_t other_errors = 0;  ///< not sent: any other errno
};

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

  /// While this is in effect another socket may be opened on the same port, to get what comes from others
  /// than the peer of this one.
  virtual void let_share(bool shares) = 0;

  /// One system call: at most `max_batches` batches of up to 64 datagrams. Never blocks. Call it until `more`
  /// is false or the wake-up's budget is spent.
  virtual ReceiveResult receive(ReceiveBuffers& buffers, std::size_t max_batches) = 0;

  /// Sends all runs, in order, and fills `outcomes`, which has as many elements. EAGAIN ends the call: the
  /// rest is lost. Any other error ends its run only.
  virtual void send(std::span<const SendRun> runs, std::span<SendOutcome> outcomes) = 0;
  /// The same for pieces, of which each destination has at least one.
  virtual void send(std::span<const SendPieces> pieces, std::span<SendOutcome> outcomes) = 0;
  SendOutcome send(const SendRun& run) {
    SendOutcome outcome;
    send(std::span(&run, 1), {&outcome, 1});
    return outcome;
  }
  /// The same for one destination's pieces; for none of them it does nothing.
  SendOutcome send_pieces(std::span<const ConstBytes> datagrams, const Route& to, Marks marks = {}) {
    SendOutcome outcome;
    const SendPieces pieces{datagrams, to, marks};
    if (!datagrams.empty()) send(std::span(&pieces, 1), {&outcome, 1});
    return outcome;
  }

  /// Reads what ICMP said about what was sent, and returns the last of it that says something of the way;
  /// nullopt if there is none. Whoever opens a socket that `hears_icmp` calls it when a receive says that
  /// there is something to read; until then the socket stays readable.
  virtual std::optional<IcmpReport> take_icmp() = 0;

  /// Asked from the kernel: after connect() it has the address that datagrams leave from.
  [[nodiscard]] virtual Endpoint local_endpoint() const = 0;
  /// To watch for datagrams to read.
  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] virtual const SocketCounters& counters() const = 0;
  /// What was sent and still waits in the machine, for its queues and the device: bytes as the kernel charges
  /// them, which is more than the payload (SIOCOUTQ). 0 if it does not say.
  [[nodiscard]] virtual std::size_t queued_bytes() const = 0;
  /// Whether the kernel steers what comes to this one's port among the sockets of its group, and none of it
  /// to one that joins in order to send. If not, such a socket would take, and lose, what is for the group.
  [[nodiscard]] virtual bool is_steered() const = 0;
  /// What the kernel gave of the wanted buffer size, bytes.
  [[nodiscard]] virtual std::size_t receive_buffer_bytes() const = 0;

 protected:
  DatagramSocket() = default;
};

}  // namespace mptunnel
